"""The hot statements about grants, written once and compiled once per process.

`read` gives the columns of `STATE`, then those of the standing, which `storage/grant_states.py`
turns into a `GrantState`; `rotate` gives the same but for those that its caller knows.
"""

from datetime import timedelta
from functools import lru_cache
from typing import Any, NamedTuple

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
    literal_column,
    or_,
    select,
    type_coerce,
    update,
)

from token_service.domain.policies import MICROSECONDS, NEVER
from token_service.domain.sessions import MAX_CLOCK_DIFFERENCE
from token_service.storage.compiled import Compiled, Flavour, compiled, database_now
from token_service.storage.driver_session import Row
from token_service.storage.tables import (
    DECIDING,
    accounts,
    environment,
    grants,
    memberships,
    sessions,
    tenants,
)
from token_service.storage.types import Identifier, Instant

_MAX_CLOCK_DIFFERENCE = MAX_CLOCK_DIFFERENCE // timedelta(microseconds=1)

KNOWN = (
    environment.c.configuration_version,
    grants.c.client_id,
    grants.c.tenant_id,
    grants.c.tenant_epoch,
    grants.c.client_epoch,
    grants.c.secret_hash,
    grants.c.used_at,
    grants.c.used_from,
    grants.c.ended_at,
    grants.c.end_reason,
    sessions.c.ended_at,
    sessions.c.end_reason,
)
"""What whoever uses a grant knows of its row: the guard compares with these, or they are written.

They are not asked for again, which would cost each refresh 4 us of PostgreSQL's time and 3 of ours.
"""

_ASKED = (
    grants.c.membership,
    grants.c.scope,
    grants.c.generation,
    grants.c.key_number,
    grants.c.ends_at,
    grants.c.entered_tenant_id,
    grants.c.auth_time,
    grants.c.confirmation,
    grants.c.audiences,
    grants.c.requested_claims,
    grants.c.openid,
    sessions.c.authenticated_at,
    sessions.c.capped_at,
    sessions.c.methods,
    sessions.c.remembered,
    sessions.c.impersonator,
    sessions.c.account_epoch,
    sessions.c.environment_epoch,
    accounts.c.epoch,
    environment.c.epoch,
)

_EQUAL = {
    accounts.c.epoch: sessions.c.account_epoch,
    environment.c.epoch: sessions.c.environment_epoch,
}
_ASKED_OF_GUARDED = tuple(_EQUAL.get(column, column) for column in _ASKED)
"""The same of a row that the guard let pass, which compares these epochs."""

STATE = (*KNOWN, *_ASKED)
RAW_STATE = tuple(
    type_coerce(column, BigInteger) if isinstance(column.type, Instant) else column
    for column in STATE
)
"""The same columns as a driver gives them, for statements that SQLAlchemy runs."""


class _Beside(NamedTuple):
    """What a guard compares a grant with: its session, and what the memberships say today."""

    session: Subquery
    standing: Subquery


_MEMBERSHIPS = memberships.join(tenants, tenants.c.tenant_id == memberships.c.tenant_id)


def _parameter(name: str, kind: type[Integer] = BigInteger) -> ColumnElement[int]:
    return bindparam(name, type_=kind, required=True)


def relogin_parameter() -> ColumnElement[int]:
    """The environment's forced re-login (seconds), for tenants that inherit it."""
    return _parameter("force_relogin")


def strictest_relogin(
    account_id: ColumnElement[str], inherited: ColumnElement[int] | int
) -> ColumnElement[int]:
    """The strictest forced re-login (seconds) among the tenants of an account, row by row."""
    limit = func.coalesce(tenants.c.force_relogin, inherited)
    return (
        select(func.coalesce(func.min(limit), inherited))
        .select_from(_MEMBERSHIPS)
        .where(memberships.c.account_id == account_id)
        .scalar_subquery()
    )


def _standing(tenant_id: ColumnElement[str]) -> Subquery:
    """What the account's memberships say today: the number in this tenant, the strictest limit."""
    limit = func.coalesce(tenants.c.force_relogin, relogin_parameter())
    return (
        select(
            func.max(case((memberships.c.tenant_id == tenant_id, memberships.c.number))).label(
                "membership"
            ),
            func.coalesce(func.min(limit), relogin_parameter()).label("force_relogin"),
        )
        .select_from(_MEMBERSHIPS)
        .where(memberships.c.account_id == bindparam("account_id", type_=Identifier, required=True))
        .subquery("standing")
    )


def _least(dialect: Flavour, *values: ColumnElement[int]) -> ColumnElement[int]:
    return func.min(*values) if dialect.is_sqlite else func.least(*values)


def _absolute_end(flavour: Flavour, beside: _Beside) -> ColumnElement[int]:
    session, never = beside.session, NEVER * MICROSECONDS
    limit = _least(flavour, beside.standing.c.force_relogin, _parameter("client_relogin"))
    return _least(
        flavour,
        session.c.authenticated_at.op("+", return_type=BigInteger())(limit * MICROSECONDS),
        func.coalesce(session.c.capped_at, never, type_=BigInteger),
    )


@lru_cache
def read(flavour: Flavour) -> Compiled:
    """Everything that decides about one grant, by primary key."""
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
            *STATE,
            standing.c.membership,
            standing.c.force_relogin,
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
def rotate(flavour: Flavour, comparison: str) -> Compiled:
    """The one guarded statement of a refresh.

    `comparison` of the stored generation with the presented one: `=`, or `<` for a token that
    proves that the database lost its tail.
    """
    return _refreshed(
        flavour,
        comparison,
        generation=_parameter("generation") + 1,
        key_number=_parameter("next_key_number", Integer),
        entered_tenant_id=bindparam("entered_tenant_id", required=True, type_=Identifier),
        # A chain that was bound to nothing is bound from the first use with a key on.
        confirmation=func.coalesce(_confirmation("binds"), grants.c.confirmation),
    )


@lru_cache
def slide(flavour: Flavour) -> Compiled:
    """The same for a client that keeps its refresh token: everything holds, no generation moves."""
    return _refreshed(flavour, "=")


def _refreshed(flavour: Flavour, comparison: str, **moved: ColumnElement[Any]) -> Compiled:
    """Use a refresh token that is good, and slide its grant on."""
    beside = _beside(flavour)
    is_bound_to = grants.c.confirmation == _confirmation("confirmation")
    holds_key = or_(grants.c.confirmation.is_(None), is_bound_to)
    statement = _slid(flavour, beside, *_unused(comparison), holds_key).values(**moved)
    if flavour.is_sqlite:
        return compiled(statement.returning(grants.c.generation), flavour)
    asked = (
        beside.session.c[column.name] if column.table is sessions else column
        for column in _ASKED_OF_GUARDED
    )
    standing_today = (beside.standing.c.membership, beside.standing.c.force_relogin)
    return compiled(statement.returning(*asked, *standing_today), flavour)


@lru_cache
def use(flavour: Flavour) -> Compiled:
    """The guarded statement of a cookie's use: it slides the grant as a refresh does.

    The generation stays, because the tabs of a browser use one cookie at the same time.
    """
    statement = _slid(flavour, _beside(flavour), _has_secret())
    return compiled(statement.returning(grants.c.ends_at), flavour)


def _slid(flavour: Flavour, beside: _Beside, *presented: ColumnElement[bool]) -> Update:
    """Slide a grant on that lives, for whoever presents what is its."""
    absolute_end = _absolute_end(flavour, beside)
    return (
        update(grants)
        .where(
            *_addressed(),
            *presented,
            *_alive(beside),
            absolute_end > _parameter("now"),
            environment.c.configuration_version == _parameter("configuration_version"),
            # A node whose clock is off must end nobody's session and let nobody live longer.
            func.abs(database_now(flavour) - _parameter("now")) <= _MAX_CLOCK_DIFFERENCE,
        )
        .values(
            used_at=_parameter("now"),
            used_from=bindparam("used_from", required=True, type_=grants.c.used_from.type),
            ends_at=_least(flavour, _by_memory(beside.session, "slid_end"), absolute_end),
        )
    )


def _beside(flavour: Flavour) -> _Beside:
    standing = _standing(bindparam("tenant_id", type_=Identifier, required=True))
    return _Beside(_session(flavour), standing)


def _session(flavour: Flavour) -> Subquery:
    """What decides of the session under the grant.

    By itself, because PostgreSQL reads the rows of an UPDATE's other tables, and not only their
    index: one page less that is anywhere on the disk. Without OFFSET it would join them all the
    same.
    """
    account_id = bindparam("account_id", type_=Identifier, required=True)
    sid = bindparam("sid", type_=Identifier, required=True)
    query = select(*(sessions.c[name] for name in DECIDING)).where(
        sessions.c.account_id == account_id, sessions.c.sid == sid
    )
    alone = query if flavour.is_sqlite else query.offset(literal_column("0"))
    return alone.subquery("session")


def _account_epoch() -> ColumnElement[int]:
    """By itself, for the same reason."""
    account_id = bindparam("account_id", type_=Identifier, required=True)
    return select(accounts.c.epoch).where(accounts.c.account_id == account_id).scalar_subquery()


def _confirmation(name: str) -> ColumnElement[str]:
    return bindparam(name, type_=grants.c.confirmation.type, required=True)


def _addressed() -> tuple[ColumnElement[bool], ...]:
    """The row, by its primary key, and that the token belongs to client and tenant."""
    text_type = grants.c.client_id.type
    return (
        grants.c.account_id == bindparam("account_id", type_=Identifier, required=True),
        grants.c.sid == bindparam("sid", type_=Identifier, required=True),
        grants.c.grant_id == _parameter("grant_id"),
        grants.c.client_id == bindparam("client_id", type_=text_type, required=True),
        grants.c.tenant_id == bindparam("tenant_id", type_=Identifier, required=True),
        environment.c.id == 1,
    )


def _by_memory(session: Subquery, name: str) -> ColumnElement[int]:
    """One of two parameters: a remembered session may go unused for another time."""
    return case((session.c.remembered, _parameter(f"remembered_{name}")), else_=_parameter(name))


def _unused(comparison: str) -> tuple[ColumnElement[bool], ...]:
    """That the token is the chain's current one (`=`), or newer than the row (`<`)."""
    generation = grants.c.generation
    if comparison == "<":
        return (_has_secret(), generation < _parameter("generation"))
    return (
        _has_secret(),
        generation == _parameter("generation"),
        grants.c.key_number == _parameter("key_number", Integer),
    )


def _has_secret() -> ColumnElement[bool]:
    secret_hash = bindparam("secret_hash", type_=grants.c.secret_hash.type, required=True)
    return grants.c.secret_hash == secret_hash


def _alive(beside: _Beside) -> tuple[ColumnElement[bool], ...]:
    session, now = beside.session, _parameter("now")
    return (
        grants.c.ended_at.is_(None),
        grants.c.ends_at > now,
        grants.c.used_at > _by_memory(session, "used_after"),
        grants.c.tenant_epoch == _parameter("tenant_epoch"),
        grants.c.client_epoch == _parameter("client_epoch"),
        grants.c.membership == beside.standing.c.membership,
        session.c.ended_at.is_(None),
        session.c.account_epoch == _account_epoch(),
        session.c.environment_epoch == environment.c.epoch,
        or_(session.c.impersonator.is_(None), _parameter("may_impersonate", Integer) == 1),
    )
