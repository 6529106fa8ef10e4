"""What administrators are told of an account's lock."""

from marshmallow import Schema, fields

from token_service.web.schemas.answers import Instant


class LockOutSchema(Schema):
    """The failed sign-ins of an account in a row, and the end of its lock."""

    failures = fields.Integer(required=True)
    locked_until = Instant(required=True, allow_none=True, metadata={"format": "date-time"})
