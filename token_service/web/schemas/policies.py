"""Policies as requests and answers have them: documented by the rules that decide about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, post_load
from marshmallow.validate import OneOf

from token_service.domain.policy_changes import CLIENT_FIELDS, RULES, Choice, Range

_DESCRIPTIONS = {
    "access_token_lifetime": (
        "Seconds; in effect at most 2/3 of the idle timeout and of the refresh lifetime."
    ),
    "refresh_token_lifetime": "Seconds from each use, or `auto`: 1.5 times the access token's.",
    "idle_timeout": "Seconds without use after which a session ends.",
    "force_relogin": "Seconds after which everybody signs in again, however busy.",
    "max_sessions": "Sessions at the same time.",
    "max_sessions_action": "What happens to a sign-in beyond them.",
    "account_limit_precedence": "Which number counts when the account has its own.",
    "remember_me": "Whether a browser may stay signed in after it was closed.",
    "remember_me_lifetime": "Seconds that it does.",
    "logout_on_password_change": "Whether a changed password ends the other sessions.",
    "retry_window": "Seconds in which a spent refresh token gives the same successor; 0: strict.",
    "lockout_failures": "Failed sign-ins in a row that lock an account.",
    "lockout_seconds": "Seconds of the longest lock-out. The first has 60; each one doubles it.",
    "impersonation": "Whether trusted backends may act as members.",
}


def _json_schema(rule: Range | Choice) -> dict[str, Any]:
    if isinstance(rule, Choice):
        return {"enum": list(rule.values)}
    whole = {"type": "integer", "minimum": rule.low, "maximum": rule.high}
    return whole if rule.word is None else {"oneOf": [whole, {"enum": [rule.word]}]}


def _stated(name: str) -> fields.Raw:
    """A field with its value."""
    return fields.Raw(metadata={"description": _DESCRIPTIONS[name], **_json_schema(RULES[name])})


def _changed(name: str) -> fields.Raw:
    """A field in a change: null inherits again."""
    schema = {"oneOf": [_json_schema(RULES[name]), {"type": "null"}]}
    return fields.Raw(metadata={"description": _DESCRIPTIONS[name], **schema})


PolicyFields = Schema.from_dict({name: _stated(name) for name in RULES}, name="PolicyFields")
PolicyChangeFields = Schema.from_dict(
    {name: _changed(name) for name in RULES}, name="PolicyChangeFields"
)
LimitFields = Schema.from_dict({name: _stated(name) for name in CLIENT_FIELDS}, name="LimitFields")
LimitChangeFields = Schema.from_dict(
    {name: _changed(name) for name in CLIENT_FIELDS}, name="LimitChangeFields"
)


class BoundSchema(Schema):
    """What no tenant may leave; each end optional."""

    min = fields.Integer()
    max = fields.Integer()


class TenantPolicySchema(PolicyFields):  # type: ignore[misc, valid-type]
    """A policy: every value in effect, and what this level itself states of them."""

    overrides = fields.Nested(PolicyFields)


class EnvironmentPolicySchema(TenantPolicySchema):
    """The environment's policy, with the bounds of its tenants."""

    bounds = fields.Dict(keys=fields.String(), values=fields.Nested(BoundSchema))


class TenantPolicyChangeSchema(PolicyChangeFields):  # type: ignore[misc, valid-type]
    """The fields to change: null inherits again.

    With `overrides`, that is the whole of what is stated, and fields that only repeat what comes of
    it change nothing.
    """

    overrides = fields.Nested(PolicyChangeFields)


class EnvironmentPolicyChangeSchema(TenantPolicyChangeSchema):
    """The same for the environment, which inherits from the settings.

    Each field named in `bounds` gets the whole of its new bound, or none with null.
    """

    bounds = fields.Dict(
        keys=fields.String(), values=fields.Nested(BoundSchema, allow_none=True), allow_none=True
    )


class ClientPolicySchema(LimitFields):  # type: ignore[misc, valid-type]
    """The limits that a client states, and no other fields."""


class ClientPolicyChangeSchema(LimitChangeFields):  # type: ignore[misc, valid-type]
    """The limits to change: null takes one back."""


class SessionLimitSchema(Schema):
    """An account's own number of sessions: `off` for no limit, null for none of its own."""

    max_sessions = fields.Raw(
        required=True,
        allow_none=True,
        metadata={
            "description": "A number, `off` or null.",
            "oneOf": [_json_schema(RULES["max_sessions"]), {"type": "null"}],
        },
    )


@dataclass(frozen=True, slots=True)
class EffectiveRequest:
    """For whom the policy is to be explained."""

    account: str | None = None
    tenant: str | None = None
    client: str | None = None


class EffectiveQuerySchema(Schema):
    """For whom the policy is to be explained; each is optional."""

    account = fields.String(metadata={"description": "An account's id."})
    tenant = fields.String(metadata={"description": "A tenant's id."})
    client = fields.String(metadata={"description": "A client's id."})

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> EffectiveRequest:
        return EffectiveRequest(**data)


class ExplainedSchema(Schema):
    """A value, and what decided it."""

    value = fields.Raw(required=True)
    source = fields.String(
        required=True,
        metadata={
            "description": (
                "`default`, `environment`, `bounds`, `tenant`, `client` or `account`; for what the "
                "values come to also `auto`, or the field that cuts the value short."
            )
        },
    )


class ReloginSchema(ExplainedSchema):
    """The strictest forced re-login of all the account's tenants."""

    tenant = fields.String(
        required=True,
        allow_none=True,
        attribute="tenant_id",
        metadata={"description": "Whose it is; null where it is no tenant's, or one unknown here."},
    )


class InEffectSchema(Schema):
    """What the values come to."""

    access_token_lifetime = fields.Nested(ExplainedSchema, required=True)
    refresh_token_lifetime = fields.Nested(ExplainedSchema, required=True)
    unused_limit = fields.Nested(ExplainedSchema, required=True)
    remembered_unused_limit = fields.Nested(ExplainedSchema, required=True, allow_none=True)
    force_relogin = fields.Nested(ReloginSchema, required=True)


class LimitSchema(Schema):
    """At most so many live sessions of the account: all, or those of the tenant or the client."""

    max_sessions = fields.Integer(required=True, attribute="most")
    source = fields.String(
        required=True, validate=OneOf(("environment", "tenant", "client", "account"))
    )
    tenant = fields.String(required=True, allow_none=True, attribute="tenant_id")
    client = fields.String(required=True, allow_none=True, attribute="client_id")


class EffectiveSchema(Schema):
    """The effective policy, explained value by value."""

    account = fields.String(required=True, allow_none=True, attribute="account_id")
    tenant = fields.String(required=True, allow_none=True, attribute="tenant_id")
    client = fields.String(required=True, allow_none=True, attribute="client_id")
    policy = fields.Dict(keys=fields.String(), values=fields.Nested(ExplainedSchema), required=True)
    in_effect = fields.Nested(InEffectSchema, required=True)
    session_limits = fields.List(fields.Nested(LimitSchema), required=True)
