"""What decides about tokens that somebody asks about: the grants that they name, and revocations.

One token alone is looked up by the statement of its kind, which is the cheapest; several by one
statement for all. Both give the same.
"""

from collections.abc import Collection, Mapping, Set
from functools import lru_cache
from typing import NamedTuple

import orjson
from sqlalchemy import (
    JSON,
    BigInteger,
    FromClause,
    Integer,
    String,
    and_,
    bindparam,
    cast,
    column,
    func,
    select,
    type_coerce,
)

from token_service.domain.sessions import GrantKey, GrantState
from token_service.storage import configuration, grants, revoked_tokens
from token_service.storage.compiled import Compiled, Flavour, compiled, database_now
from token_service.storage.configuration import Versioned
from token_service.storage.database import Ask, Asks, Database
from token_service.storage.grant_statements import STATE, relogin_parameter, strictest_relogin
from token_service.storage.grant_states import state_of
from token_service.storage.tables import accounts, environment, memberships, sessions
from token_service.storage.tables import grants as grants_table
from token_service.storage.tables import revoked_tokens as revoked_table
from token_service.storage.types import Identifier, moment

_ASKED = (
    ("environment", Integer()),
    ("place", BigInteger()),
    ("account_id", Identifier()),
    ("sid", Identifier()),
    ("grant_id", BigInteger()),
    ("jti", String()),
)


class Found(NamedTuple):
    """The grants that are there, and which of the clients' own tokens (by `jti`) were revoked, with
    the configuration version in force."""

    states: Mapping[GrantKey, GrantState]
    revoked: Set[str]
    version: Versioned


def asking(
    database: Database, keys: Mapping[GrantKey, str], jtis: Collection[str], force_relogin: int
) -> Asks[Found]:
    """All that decides about some tokens; of none, the version alone.

    `keys` are grants with the tenant that the token names; `force_relogin` (seconds) is the
    environment's value, for tenants that inherit it.
    """
    if len(keys) + len(jtis) > 1:
        return (yield from _asking_for_several(database, list(keys), list(jtis), force_relogin))
    for jti in jtis:
        revoked, version = yield from revoked_tokens.asking(database, jti)
        return Found({}, {jti} if revoked else set(), version)
    for key, tenant_id in keys.items():
        one = yield from grants.asking(database, key, tenant_id, force_relogin)
        if one is not None:
            version = Versioned(one.state.configuration_version, one.database_now)
            return Found({key: one.state}, set(), version)
    return Found({}, set(), (yield from configuration.asking_version(database)))


def _asking_for_several(
    database: Database, keys: list[GrantKey], jtis: list[str], force_relogin: int
) -> Asks[Found]:
    asked: list[dict[str, object]] = [
        {"place": place, "account_id": key.account_id, "sid": key.sid, "grant_id": key.grant_id}
        for place, key in enumerate(keys)
    ]
    asked += [{"jti": jti} for jti in jtis]
    records = orjson.dumps([{"environment": 1, **one} for one in asked]).decode()
    parameters = {"asked": records, "force_relogin": force_relogin} | database.clock_parameters()
    [rows] = yield Ask(several(database.flavour), [parameters])
    states, revoked = {}, set()
    for *columns, account_id, place, jti, _ in rows:
        if account_id is not None:
            states[keys[place]] = state_of(keys[place], tuple(columns))
        if jti is not None:
            revoked.add(jti)
    version, *_, database_clock = rows[0]
    return Found(states, revoked, Versioned(version, moment(database_clock)))


@lru_cache
def several(flavour: Flavour) -> Compiled:
    """The statement for many: a row for each that is asked for, empty where nothing is there.

    Everything is found by its primary key, and the account last of all: where it is there, the
    grant and its session are. What is asked for comes as one JSON text, so that one prepared
    statement serves lists of any length. Each record names the environment, too: joined by that,
    PostgreSQL reckons with few records.
    """
    asked = _asked(flavour)
    grant = and_(
        grants_table.c.account_id == asked.c.account_id,
        grants_table.c.sid == asked.c.sid,
        grants_table.c.grant_id == asked.c.grant_id,
    )
    session = and_(
        sessions.c.account_id == grants_table.c.account_id, sessions.c.sid == grants_table.c.sid
    )
    membership = and_(
        memberships.c.account_id == grants_table.c.account_id,
        memberships.c.tenant_id == grants_table.c.tenant_id,
    )
    statement = select(
        *STATE,
        memberships.c.number,
        strictest_relogin(grants_table.c.account_id, relogin_parameter()),
        accounts.c.account_id,
        asked.c.place,
        revoked_table.c.jti,
        database_now(flavour),
    ).select_from(
        asked.join(environment, environment.c.id == asked.c.environment)
        .outerjoin(grants_table, grant)
        .outerjoin(sessions, session)
        .outerjoin(accounts, accounts.c.account_id == sessions.c.account_id)
        .outerjoin(memberships, membership)
        .outerjoin(revoked_table, revoked_table.c.jti == asked.c.jti)
    )
    return compiled(statement, flavour)


def _asked(flavour: Flavour) -> FromClause:
    """The JSON text as a table: the keys of grants in their places, and each `jti`."""
    text = bindparam("asked", type_=String, required=True)
    if flavour.is_sqlite:
        each = func.json_each(text).table_valued("value")
        fields = [
            type_coerce(func.json_extract(each.c.value, f"$.{name}"), kind).label(name)
            for name, kind in _ASKED
        ]
        return select(*fields).subquery("asked")
    columns = [column(name, kind) for name, kind in _ASKED]
    records = func.json_to_recordset(cast(text, JSON)).table_valued(*columns, name="asked")
    return records.render_derived(with_types=True)
