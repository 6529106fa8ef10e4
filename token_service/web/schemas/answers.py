"""Bodies of answers: exactly these fields leave the service."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields

from token_service.domain.session_ends import EndedSession
from token_service.domain.sessions import LiveSession


class Instant(fields.String):
    """A time in ISO 8601, in UTC, with `Z`."""

    def _serialize(  # type: ignore[override]
        self, value: datetime | None, attr: str | None, obj: Any, **_: Any
    ) -> str | None:
        if value is None:
            return None
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(attribute: str) -> Instant:
    return Instant(attribute=attribute, metadata={"format": "date-time"})


class EndToldSchema(Schema):
    """What a device learns of the end of its own session."""

    reason = fields.String(metadata={"description": "The end by its name, as `evicted`."})
    ended_at = _instant("ended_at")
    ended_device = fields.String(
        attribute="device",
        allow_none=True,
        metadata={"description": "The kind of device that ended it, as `Firefox on Linux`."},
    )


class ProblemSchema(Schema):
    """An error (RFC 9457); `code` is stable."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    code = fields.String()
    detail = fields.String()
    request_id = fields.String(metadata={"description": "The same in the service's log."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "What was wrong, by field."},
    )


class EndedProblemSchema(ProblemSchema, EndToldSchema):
    """An error (RFC 9457); where one's own session has ended, why and when."""


class TokensSchema(Schema):
    """Tokens (RFC 6749 section 5.1) and the session that they belong to."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"enum": ["Bearer", "DPoP"]})
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    scope = fields.String(required=True)
    id_token = fields.String(
        metadata={"description": "Where the grant came by an OpenID Connect authentication."}
    )
    refresh_token = fields.String()
    previous_refresh_token = fields.String(
        metadata={"description": "The successor of a token that was used to enter another tenant."}
    )
    device_token = fields.String(
        metadata={"description": "After a sign-in: for the next one on this device (lock-out)."}
    )
    sid = fields.String()
    tenantId = fields.String()


class ActorSchema(Schema):
    """Who acts as the subject of a token (RFC 8693 section 4.1)."""

    sub = fields.String(metadata={"description": "The client's id."})


class ConfirmationSchema(Schema):
    """What a token is bound to (RFC 7800): thumbprints of a key, of a certificate, or both."""

    jkt = fields.String(metadata={"description": "RFC 9449 section 6.1."})
    certificate = fields.String(
        data_key="x5t#S256", metadata={"description": "RFC 8705 section 3.1."}
    )


class InspectionSchema(Schema):
    """What is said of a token (RFC 7662 section 2.2); of one that is not active only that."""

    active = fields.Boolean(required=True)
    sub = fields.String()
    sid = fields.String()
    tenantId = fields.String()
    client_id = fields.String()
    scope = fields.String()
    token_type = fields.String()
    iss = fields.String()
    aud = fields.Raw(metadata={"description": "A resource server or a list of them."})
    jti = fields.String()
    iat = fields.Integer()
    exp = fields.Integer()
    auth_time = fields.Integer()
    amr = fields.List(fields.String())
    act = fields.Nested(ActorSchema)
    cnf = fields.Nested(ConfirmationSchema)


class InspectionsSchema(Schema):
    """What is said of each token, in the order in which they were sent."""

    items = fields.List(fields.Nested(InspectionSchema), required=True)


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session, and whether it is the one that asks."""

    live: LiveSession | EndedSession
    is_current: bool


class SessionSchema(Schema):
    """One live session. Times are ISO 8601 in UTC."""

    sid = fields.String(attribute="live.session.sid")
    created_at = _instant("live.session.created_at")
    authenticated_at = _instant("live.session.authenticated_at")
    last_active_at = _instant("live.last_active_at")
    ends_at = _instant("live.ends_at")
    isCurrent = fields.Boolean(attribute="is_current")
    ip = fields.String(attribute="live.session.device.ip")
    browser = fields.String(attribute="live.session.device.browser")
    os = fields.String(attribute="live.session.device.os")
    device = fields.String(attribute="live.session.device.device")
    city = fields.String(attribute="live.session.device.city", allow_none=True)
    country = fields.String(attribute="live.session.device.country", allow_none=True)
    latitude = fields.Float(attribute="live.session.device.latitude", allow_none=True)
    longitude = fields.Float(attribute="live.session.device.longitude", allow_none=True)
    clients = fields.List(fields.String(), attribute="live.clients")
    tenants = fields.List(fields.String(), attribute="live.tenants")
    remembered = fields.Boolean(attribute="live.session.remembered")
    impersonator = fields.String(attribute="live.session.impersonator", allow_none=True)


class SessionsSchema(Schema):
    """One page of live sessions, newest first."""

    items = fields.List(fields.Nested(SessionSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class WaitingSignInSchema(Schema):
    """What a sign-in beyond a limit of sessions may end, and how it goes on."""

    sessions = fields.List(fields.Nested(SessionSchema), required=True)
    ticket = fields.String(
        required=True, metadata={"description": "For `POST /v1/sign-in/continue`, once."}
    )
    ticket_expires_in = fields.Integer(
        required=True, attribute="expires_in", metadata={"description": "Seconds."}
    )


class SessionLimitProblemSchema(ProblemSchema, WaitingSignInSchema):
    """An error (RFC 9457): there is no room for one more session, and one is to be ended."""
