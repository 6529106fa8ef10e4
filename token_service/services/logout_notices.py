"""What is to be told to clients: found, signed, and struck off once it is told.

Owns the transactions; the delivery itself lies between two of them and holds no lock.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from token_service.clock import Clock
from token_service.crypto import jwt
from token_service.domain.clients import Client
from token_service.domain.events import AuditEvent, Event, Origin
from token_service.domain.logout_notices import (
    REST,
    TYPE,
    LogoutNotice,
    is_given_up,
    logout_claims,
    next_attempt,
)
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import grant_end
from token_service.services import recording, subjects
from token_service.services.account_sessions import live_grants
from token_service.services.configuration import Snapshot, prove
from token_service.storage import configuration, logout_notices
from token_service.storage.database import Database, InTransaction, Transaction

logger = logging.getLogger(__name__)

_SOONEST = timedelta(minutes=1)
"""Until a session that is live is looked at again: no rule is so short that it must be sooner."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A notice that is on its way: where to, and what is given there."""

    notice: LogoutNotice
    uri: str
    logout_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Looked:
    """A notice was due and there is nothing to deliver: its session lives, or nobody is to hear."""


def take(
    database: Database, clock: Clock, snapshot: Snapshot, spared_clients: frozenset[str]
) -> Errand | Looked | None:
    """The notice that has been due for longest and is for none of `spared_clients`; None for none.

    One that dies between this and `told` leaves it to the next attempt, so that a client may be
    told twice and is never not told.
    """
    with database.transaction() as tx:
        now = clock.now()
        prove(snapshot, configuration.version(database, InTransaction(tx)), now)
        notice = logout_notices.lock_due(tx, now, spared_clients)
        if notice is None:
            return None
        if notice.ended_at is None and (look_at := _lives_until(tx, snapshot, notice, now)):
            logout_notices.postpone(tx, notice, max(look_at, now + _SOONEST))
            return Looked()
        return _taken(tx, snapshot, notice, notice.ended_at or now, now)


def told(database: Database, errand: Errand) -> None:
    """The client has taken it."""
    with database.transaction() as tx:
        logout_notices.drop(tx, errand.notice)


def not_told(database: Database, clock: Clock, errand: Errand) -> None:
    """The client has not taken it: it is left alone for a while, whatever else is due to it."""
    with database.transaction() as tx:
        now = clock.now()
        logout_notices.rest(tx, errand.notice.client_id, now, now + REST)


def _lives_until(
    tx: Transaction, snapshot: Snapshot, notice: LogoutNotice, now: datetime
) -> datetime | None:
    """When time may end the notice's session; None where it is over, in whatever way."""
    account_id, sid = notice.account_id, notice.sid
    live = live_grants(tx, snapshot, account_id, [sid], now).get(sid, ())
    ends = (
        grant_end(state, rules.policy_for(remembered=state.remembered)) for state, rules in live
    )
    return max(ends, default=None)


def _taken(
    tx: Transaction, snapshot: Snapshot, notice: LogoutNotice, ended_at: datetime, now: datetime
) -> Errand | Looked:
    if is_given_up(ended_at, now):
        _give_up(tx, notice, now)
        return Looked()
    client = snapshot.client(notice.client_id, tx)
    uri = client.metadata.backchannel_logout_uri if client else None
    if client is None or uri is None:
        logout_notices.drop(tx, notice)
        return Looked()
    token = _signed(snapshot, client, notice, now)
    logout_notices.take(tx, notice, ended_at, next_attempt(notice.attempts, now))
    return Errand(notice, uri, token)


def _signed(snapshot: Snapshot, client: Client, notice: LogoutNotice, now: datetime) -> str:
    """The logout token, with the algorithm of the client's ID tokens (section 2.6)."""
    body = logout_claims(
        notice,
        issuer=snapshot.issuer,
        audience=client.client_id,
        subject=subjects.subject(snapshot, client, notice.account_id),
        now=now,
    )
    key = snapshot.keyring.signing_key(client.metadata.id_token_signed_response_alg, now)
    return jwt.sign(key, body, TYPE)


def _give_up(tx: Transaction, notice: LogoutNotice, now: datetime) -> None:
    """Drop the notice, and say so where somebody looks who asks why the client went on."""
    logger.warning("logout notices: one is given up for client %s", notice.client_id)
    logout_notices.drop(tx, notice)
    event = AuditEvent(
        event=Event.LOGOUT_NOTICE_GIVEN_UP,
        origin=Origin(),
        actor="service",
        account_id=notice.account_id,
        reason=Refusal.UNDELIVERABLE,
        client_id=notice.client_id,
        sid=notice.sid,
        details={"attempts": notice.attempts - 1},
    )
    recording.record(tx, event, now)
