"""Log-out that a client asks for: who asks, whose session it names, and the end of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from token_service.clock import Clock
from token_service.crypto.jwt import UnknownKey
from token_service.domain.clients import Client
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.logout_requests import LogoutRequest, frame_uri, leads_back
from token_service.domain.refusals import Refusal, Refused
from token_service.services import browser_sign_ins, id_tokens, recording, subjects
from token_service.services.account_sessions import live_grants
from token_service.services.configuration import Snapshot, prove_current
from token_service.services.endings import Cause, end_session
from token_service.services.id_tokens import Hint
from token_service.storage import sessions
from token_service.storage.database import Database, Transaction


class NamedSession(NamedTuple):
    """A live session that somebody is to be signed out of."""

    account_id: str
    sid: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """A request that makes sense: the client that asks, if it said so, and the session that its
    hint names, if that lives. `redirect_uri` is one that the client has registered."""

    client: Client | None
    named: NamedSession | None
    redirect_uri: str | None


def recognise(
    database: Database, clock: Clock, snapshot: Snapshot, request: LogoutRequest, origin: Origin
) -> Recognised | Refused:
    """Who asks for what; nothing is changed. A hint may be as old as its key (section 4).

    `invalid_hint`: not an ID token of ours. `foreign_client`: not of the client that asks.
    `unknown_client`: nobody says who asks, or nobody knows them. `wrong_redirect_uri`: not
    registered by the client. What concerns a known account is audited there.
    """
    now = prove_current(database, clock, snapshot)
    hint = _hint(snapshot, request, now)
    if isinstance(hint, Refused):
        return hint
    client = _client(snapshot, request, hint)
    with database.reading() as tx:
        account_id = _account_of(snapshot, tx, hint)
        named = _live(snapshot, tx, account_id, hint, now)
    if refused := _refused(request, hint, client):
        if hint is not None and account_id is not None:
            _record(database, account_id, hint, refused, origin, now)
        return refused
    return Recognised(client, named, request.post_logout_redirect_uri)


def own_session(
    database: Database, clock: Clock, snapshot: Snapshot, cookie: str | None
) -> NamedSession | None:
    """The session that a browser is signed in with, if its cookie is good and it lives."""
    presented = browser_sign_ins.parsed(database, clock, snapshot, cookie)
    if presented is None:
        return None
    with database.reading() as tx:
        state = browser_sign_ins.live(database, snapshot, tx, presented, clock.now())
    return NamedSession(state.key.account_id, state.key.sid) if state else None


def sign_out(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    named: Iterable[NamedSession],
    client: Client | None,
    origin: Origin,
) -> list[str]:
    """End the sessions with everything under them; the URIs by which the browser tells clients.

    One transaction each, because nobody ever holds two accounts. Clients that hear of it from this
    service hear of it afterwards: nobody waits for them.
    """
    frames: list[str] = []
    for one in named:
        with database.transaction() as tx:
            if sessions.lock(tx, one.account_id, one.sid) is None:
                continue
            cause = Cause(Refusal.SIGNED_OUT, f"account:{one.account_id}", origin)
            client_id = client.client_id if client else None
            end_session(tx, one.account_id, one.sid, cause, clock.now(), client_id=client_id)
            frames += _frames(snapshot, tx, one)
    return frames


def _hint(snapshot: Snapshot, request: LogoutRequest, now: datetime) -> Hint | Refused | None:
    if request.id_token_hint is None:
        return None
    try:
        found = id_tokens.hint(snapshot, request.id_token_hint, now)
    except UnknownKey:
        # The snapshot was just proved current: nobody has such a key.
        found = None
    return found or Refused(Refusal.INVALID_HINT)


def _client(snapshot: Snapshot, request: LogoutRequest, hint: Hint | None) -> Client | None:
    client_id = hint.client_id if hint else request.client_id
    client = snapshot.client(client_id) if client_id else None
    return client if client and client.enabled else None


def _refused(request: LogoutRequest, hint: Hint | None, client: Client | None) -> Refused | None:
    if hint and request.client_id not in (None, hint.client_id):
        return Refused(Refusal.FOREIGN_CLIENT)
    if client is None:
        asks = hint or request.client_id or request.post_logout_redirect_uri
        return Refused(Refusal.UNKNOWN_CLIENT) if asks else None
    uri = request.post_logout_redirect_uri
    if uri is not None and not leads_back(client.metadata, uri):
        return Refused(Refusal.WRONG_REDIRECT_URI)
    return None


def _account_of(snapshot: Snapshot, tx: Transaction, hint: Hint | None) -> str | None:
    """The account that the hint is about, None where its session is not kept any more."""
    account_id = sessions.account_of(tx, hint.sid) if hint else None
    client = snapshot.client(hint.client_id, tx) if hint else None
    if hint is None or account_id is None or client is None:
        return None
    return account_id if hint.subject == subjects.subject(snapshot, client, account_id) else None


def _live(
    snapshot: Snapshot, tx: Transaction, account_id: str | None, hint: Hint | None, now: datetime
) -> NamedSession | None:
    if hint is None or account_id is None:
        return None
    live = live_grants(tx, snapshot, account_id, [hint.sid], now)
    return NamedSession(account_id, hint.sid) if live else None


def _frames(snapshot: Snapshot, tx: Transaction, ended: NamedSession) -> list[str]:
    held = sessions.clients_of(tx, ended.account_id, ended.sid)
    clients = [snapshot.client(client_id, tx) for client_id in held]
    uris = [frame_uri(one.metadata, snapshot.issuer, ended.sid) for one in clients if one]
    return [uri for uri in uris if uri is not None]


def _record(
    database: Database,
    account_id: str,
    hint: Hint,
    refused: Refused,
    origin: Origin,
    now: datetime,
) -> None:
    event = AuditEvent(
        event=Event.LOGOUT_REFUSED,
        origin=origin,
        actor=f"client:{hint.client_id}",
        account_id=account_id,
        reason=refused.reason,
        client_id=hint.client_id,
        sid=hint.sid,
    )
    with database.transaction() as tx:
        recording.record(tx, event, now)
