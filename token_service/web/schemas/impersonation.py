"""What a backend says when it asks to act as somebody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema, fields, post_load
from marshmallow.exceptions import ValidationError
from marshmallow.validate import Range

from token_service.domain.impersonation import (
    DEFAULT_LIFETIME,
    LONGEST_LIFETIME,
    LONGEST_REASON,
    says_why,
)


class WholeNumber(fields.Integer):
    """A JSON integer and nothing that only looks like one: true, 60.0 and "60" are refused."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def _refuse_no_reason(reason: str) -> None:
    if not says_why(reason):
        raise ValidationError(f"Must be words, {LONGEST_REASON} characters at most.")


@dataclass(frozen=True, slots=True)
class ImpersonationRequest:
    """An impersonation as it was asked for; `lifetime` is in seconds."""

    account_id: str
    tenant_id: str
    reason: str
    lifetime: int = DEFAULT_LIFETIME
    scope: str | None = None


class ImpersonationSchema(Schema):
    """As whom a backend wants to act, where, why and for how long."""

    account_id = fields.String(required=True, metadata={"description": "The account."})
    tenant_id = fields.String(required=True, metadata={"description": "One of its tenants."})
    reason = fields.String(
        required=True,
        validate=_refuse_no_reason,
        metadata={"description": "Why; the audit log keeps it.", "maxLength": LONGEST_REASON},
    )
    lifetime = WholeNumber(
        validate=Range(1, LONGEST_LIFETIME),
        metadata={"description": f"Seconds to the end; {DEFAULT_LIFETIME} by default."},
    )
    scope = fields.String(
        metadata={"description": "Scopes, separated by spaces; by default all that are possible."}
    )

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> ImpersonationRequest:
        return ImpersonationRequest(**data)
