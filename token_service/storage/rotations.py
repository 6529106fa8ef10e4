"""One use of a refresh token: the guarded statement, alone or with others."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from token_service.domain.policies import MICROSECONDS
from token_service.domain.refreshing import Presentation
from token_service.domain.sessions import GrantKey, GrantState
from token_service.storage import grant_statements, grants
from token_service.storage.compiled import Compiled
from token_service.storage.database import Ask, Asks, Database, Statements
from token_service.storage.driver_session import Row
from token_service.storage.grant_states import state_of
from token_service.storage.types import micros
from token_service.waits import Apart


class Rotation(NamedTuple):
    """One use of a refresh token: what it presents, and what the statement compares with.

    `unused_limit` (seconds) is for sessions that are not remembered, `remembered_limit` for those
    that are; `force_relogin` is the environment's, `client_relogin` what the client asks for.
    Without `may_impersonate`, a token of an impersonated session is not accepted. With
    `entered_tenant_id` this use opens a grant for that tenant, too; with `binds` the chain is bound
    to that from now on.
    """

    key: GrantKey
    presented: Presentation
    next_key_number: int
    tenant_epoch: int
    client_epoch: int
    configuration_version: int
    unused_limit: int
    remembered_limit: int
    force_relogin: int
    client_relogin: int
    may_impersonate: bool
    used_from: str
    now: datetime
    entered_tenant_id: str | None = None
    binds: str | None = None


def rotate(
    database: Database, tx: Statements, rotation: Rotation, *, ahead: bool = False
) -> GrantState | None:
    """Use a refresh token: the one guarded statement; None where it did not apply.

    Everything that must hold stands in the WHERE, so two presentations of one token can never both
    succeed: the second one finds the generation moved on. `ahead` accepts a token that is newer
    than the row, which proves that the database lost its tail.
    """
    statement = grant_statements.rotate(database.flavour, "<" if ahead else "=")
    return _used(database, tx, statement, rotation)


def rotating_all(
    database: Database, rotations: Sequence[Rotation]
) -> Asks[list[GrantState | None]]:
    """Use several refresh tokens in one transaction: one commit for all of them.

    Each by its own guarded statement, as `rotate` does; one that does not apply stops no other.
    The rows are locked in the order of their keys. SQLite has the other writers waited for.
    """
    if database.is_sqlite:
        future = yield Apart(lambda: _rotated_alone(database, rotations))
        states: list[GrantState | None] = future.result()
        return states
    statement = grant_statements.rotate(database.flavour, "=")
    parameters = [rotation_parameters(one) | database.clock_parameters() for one in rotations]
    order = sorted(range(len(rotations)), key=lambda place: _order(rotations[place].key))
    found = yield Ask(statement, [parameters[place] for place in order])
    states = [None] * len(rotations)
    for place, rows in zip(order, found, strict=True):
        if rows:
            states[place] = _after(rotations[place], rows[0])
    return states


def _rotated_alone(database: Database, rotations: Sequence[Rotation]) -> list[GrantState | None]:
    statement = grant_statements.rotate(database.flavour, "=")
    with database.statement() as tx:
        return [_used(database, tx, statement, one) for one in rotations]


def slide(database: Database, tx: Statements, rotation: Rotation) -> GrantState | None:
    """Use a refresh token that stays as it is; the rest is as for `rotate`."""
    return _used(database, tx, grant_statements.slide(database.flavour), rotation)


def _used(
    database: Database, tx: Statements, statement: Compiled, rotation: Rotation
) -> GrantState | None:
    parameters = rotation_parameters(rotation) | database.clock_parameters()
    rows = tx.run(statement, parameters)
    if not rows:
        return None
    if database.is_sqlite:
        tenant_id = rotation.presented.tenant_id
        found = grants.read(database, tx, rotation.key, tenant_id, rotation.force_relogin)
        return found.state if found else None
    return _after(rotation, rows[0])


def _after(rotation: Rotation, row: Row) -> GrantState:
    return state_of(rotation.key, _known(rotation) + row)


def _known(rotation: Rotation) -> Row:
    """What the guard has proved of the row, or has written: the columns of `KNOWN`."""
    presented = rotation.presented
    not_ended = (None, None)
    return (
        rotation.configuration_version,
        presented.client_id,
        presented.tenant_id,
        rotation.tenant_epoch,
        rotation.client_epoch,
        presented.secret_hash,
        micros(rotation.now),
        rotation.used_from,
        *not_ended,
        *not_ended,
    )


def _order(key: GrantKey) -> tuple[str, str, int]:
    return key.account_id, key.sid, key.grant_id


def rotation_parameters(rotation: Rotation) -> dict[str, object]:
    """What the statements that use a grant are given."""
    presented, now = rotation.presented, micros(rotation.now)
    key = rotation.key
    return {
        "account_id": key.account_id,
        "sid": key.sid,
        "grant_id": key.grant_id,
        "client_id": presented.client_id,
        "tenant_id": presented.tenant_id,
        "generation": presented.generation,
        "key_number": presented.key_number,
        "secret_hash": presented.secret_hash,
        "confirmation": presented.confirmation,
        "binds": rotation.binds,
        "next_key_number": rotation.next_key_number,
        "tenant_epoch": rotation.tenant_epoch,
        "client_epoch": rotation.client_epoch,
        "configuration_version": rotation.configuration_version,
        "force_relogin": rotation.force_relogin,
        "client_relogin": rotation.client_relogin,
        "may_impersonate": int(rotation.may_impersonate),
        "used_after": now - rotation.unused_limit * MICROSECONDS,
        "slid_end": now + rotation.unused_limit * MICROSECONDS,
        "remembered_used_after": now - rotation.remembered_limit * MICROSECONDS,
        "remembered_slid_end": now + rotation.remembered_limit * MICROSECONDS,
        "used_from": rotation.used_from,
        "entered_tenant_id": rotation.entered_tenant_id,
        "now": now,
    }
