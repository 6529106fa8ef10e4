"""What clients sign with: the keys that they registered or publish, and the secrets they share."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from token_service.crypto import client_jwks, shared_secrets
from token_service.crypto.keyring import KeyEncryption
from token_service.domain.clients import Client
from token_service.domain.failures import Unavailable
from token_service.outbound.fetching import Fetched, Fetcher

OLDEST = timedelta(minutes=10)
"""How long a fetched set is used: a key that its client has withdrawn is good no longer here."""

AGAIN_AFTER = timedelta(seconds=10)
"""How long after one fetch of a set the next one waits, whatever came of it: whoever makes up key
ids or assertions makes us ask somebody else's server no oftener than that."""

_MEDIA_TYPES = ("application/json", "application/jwk-set+json")
_CACHED = 1_000
_PATIENCE = 1.0
"""Seconds that a request waits for another one's fetch of the same set; a slow server must not hold
every thread."""

Jwks = Mapping[str, object]


@dataclass(slots=True)
class _Published:
    """What is known of one `jwks_uri`; changed by whoever holds its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    jwks: Jwks | None = None
    fetched_at: datetime | None = None
    asked_at: datetime | None = None
    failure: str = ""

    def is_fresh(self, now: datetime) -> bool:
        """A clock that was set back makes nothing last for ever."""
        return self.fetched_at is not None and abs(now - self.fetched_at) < OLDEST

    def may_ask(self, now: datetime) -> bool:
        return self.asked_at is None or abs(now - self.asked_at) >= AGAIN_AFTER


class ClientKeys:
    """One worker's view of them. Fetches, so never to be asked while a transaction is open."""

    def __init__(self, fetcher: Fetcher, encryption: KeyEncryption) -> None:
        self._fetcher = fetcher
        self._encryption = encryption
        self._published: dict[tuple[str, str], _Published] = {}
        self._lock = threading.Lock()

    def jwks(self, client: Client, now: datetime, *, kid: str | None = None) -> Jwks:
        """The client's JWK set; with a `kid` that it lacks, once more from where it is published.

        Empty where the client has none. Raises `Unavailable` where it cannot be found out.
        """
        registered = client.metadata
        if registered.jwks is not None:
            return registered.jwks
        if registered.jwks_uri is None:
            return {}
        published = self._entry(client.client_id, registered.jwks_uri)
        if _answers(published, kid, now):
            return published.jwks or {}
        if not published.lock.acquire(timeout=_PATIENCE):
            raise Unavailable(f"keys of client {client.client_id}: somebody else fetches them")
        try:
            # Another thread may have fetched it meanwhile.
            if not _answers(published, kid, now) and published.may_ask(now):
                self._fetch(published, registered.jwks_uri, now)
            if published.jwks is None or not published.is_fresh(now):
                raise Unavailable(f"keys of client {client.client_id}: {published.failure}")
            return published.jwks
        finally:
            published.lock.release()

    def secrets(self, client: Client, now: datetime) -> list[str]:
        """The live secrets of a client that signs with them; raises KeyUnreadable."""
        sealed = client.shared_secret_encrypted
        if sealed is None:
            return []
        found = shared_secrets.unseal(self._encryption, client.client_id, sealed)
        return shared_secrets.live(found, now)

    def _entry(self, client_id: str, uri: str) -> _Published:
        with self._lock:
            if len(self._published) >= _CACHED:
                self._published.clear()
            return self._published.setdefault((client_id, uri), _Published())

    def _fetch(self, published: _Published, uri: str, now: datetime) -> None:
        """What was fetched before stays until it is too old."""
        published.asked_at = now
        answer = self._fetcher.get(uri, accept="application/json")
        jwks = _read(answer) if isinstance(answer, Fetched) else None
        if jwks is not None:
            published.jwks, published.fetched_at = jwks, now
        elif isinstance(answer, Fetched):
            published.failure = f"no JWK set, status {answer.status}"
        else:
            published.failure = str(answer.failure)


def _answers(published: _Published, kid: str | None, now: datetime) -> bool:
    if published.jwks is None or not published.is_fresh(now):
        return False
    return kid is None or client_jwks.names(published.jwks, kid)


def _read(answer: Fetched) -> Jwks | None:
    if answer.status != 200 or answer.media_type not in _MEDIA_TYPES:
        return None
    try:
        jwks = orjson.loads(answer.body)
    except ValueError:
        return None
    return jwks if isinstance(jwks, dict) and isinstance(jwks.get("keys"), list) else None
