"""Bodies of answers about the audit log."""

from typing import Any

from marshmallow import Schema, fields

from token_service.web.schemas.answers import Instant


class NoneIfEmpty(fields.String):
    """A text, or null where there is none."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return super()._serialize(value, attr, obj, **kwargs) or None


class AuditEventSchema(Schema):
    """One event; `reason` has the names of the refusals and ends, `actor` that of who did it."""

    event = fields.String(attribute="event.event.value")
    at = Instant(metadata={"format": "date-time"})
    reason = NoneIfEmpty(attribute="event.reason", allow_none=True)
    actor = fields.String(
        attribute="event.actor",
        metadata={"description": "`account:<id>`, `client:<id>`, `cli` or `service`."},
    )
    client_id = fields.String(attribute="event.client_id", allow_none=True)
    tenantId = fields.String(attribute="event.tenant_id", allow_none=True)
    sid = fields.String(attribute="event.sid", allow_none=True)
    address = NoneIfEmpty(attribute="event.origin.address", allow_none=True)
    user_agent = NoneIfEmpty(attribute="event.origin.user_agent", allow_none=True)
    request_id = NoneIfEmpty(attribute="event.origin.request_id", allow_none=True)
    details = fields.Dict(attribute="event.details", metadata={"description": "Plain facts."})


class AuditEventsSchema(Schema):
    """One page of the audit log, newest first."""

    items = fields.List(fields.Nested(AuditEventSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
