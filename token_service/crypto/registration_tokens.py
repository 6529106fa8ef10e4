"""Registration access tokens and permits (RFC 7591 section 3, RFC 7592): made, renewed, recognised.

`tsm_` lets a client manage its own registration, `tsi_` lets somebody register clients. An update
renews the first one, and its successor is derived from it by a key: a client whose answer was lost
asks again with the old token and gets the same new one, so that no token is ever lost on the way.
"""

from token_service.crypto import opaque

MANAGEMENT_PREFIX = "tsm_"
PERMIT_PREFIX = "tsi_"
_LONGEST = 100
_STORED = "registration access token"
_NEXT = "next registration access token"
_PERMIT = "initial access token"


def new_token() -> str:
    """A client's first registration access token."""
    return opaque.new_secret(MANAGEMENT_PREFIX)


def successor(pepper: bytes, token: str) -> str:
    """The token that takes this one's place; always the same, and nobody else can tell it."""
    body = MANAGEMENT_PREFIX + opaque.keyed_hash(pepper, _NEXT, token)
    return body + opaque.checksum(body)


def stored(pepper: bytes, token: str) -> str:
    """What the database keeps of it."""
    return opaque.keyed_hash(pepper, _STORED, token)


def recognised(pepper: bytes, token: str, token_hash: str) -> str | None:
    """The token in force, if this is it or the one whose place it took; else None."""
    if len(token) > _LONGEST:
        return None
    following = successor(pepper, token)
    in_force = [one for one in (token, following) if opaque.same(stored(pepper, one), token_hash)]
    return in_force[0] if in_force else None


def new_permit() -> str:
    """A permit to register clients."""
    return opaque.new_secret(PERMIT_PREFIX)


def stored_permit(pepper: bytes, permit: str) -> str:
    """What the database keeps of a permit."""
    return opaque.keyed_hash(pepper, _PERMIT, permit)
