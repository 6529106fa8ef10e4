"""What a person sees and changes of their own account."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields, post_load


class NameSchema(Schema):
    """A sign-in name as its owner wrote it."""

    kind = fields.String(metadata={"enum": ["email", "phone", "username"]})
    name = fields.String(attribute="display")


class OwnSchema(Schema):
    """One's own account."""

    account_id = fields.String(required=True)
    names = fields.List(fields.Nested(NameSchema), required=True)
    tenants = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "Their ids; to who acts as the account, the token's only."},
    )
    profile = fields.Dict(required=True)


class ProfilePatchSchema(Schema):
    """A change of the profile: a JSON merge patch (RFC 7396); null removes a member."""

    profile = fields.Dict(
        keys=fields.String(),
        required=True,
        metadata={"description": "8192 bytes at most after the change, 8 levels deep."},
    )

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> dict[str, Any]:
        return dict(data["profile"])
