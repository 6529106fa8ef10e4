"""As whom each client knows an account (OpenID Connect Core section 8)."""

from token_service.crypto import opaque
from token_service.domain import subjects
from token_service.domain.clients import Client
from token_service.services.configuration import Snapshot

_KEY_PURPOSE = "pairwise subjects"
_PURPOSE = "pairwise subject"


def key_of(pepper: bytes) -> bytes:
    """The key of pairwise subjects. It is never changed: every one of them would be another."""
    return opaque.keyed_hash(pepper, _KEY_PURPOSE, "").encode()


def subject(snapshot: Snapshot, client: Client, account_id: str) -> str:
    """The `sub` of everything that is said of the account to the client; at most 45 characters."""
    if not subjects.is_pairwise(client):
        return account_id
    # The id has one length, so no two pairs of sector and account are written alike.
    text = f"{account_id} {subjects.sector(client)}"
    return subjects.PREFIX + opaque.keyed_hash(snapshot.subject_key, _PURPOSE, text)


def of_access_token(
    snapshot: Snapshot, client: Client, account_id: str, audience: tuple[str, ...]
) -> str:
    """The `sub` of an access token: the account's id, unless it is for a pairwise client alone."""
    if subjects.is_pairwise(client) and subjects.for_itself_alone(client, audience):
        return subject(snapshot, client, account_id)
    return account_id
