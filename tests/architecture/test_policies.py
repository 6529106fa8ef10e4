"""A policy can be set wherever it counts."""

from dataclasses import fields
from typing import get_type_hints

from token_service.domain.policies import FIELDS
from token_service.settings import Settings


def test_every_field_of_a_policy_is_a_setting():
    policy = get_type_hints(Settings)["policy"]
    assert {field.name for field in fields(policy)} == FIELDS
