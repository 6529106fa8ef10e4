"""Bodies about passwords: changed, reset by a link, and what was wrong with a chosen one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields, post_load, validates_schema
from marshmallow.exceptions import ValidationError

from token_service.oauth.credentials import OF_CREDENTIALS
from token_service.web.schemas.requests import ClientRequest


def _text(description: str, *, required: bool) -> fields.String:
    return fields.String(required=required, metadata={"description": description})


@dataclass(frozen=True, slots=True)
class ChangePasswordRequest:
    """A change as it was sent; with a refresh token comes the client that it belongs to."""

    current_password: str = field(repr=False)
    new_password: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    client_assertion_type: str | None = None
    client_assertion: str | None = field(default=None, repr=False)

    @property
    def client(self) -> ClientRequest | None:
        """The client of the refresh token."""
        if self.client_id is None:
            return None
        return ClientRequest(
            client_id=self.client_id,
            client_secret=self.client_secret,
            client_assertion_type=self.client_assertion_type,
            client_assertion=self.client_assertion,
        )


class ChangePasswordSchema(Schema):
    """The old and the new password, and optionally the session's refresh token."""

    current_password = _text("The password until now.", required=True)
    new_password = _text("The password from now on.", required=True)
    refresh_token = _text(
        "Is used as if it were refreshed; its successor is in the answer.", required=False
    )
    client_id = _text("The client of the refresh token.", required=False)
    client_secret = _text("Its secret, if it is confidential.", required=False)
    client_assertion_type = _text(
        "As at the token endpoint, for clients that sign.", required=False
    )
    client_assertion = _text("The signed JWT, instead of a secret.", required=False)

    @validates_schema
    def _together(self, data: Mapping[str, Any], **_: object) -> None:
        if ("refresh_token" in data) != ("client_id" in data):
            raise ValidationError("Give refresh_token and client_id together.", "client_id")
        for name in OF_CREDENTIALS & data.keys():
            if "client_id" not in data:
                raise ValidationError(f"Give {name} with client_id only.", name)

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> ChangePasswordRequest:
        return ChangePasswordRequest(**data)


class RequestResetSchema(Schema):
    """Whose password is to be set anew."""

    identifier = _text("E-mail address, username or phone number.", required=True)

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> str:
        return str(data["identifier"])


@dataclass(frozen=True, slots=True)
class CompleteResetRequest:
    """A link's token and the password that was chosen."""

    token: str = field(repr=False)
    new_password: str = field(repr=False)


class CompleteResetSchema(Schema):
    """The token of a link, and the new password."""

    token = _text("What stands in the link.", required=True)
    new_password = _text("The password from now on.", required=True)

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> CompleteResetRequest:
        return CompleteResetRequest(**data)


class OwnTokensSchema(Schema):
    """A fresh access token of one's own session; with a refresh token only if one was used."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"enum": ["Bearer", "DPoP"]})
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    scope = fields.String(required=True)
    refresh_token = fields.String()
    sid = fields.String(required=True)
    tenantId = fields.String(required=True)
