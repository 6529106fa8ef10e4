"""Bodies and parameters of requests, each loaded into a value; unknown fields are refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields, post_load, validates_schema
from marshmallow.exceptions import ValidationError
from marshmallow.validate import Length, Range

MAX_PAGE = 100
MAX_TOKENS = 100


def _text(description: str, *, required: bool) -> fields.String:
    return fields.String(required=required, metadata={"description": description})


def _device_token() -> fields.String:
    return _text("What the last sign-in on this device gave, if there was one.", required=False)


class Flag(fields.Boolean):
    """A JSON boolean and nothing that only looks like one: 1, "true" and "on" are refused."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Tokens(fields.List[str]):
    """Tokens to ask about; what is wrong with one of them is said of the whole list."""

    default_error_messages = {"invalid": "Not a list of texts."}

    def __init__(self, description: str) -> None:
        super().__init__(
            fields.String(),
            required=True,
            validate=Length(1, MAX_TOKENS),
            metadata={"description": description},
        )

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> list[str | None]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise self.make_error("invalid")
        return list(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRequest:
    """What comes from a client that names itself in the body, and may prove there who it is: by the
    parameters of the token endpoint (RFC 6749 section 2.3, RFC 7521 section 4.2)."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_assertion_type: str | None = None
    client_assertion: str | None = field(default=None, repr=False)


class ClientFields(Schema):
    """How a client names itself in a JSON body; Basic authentication instead is as good."""

    client_id = _text("The client's id.", required=True)
    client_secret = _text(
        "The secret of a confidential client, unless it uses Basic authentication.",
        required=False,
    )
    client_assertion_type = _text(
        "As at the token endpoint, for clients that sign.", required=False
    )
    client_assertion = _text("The signed JWT, instead of a secret.", required=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInRequest(ClientRequest):
    """A sign-in as it was sent."""

    identifier: str
    password: str = field(repr=False)
    tenant_id: str | None = None
    scope: str | None = None
    remember_me: bool = False
    device_token: str | None = field(default=None, repr=False)


class SignInSchema(ClientFields):
    """Credentials of a person, and for which tenant and scope."""

    identifier = _text("E-mail address, username or phone number.", required=True)
    password = _text("The password.", required=True)
    tenant_id = _text(
        "The tenant; needed when the account has several and no default.", required=False
    )
    scope = _text("Scopes, separated by spaces; by default the client's own.", required=False)
    remember_me = Flag(
        metadata={"description": "Stay signed in for longer, where the tenant's policy allows it."}
    )

    device_token = _device_token()

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> SignInRequest:
        return SignInRequest(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinueRequest(ClientRequest):
    """A sign-in that goes on, as it was sent."""

    end_sid: str
    ticket: str = field(repr=False)
    device_token: str | None = field(default=None, repr=False)


class ContinueSchema(ClientFields):
    """The ticket of a sign-in that was answered 409, and the session that is to end for it."""

    ticket = _text("The ticket; good once, and for the client that it was given to.", required=True)
    end_sid = _text("The session to end: one of those that were listed.", required=True)

    device_token = _device_token()

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> ContinueRequest:
        return ContinueRequest(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest(ClientRequest):
    """A refresh as it was sent."""

    refresh_token: str = field(repr=False)
    scope: str | None = None
    tenant_id: str | None = None


class RefreshSchema(ClientFields):
    """A refresh token, and optionally less scope than it has, or another tenant."""

    refresh_token = _text("The refresh token.", required=True)
    scope = _text("Scopes, separated by spaces, out of those granted.", required=False)
    tenant_id = _text("Another of the account's tenants, to enter it.", required=False)

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> RefreshRequest:
        return RefreshRequest(**data)


@dataclass(frozen=True, slots=True)
class ValidateRequest:
    """A question about an access token."""

    token: str = field(repr=False)
    audience: str | None = None


class ValidateSchema(Schema):
    """An access token, and optionally for whom it must be meant."""

    token = _text("The access token.", required=True)
    audience = _text("The resource server that the token must be meant for.", required=False)

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> ValidateRequest:
        return ValidateRequest(**data)


class IntrospectSchema(Schema):
    """A token, with the hint of RFC 7662, which changes nothing."""

    token = _text("The access token or refresh token.", required=True)
    token_type_hint = _text("Ignored: every token says itself what it is.", required=False)

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> str:
        return str(data["token"])


@dataclass(frozen=True, slots=True)
class ValidateBatchRequest:
    """A question about several access tokens."""

    tokens: list[str] = field(repr=False)
    audience: str | None = None


class ValidateBatchSchema(Schema):
    """Access tokens, and optionally for whom each must be meant."""

    tokens = Tokens("The access tokens.")
    audience = _text("The resource server that each must be meant for.", required=False)

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> ValidateBatchRequest:
        return ValidateBatchRequest(**data)


class IntrospectBatchSchema(Schema):
    """Tokens of either kind."""

    tokens = Tokens("The access tokens or refresh tokens.")

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> list[str]:
        return list(data["tokens"])


@dataclass(frozen=True, slots=True)
class InvalidateRequest:
    """What is to end: exactly one of the two is given."""

    token: str | None = field(default=None, repr=False)
    sid: str | None = None


class InvalidateSchema(Schema):
    """A token, whose holder may end its session, or the id of a session."""

    token = _text("Either token of the session.", required=False)
    sid = _text("The session's id; for those who may end it.", required=False)

    @validates_schema
    def _exactly_one(self, data: Mapping[str, Any], **_: object) -> None:
        if ("token" in data) == ("sid" in data):
            raise ValidationError("Give exactly one of token and sid.", "token")

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> InvalidateRequest:
        return InvalidateRequest(**data)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list."""

    limit: int = 50
    cursor: str | None = None


class PageSchema(Schema):
    """Paging: the cursor is `next_cursor` of the page before."""

    limit = fields.Integer(
        validate=Range(1, MAX_PAGE), metadata={"description": "Items at most; 50 by default."}
    )
    cursor = _text("Where the page before ended.", required=False)

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> PageRequest:
        return PageRequest(**data)


class KeepCurrentSchema(Schema):
    """Whether signing out everywhere spares the session that asks."""

    keep_current = fields.Boolean(
        truthy={"true"},
        falsy={"false"},
        metadata={"description": "true: the session that asks goes on."},
    )

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> bool:
        return bool(data.get("keep_current", False))
