"""Grants: the refresh chains, and everything that one read must know about them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from token_service.domain.policies import MICROSECONDS, NEVER
from token_service.domain.refreshing import Presentation
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import MAX_CLOCK_DIFFERENCE, GrantKey, GrantState
from token_service.storage.compiled import Compiled, Flavour, compiled, database_now
from token_service.storage.database import Database, Row, Statements, Transaction
from token_service.storage.tables import (
    accounts,
    environment,
    grants,
    memberships,
    sessions,
    tenants,
)
from token_service.storage.types import (
    Identifier,
    Instant,
    identifier,
    micros,
    moment,
    optional_moment,
)

_MAX_CLOCK_DIFFERENCE = MAX_CLOCK_DIFFERENCE // timedelta(microseconds=1)


class ReadState(NamedTuple):
    """A grant's state and the database's clock when it was read (the clock also for None)."""

    state: GrantState
    database_now: datetime


class NewGrant(NamedTuple):
    """What a grant is opened with."""

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


class Rotation(NamedTuple):
    """One use of a refresh token: what it presents, and what the statement compares with."""

    key: GrantKey
    presented: Presentation
    next_key_number: int
    tenant_epoch: int
    client_epoch: int
    configuration_version: int
    unused_limit: int
    force_relogin: int
    used_from: str
    now: datetime


def insert_grant(tx: Transaction, grant: NewGrant, now: datetime) -> None:
    """Write a new grant with its chain at generation 0."""
    tx.execute(
        insert(grants).values(
            **_key(grant.key),
            client_id=grant.client_id,
            tenant_id=grant.tenant_id,
            membership=grant.membership,
            tenant_epoch=grant.tenant_epoch,
            client_epoch=grant.client_epoch,
            scope=grant.scope,
            generation=0,
            key_number=grant.key_number,
            secret_hash=grant.secret_hash,
            created_at=now,
            used_at=now,
            used_from=grant.used_from,
            ends_at=grant.ends_at,
        )
    )


def rotate(
    database: Database, tx: Statements, rotation: Rotation, *, ahead: bool = False
) -> GrantState | None:
    """Use a refresh token: the one guarded statement; None where it did not apply.

    Everything that must hold stands in the WHERE, so two presentations of one token can never both
    succeed: the second one finds the generation moved on. `ahead` accepts a token that is newer
    than the row, which proves that the database lost its tail.
    """
    statement = _rotate(database.flavour, "<" if ahead else "=")
    parameters = _rotation_parameters(rotation) | database.clock_parameters()
    rows = tx.run(statement, parameters)
    if not rows:
        return None
    if database.is_sqlite:
        tenant_id = rotation.presented.tenant_id
        found = read(database, tx, rotation.key, tenant_id, rotation.force_relogin)
        return found.state if found else None
    return _state(rotation.key, rows[0])


def read(
    database: Database, tx: Statements, key: GrantKey, tenant_id: str, force_relogin: int
) -> ReadState | None:
    """All that decides about one grant, by primary key; None where there is no such grant.

    `tenant_id` is the one that the token names; `force_relogin` (seconds) is the environment's
    value, for tenants that inherit it.
    """
    parameters = _key(key) | {"tenant_id": tenant_id, "force_relogin": force_relogin}
    rows = tx.run(_read(database.flavour), parameters | database.clock_parameters())
    if not rows:
        return None
    *columns, database_clock = rows[0]
    return ReadState(_state(key, tuple(columns)), moment(database_clock))


def states_of(
    tx: Transaction, account_id: str, sids: Sequence[str], force_relogin: int
) -> list[GrantState]:
    """The states of all grants of some sessions of one account that nobody ended."""
    limit = func.coalesce(tenants.c.force_relogin, force_relogin)
    strictest = (
        select(func.coalesce(func.min(limit), force_relogin))
        .select_from(memberships.join(tenants, tenants.c.tenant_id == memberships.c.tenant_id))
        .where(memberships.c.account_id == account_id)
        .scalar_subquery()
    )
    current = and_(
        memberships.c.account_id == grants.c.account_id,
        memberships.c.tenant_id == grants.c.tenant_id,
    )
    together = and_(sessions.c.account_id == grants.c.account_id, sessions.c.sid == grants.c.sid)
    rows = tx.execute(
        select(
            *_RAW_STATE,
            memberships.c.number,
            strictest,
            environment.c.configuration_version,
            grants.c.sid,
            grants.c.grant_id,
        )
        .select_from(
            grants.join(sessions, together)
            .join(accounts, accounts.c.account_id == grants.c.account_id)
            .join(environment, environment.c.id == 1)
            .outerjoin(memberships, current)
        )
        .where(
            grants.c.account_id == account_id,
            grants.c.sid.in_(sids),
            grants.c.ended_at.is_(None),
        )
    )
    return [_state(GrantKey(account_id, row[-2], row[-1]), tuple(row[:-2])) for row in rows]


def end(tx: Transaction, key: GrantKey, reason: Refusal, now: datetime) -> bool:
    """End one grant; False where it had ended already."""
    result = tx.execute(
        update(grants)
        .where(_is(key), grants.c.ended_at.is_(None))
        .values(ended_at=now, end_reason=reason)
    )
    return result.rowcount == 1


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


def _key(key: GrantKey) -> dict[str, object]:
    return {"account_id": key.account_id, "sid": key.sid, "grant_id": key.grant_id}


def _is(key: GrantKey) -> ColumnElement[bool]:
    return and_(
        grants.c.account_id == key.account_id,
        grants.c.sid == key.sid,
        grants.c.grant_id == key.grant_id,
    )


def _rotation_parameters(rotation: Rotation) -> dict[str, object]:
    presented, now = rotation.presented, micros(rotation.now)
    return _key(rotation.key) | {
        "client_id": presented.client_id,
        "tenant_id": presented.tenant_id,
        "generation": presented.generation,
        "key_number": presented.key_number,
        "secret_hash": presented.secret_hash,
        "next_key_number": rotation.next_key_number,
        "tenant_epoch": rotation.tenant_epoch,
        "client_epoch": rotation.client_epoch,
        "configuration_version": rotation.configuration_version,
        "force_relogin": rotation.force_relogin,
        "used_after": now - rotation.unused_limit * MICROSECONDS,
        "slid_end": now + rotation.unused_limit * MICROSECONDS,
        "used_from": rotation.used_from,
        "now": now,
    }


_STATE = (
    grants.c.client_id,
    grants.c.tenant_id,
    grants.c.membership,
    grants.c.scope,
    grants.c.tenant_epoch,
    grants.c.client_epoch,
    grants.c.generation,
    grants.c.key_number,
    grants.c.secret_hash,
    grants.c.used_at,
    grants.c.used_from,
    grants.c.ends_at,
    grants.c.ended_at,
    grants.c.end_reason,
    sessions.c.authenticated_at,
    sessions.c.capped_at,
    sessions.c.methods,
    sessions.c.ended_at,
    sessions.c.end_reason,
    sessions.c.account_epoch,
    sessions.c.environment_epoch,
    accounts.c.epoch,
    environment.c.epoch,
)
_RAW_STATE = tuple(
    type_coerce(column, BigInteger) if isinstance(column.type, Instant) else column
    for column in _STATE
)
"""The same columns as a driver gives them, for statements that SQLAlchemy runs."""


def _state(key: GrantKey, row: Row) -> GrantState:
    """The one way from a row to a state; the order is that of `_STATE` and the standing."""
    return GrantState(
        key=key,
        client_id=row[0],
        tenant_id=identifier(row[1]),
        membership=row[2],
        scope=row[3],
        tenant_epoch=row[4],
        client_epoch=row[5],
        generation=row[6],
        key_number=row[7],
        secret_hash=row[8],
        used_at=moment(row[9]),
        used_from=row[10],
        ends_at=moment(row[11]),
        ended_at=optional_moment(row[12]),
        end_reason=None if row[13] is None else Refusal(row[13]),
        authenticated_at=moment(row[14]),
        capped_at=optional_moment(row[15]),
        methods=tuple(row[16].split()),
        session_ended_at=optional_moment(row[17]),
        session_end_reason=None if row[18] is None else Refusal(row[18]),
        session_account_epoch=row[19],
        session_environment_epoch=row[20],
        account_epoch=row[21],
        environment_epoch=row[22],
        current_membership=row[23],
        force_relogin=row[24],
        configuration_version=row[25],
    )


def _parameter(name: str, kind: type[Integer] = BigInteger) -> ColumnElement[int]:
    return bindparam(name, type_=kind, required=True)


def _standing(tenant_id: ColumnElement[str]) -> Subquery:
    """What the account's memberships say today: the number in this tenant, the strictest limit."""
    limit = func.coalesce(tenants.c.force_relogin, _parameter("force_relogin"))
    return (
        select(
            func.max(case((memberships.c.tenant_id == tenant_id, memberships.c.number))).label(
                "membership"
            ),
            func.coalesce(func.min(limit), _parameter("force_relogin")).label("force_relogin"),
        )
        .select_from(memberships.join(tenants, tenants.c.tenant_id == memberships.c.tenant_id))
        .where(memberships.c.account_id == bindparam("account_id", type_=Identifier, required=True))
        .subquery("standing")
    )


def _least(dialect: Flavour, *values: ColumnElement[int]) -> ColumnElement[int]:
    return func.min(*values) if dialect.is_sqlite else func.least(*values)


def _absolute_end(flavour: Flavour, standing: Subquery) -> ColumnElement[int]:
    never = NEVER * MICROSECONDS
    return _least(
        flavour,
        sessions.c.authenticated_at.op("+", return_type=BigInteger())(
            standing.c.force_relogin * MICROSECONDS
        ),
        func.coalesce(sessions.c.capped_at, never, type_=BigInteger),
    )


@lru_cache
def _read(flavour: Flavour) -> Compiled:
    account_id = bindparam("account_id", type_=Identifier, required=True)
    sid = bindparam("sid", type_=Identifier, required=True)
    key = and_(
        grants.c.account_id == account_id,
        grants.c.sid == sid,
        grants.c.grant_id == _parameter("grant_id"),
    )
    standing = _standing(bindparam("tenant_id", type_=Identifier, required=True))
    statement: Select[Row] = (
        select(
            *_STATE,
            standing.c.membership,
            standing.c.force_relogin,
            environment.c.configuration_version,
            database_now(flavour),
        )
        .where(
            key,
            sessions.c.account_id == account_id,
            sessions.c.sid == sid,
            accounts.c.account_id == account_id,
            environment.c.id == 1,
        )
        .select_from(standing)
    )
    return compiled(statement, flavour)


@lru_cache
def _rotate(flavour: Flavour, comparison: str) -> Compiled:
    standing = _standing(bindparam("tenant_id", type_=Identifier, required=True))
    absolute_end = _absolute_end(flavour, standing)
    statement: Update = (
        update(grants)
        .where(
            *_addressed(),
            *_unused(comparison),
            *_alive(standing),
            absolute_end > _parameter("now"),
            environment.c.configuration_version == _parameter("configuration_version"),
            # A node whose clock is off must end nobody's session and let nobody live longer.
            func.abs(database_now(flavour) - _parameter("now")) <= _MAX_CLOCK_DIFFERENCE,
        )
        .values(
            generation=_parameter("generation") + 1,
            key_number=_parameter("next_key_number", Integer),
            used_at=_parameter("now"),
            used_from=bindparam("used_from", required=True, type_=grants.c.used_from.type),
            ends_at=_least(flavour, _parameter("slid_end"), absolute_end),
        )
    )
    if flavour.is_sqlite:
        return compiled(statement.returning(grants.c.generation), flavour)
    returned = (
        *_STATE,
        standing.c.membership,
        standing.c.force_relogin,
        environment.c.configuration_version,
    )
    return compiled(statement.returning(*returned), flavour)


def _addressed() -> tuple[ColumnElement[bool], ...]:
    """The rows, each by its primary key, and that the token belongs to client and tenant."""
    account_id = bindparam("account_id", type_=Identifier, required=True)
    sid = bindparam("sid", type_=Identifier, required=True)
    text_type = grants.c.client_id.type
    return (
        grants.c.account_id == account_id,
        grants.c.sid == sid,
        grants.c.grant_id == _parameter("grant_id"),
        grants.c.client_id == bindparam("client_id", type_=text_type, required=True),
        grants.c.tenant_id == bindparam("tenant_id", type_=Identifier, required=True),
        sessions.c.account_id == account_id,
        sessions.c.sid == sid,
        accounts.c.account_id == account_id,
        environment.c.id == 1,
    )


def _unused(comparison: str) -> tuple[ColumnElement[bool], ...]:
    """That the token is the chain's current one (`=`), or newer than the row (`<`)."""
    generation = grants.c.generation
    secret = grants.c.secret_hash == bindparam("secret_hash", type_=grants.c.secret_hash.type)
    if comparison == "<":
        return (secret, generation < _parameter("generation"))
    return (
        secret,
        generation == _parameter("generation"),
        grants.c.key_number == _parameter("key_number", Integer),
    )


def _alive(standing: Subquery) -> tuple[ColumnElement[bool], ...]:
    now = _parameter("now")
    return (
        grants.c.ended_at.is_(None),
        grants.c.ends_at > now,
        grants.c.used_at > _parameter("used_after"),
        grants.c.tenant_epoch == _parameter("tenant_epoch"),
        grants.c.client_epoch == _parameter("client_epoch"),
        grants.c.membership == standing.c.membership,
        sessions.c.ended_at.is_(None),
        sessions.c.account_epoch == accounts.c.epoch,
        sessions.c.environment_epoch == environment.c.epoch,
    )
