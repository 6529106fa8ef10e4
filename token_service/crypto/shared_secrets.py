"""The secrets of clients that sign with them: encrypted at rest, because a hash would not do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from token_service.crypto.keyring import KeyEncryption
from token_service.domain.failures import KeyUnreadable


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """A secret; two may be live while one replaces the other."""

    secret: str = field(repr=False)
    expires_at: datetime | None = None


def seal(encryption: KeyEncryption, client_id: str, secrets: Sequence[SharedSecret]) -> bytes:
    """What the client's row stores, the newest first; in another client's row it opens nothing."""
    plain = [
        [one.secret, None if one.expires_at is None else one.expires_at.isoformat()]
        for one in secrets
    ]
    return encryption.encrypt(json.dumps(plain).encode(), _context(client_id))


def unseal(encryption: KeyEncryption, client_id: str, sealed: bytes) -> list[SharedSecret]:
    """Raises KeyUnreadable."""
    try:
        plain = json.loads(encryption.decrypt(sealed, _context(client_id)))
    except KeyUnreadable as unreadable:
        raise KeyUnreadable(f"the secret of client {client_id}: {unreadable}") from None
    return [
        SharedSecret(secret, None if end is None else datetime.fromisoformat(end))
        for secret, end in plain
    ]


def live(secrets: Sequence[SharedSecret], now: datetime) -> list[str]:
    """Those that are good at `now`."""
    return [one.secret for one in secrets if one.expires_at is None or now < one.expires_at]


def _context(client_id: str) -> bytes:
    return b"token-service shared secret v1\0" + client_id.encode()
