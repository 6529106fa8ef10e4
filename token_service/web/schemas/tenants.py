"""Bodies about a tenant's roles and members."""

from collections.abc import Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields, post_load
from marshmallow.exceptions import ValidationError

from token_service.domain import roles


class RoleNames(fields.List[Any]):
    """Names of roles; what is wrong with one is said of the field, whichever one it is."""

    def _deserialize(self, value: Any, *_args: Any, **_kwargs: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > roles.MAX_HELD:
            raise ValidationError(f"Must be a list of at most {roles.MAX_HELD} roles.")
        if not all(roles.well_formed(name) for name in value):
            raise ValidationError("A role is called a-z, then a-z 0-9 _ . : -, 64 at most.")
        return value


class RolesSchema(Schema):
    """By the name of each role the list of permissions that it carries."""

    class Meta:
        """The names of roles are the fields."""

        unknown = INCLUDE


class RoleChangesSchema(Schema):
    """By the name of a role its permissions from now on, or null to take the role away."""

    class Meta:
        """The names of roles are the fields."""

        unknown = INCLUDE


class MemberRolesSchema(Schema):
    """All roles that the member is to have."""

    roles = RoleNames(
        fields.String(),
        required=True,
        metadata={"description": "A role that the tenant does not define permits nothing."},
    )

    @post_load
    def _made(self, data: Mapping[str, Any], **_: object) -> tuple[str, ...]:
        return tuple(sorted(set(data["roles"])))


class MemberSchema(Schema):
    """A member of a tenant."""

    account_id = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    names = fields.List(
        fields.String(), metadata={"description": "The names that the account signs in with."}
    )


class MembersSchema(Schema):
    """One page of members, in the order of their ids."""

    items = fields.List(fields.Nested(MemberSchema), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
