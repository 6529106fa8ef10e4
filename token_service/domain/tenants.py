"""Tenants: customers of the environment, with their own policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; `policy` holds only the fields that it overrides."""

    tenant_id: str
    name: str
    enabled: bool
    epoch: int
    policy: Mapping[str, Any]
