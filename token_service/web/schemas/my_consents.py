"""Bodies about what a person has allowed applications."""

from marshmallow import Schema, fields

from token_service.web.schemas.answers import Instant


class TenantConsentSchema(Schema):
    """What was allowed in one tenant."""

    tenant_id = fields.String()
    tenant_name = fields.String()
    scope = fields.Function(lambda one: " ".join(sorted(one.consent.scope)))
    claims = fields.Function(lambda one: sorted(one.consent.claims))
    given_at = Instant(metadata={"format": "date-time"})


class MyConsentSchema(Schema):
    """An application, and what it was allowed."""

    client_id = fields.String()
    name = fields.String()
    consents = fields.List(fields.Nested(TenantConsentSchema))


class MyConsentsSchema(Schema):
    """All of them, the newest first."""

    items = fields.List(fields.Nested(MyConsentSchema), required=True)
