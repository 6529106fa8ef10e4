"""The names of pushed authorization requests: `urn:ietf:params:oauth:request_uri:` (RFC 9126
section 2.2), with the id of the request (`addressed`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from token_service.crypto.addressed import Kind
from token_service.crypto.locators import LocatorKey
from token_service.domain.pushed_requests import REQUEST_URI

_KIND = Kind("pushed request", REQUEST_URI, ids=1)

LENGTH = _KIND.frame.length

hash_of, names_unknown_key = _KIND.hash_of, _KIND.frame.names_unknown_key


@dataclass(frozen=True, slots=True)
class PresentedUri:
    """What a genuine name says. That it is genuine does not mean that it is still good."""

    request_id: str
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> str:
        """What the request's row holds if the secret is the right one."""
        return hash_of(self.secret)


def issue(key: LocatorKey, request_id: str, secret: bytes) -> str:
    """A name; the id is 32 hexadecimal characters."""
    return _KIND.issue(key, (request_id,), secret)


def parse(keys: Mapping[int, LocatorKey], uri: str) -> PresentedUri | None:
    """What the name says if one of the keys has sealed it, otherwise None, without a database."""
    found = _KIND.parse(keys, uri)
    return None if found is None else PresentedUri(found.ids[0], found.secret)
