"""Bodies about a person's tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, post_load

from token_service.services.members import Belonging
from token_service.web.schemas.requests import ClientFields, ClientRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterRequest(ClientRequest):
    """What another tenant is entered with, beside the access token."""

    scope: str | None = None


class EnterSchema(ClientFields):
    """The client of the access token, and optionally less scope than the token has."""

    scope = fields.String(
        metadata={"description": "Scopes, separated by spaces, out of those granted."}
    )

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> EnterRequest:
        return EnterRequest(**data)


@dataclass(frozen=True, slots=True)
class ListedTenant:
    """A tenant that the person belongs to, and whether it is that of the token."""

    belonging: Belonging
    is_current: bool


class MyTenantSchema(Schema):
    """One tenant that the person belongs to."""

    tenant_id = fields.String(attribute="belonging.tenant.tenant_id")
    name = fields.String(attribute="belonging.tenant.name")
    roles = fields.List(fields.String(), attribute="belonging.roles")
    isCurrent = fields.Boolean(attribute="is_current")


class MyTenantsSchema(Schema):
    """All of them, in the order in which the person joined."""

    items = fields.List(fields.Nested(MyTenantSchema), required=True)
