"""Grants: the refresh chains, and everything that one read must know about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    func,
    insert,
    select,
    update,
)
from sqlalchemy import Row as SqlRow

from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantKey, GrantSelection, GrantState, GrantTerms
from token_service.storage import grant_statements
from token_service.storage.database import (
    Ask,
    Asks,
    Database,
    Statements,
    Transaction,
    answered,
)
from token_service.storage.grant_states import state_of
from token_service.storage.ready import Ready
from token_service.storage.tables import (
    accounts,
    environment,
    grants,
    memberships,
    sessions,
)
from token_service.storage.types import moment

_INSERT = Ready(insert(grants))
_NOT_YET = dict.fromkeys(("ended_at", "end_reason", "ended_by", "entered_tenant_id"))


class ReadState(NamedTuple):
    """A grant's state and the database's clock when it was read (the clock also for None)."""

    state: GrantState
    database_now: datetime


class NewGrant(NamedTuple):
    """What a grant is opened with; `opened_from` is the id of the one that it goes back to."""

    key: GrantKey
    client_id: str
    tenant_id: str
    membership: int
    tenant_epoch: int
    client_epoch: int
    scope: str
    key_number: int
    secret_hash: str
    used_from: str
    ends_at: datetime
    terms: GrantTerms
    opened_from: int | None


def insert_grant(tx: Transaction, grant: NewGrant, now: datetime) -> None:
    """Write a new grant with its chain at generation 0."""
    terms = grant.terms
    values = {
        **grant._asdict(),
        **by_key(grant.key),
        **_NOT_YET,
        "generation": 0,
        "created_at": now,
        "used_at": now,
        "auth_time": terms.auth_time,
        "confirmation": terms.confirmation,
        "audiences": None if terms.audiences is None else " ".join(terms.audiences),
        "requested_claims": terms.requested_claims,
        "openid": terms.openid,
    }
    del values["key"], values["terms"]
    _INSERT.rows(tx, values)


def read(
    database: Database, tx: Statements, key: GrantKey, tenant_id: str, force_relogin: int
) -> ReadState | None:
    """All that decides about one grant, by primary key; None where there is no such grant.

    `tenant_id` is the one that the token names; `force_relogin` (seconds) is the environment's
    value, for tenants that inherit it.
    """
    return answered(tx, asking(database, key, tenant_id, force_relogin))


def asking(
    database: Database, key: GrantKey, tenant_id: str, force_relogin: int
) -> Asks[ReadState | None]:
    """The same, asked by whoever runs it."""
    parameters = by_key(key) | {"tenant_id": tenant_id, "force_relogin": force_relogin}
    parameters |= database.clock_parameters()
    [rows] = yield Ask(grant_statements.read(database.flavour), [parameters])
    return ReadState(state_of(key, rows[0]), moment(rows[0][-1])) if rows else None


def states_of(
    tx: Transaction, account_id: str, sids: Sequence[str], force_relogin: int
) -> list[GrantState]:
    """The states of all grants of some sessions of one account that nobody ended."""
    query = _states(account_id, sids, force_relogin).where(grants.c.ended_at.is_(None))
    return [_past(account_id, row).state for row in tx.execute(query)]


class PastGrant(NamedTuple):
    """A grant's state, and by whom it was ended if it was."""

    state: GrantState
    ended_by: str | None


def history_of(
    tx: Transaction, account_id: str, sids: Sequence[str], force_relogin: int
) -> list[PastGrant]:
    """The same with the grants that have ended, as long as they are kept."""
    query = _states(account_id, sids, force_relogin)
    return [_past(account_id, row) for row in tx.execute(query)]


def _states(account_id: str, sids: Sequence[str], force_relogin: int) -> Select[Any]:
    current = and_(
        memberships.c.account_id == grants.c.account_id,
        memberships.c.tenant_id == grants.c.tenant_id,
    )
    together = and_(sessions.c.account_id == grants.c.account_id, sessions.c.sid == grants.c.sid)
    return (
        select(
            *grant_statements.RAW_STATE,
            memberships.c.number,
            grant_statements.strictest_relogin(accounts.c.account_id, force_relogin),
            grants.c.sid,
            grants.c.grant_id,
            grants.c.ended_by,
        )
        .select_from(
            grants.join(sessions, together)
            .join(accounts, accounts.c.account_id == grants.c.account_id)
            .join(environment, environment.c.id == 1)
            .outerjoin(memberships, current)
        )
        .where(grants.c.account_id == account_id, grants.c.sid.in_(sids))
    )


def _past(account_id: str, row: SqlRow[Any]) -> PastGrant:
    columns = tuple(row)
    key = GrantKey(account_id, columns[-3], columns[-2])
    return PastGrant(state_of(key, columns[:-3]), columns[-1])


def end(tx: Transaction, key: GrantKey, reason: Refusal, ended_by: str, now: datetime) -> bool:
    """End one grant; False where it had ended already."""
    result = tx.execute(
        update(grants)
        .where(addressed(key), grants.c.ended_at.is_(None))
        .values(ended_at=now, end_reason=reason, ended_by=ended_by[:300])
    )
    return result.rowcount == 1


class EndedGrant(NamedTuple):
    """A grant that was just ended, and whose it was."""

    sid: str
    client_id: str
    tenant_id: str


def end_selected(
    tx: Transaction, chosen: GrantSelection, reason: Refusal, ended_by: str, now: datetime
) -> list[EndedGrant]:
    """End some of an account's grants.

    What ended already, with its session or by time, stays as it was. The caller holds the account
    and the sessions.
    """
    open_session = exists().where(
        sessions.c.account_id == grants.c.account_id,
        sessions.c.sid == grants.c.sid,
        sessions.c.ended_at.is_(None),
        sessions.c.account_epoch == accounts.c.epoch,
        accounts.c.account_id == grants.c.account_id,
    )
    columns = {
        grants.c.tenant_id: chosen.tenant_id,
        grants.c.client_id: chosen.client_id,
        grants.c.sid: chosen.sid,
    }
    statement = (
        update(grants)
        .where(
            grants.c.account_id == chosen.account_id,
            *(column == value for column, value in columns.items() if value is not None),
            grants.c.ended_at.is_(None),
            grants.c.ends_at > now,
            open_session,
        )
        .values(ended_at=now, end_reason=reason, ended_by=ended_by[:300])
        .returning(grants.c.sid, grants.c.client_id, grants.c.tenant_id)
    )
    return sorted(EndedGrant(*row) for row in tx.execute(statement))


def any_in(tx: Transaction, account_id: str, sid: str, tenant_id: str) -> bool:
    """Whether the session ever had a grant in the tenant, as far as it is still kept."""
    return bool(
        tx.execute(
            select(
                exists().where(
                    grants.c.account_id == account_id,
                    grants.c.sid == sid,
                    grants.c.tenant_id == tenant_id,
                )
            )
        ).scalar_one()
    )


def others_live(tx: Transaction, key: GrantKey, now: datetime) -> int:
    """How many grants of the session have not ended, the given one aside."""
    return tx.execute(
        select(func.count())
        .select_from(grants)
        .where(
            grants.c.account_id == key.account_id,
            grants.c.sid == key.sid,
            grants.c.grant_id != key.grant_id,
            grants.c.ended_at.is_(None),
            grants.c.ends_at > now,
        )
    ).scalar_one()


def by_key(key: GrantKey) -> dict[str, object]:
    """The columns that name a grant."""
    return {"account_id": key.account_id, "sid": key.sid, "grant_id": key.grant_id}


def addressed(key: GrantKey) -> ColumnElement[bool]:
    """That it is the grant's row, by primary key."""
    return and_(
        grants.c.account_id == key.account_id,
        grants.c.sid == key.sid,
        grants.c.grant_id == key.grant_id,
    )
