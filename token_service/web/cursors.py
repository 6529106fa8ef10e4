"""Cursors of lists: where the next page begins, good for their receiver and their list only."""

from token_service.crypto import opaque
from token_service.web import errors, parsing
from token_service.web.parts import parts
from token_service.web.refusing import Refuse

_PURPOSE = "cursor of a list"
_KEY_LENGTH = 32


def cursor(owner: str, key: str) -> str:
    """The id that the next page of this owner's list begins after, with a keyed hash of both.

    `owner` says whose list it is and of what, so that a cursor shown elsewhere is none.
    """
    return key + opaque.keyed_hash(parts().settings.secrets.pepper, _PURPOSE, f"{owner} {key}")


def key_in(owner: str, given: str | None) -> str | None:
    """The id in a cursor of this owner's list; None where none was given: the first page."""
    if given is None:
        return None
    key = given[:_KEY_LENGTH]
    if not parsing.is_identifier(key) or not opaque.same(cursor(owner, key), given):
        raise Refuse(errors.INVALID_CURSOR)
    return key
