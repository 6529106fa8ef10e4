"""Statements that are kept ready: the same values, errors and transactions as SQLAlchemy's."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from tests.storage.building import HERE
from token_service.domain.events import AuditEvent, Event
from token_service.domain.failures import Conflict, Unavailable
from token_service.storage import accounts, audit
from token_service.storage.ready import Ready, given
from token_service.storage.tables import accounts as table
from token_service.storage.tables import audit_events, memberships

AT = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
EVENT_ID = "0123456789abcdef0123456789abcdef"
_BY_ID = select(audit_events).where(
    audit_events.c.account_id == given(audit_events.c.account_id),
    audit_events.c.event_id == given(audit_events.c.event_id),
)


@pytest.fixture
def event(world):
    person = world.person(world.tenant())
    return AuditEvent(
        event=Event.GRANT_OPENED,
        origin=HERE,
        actor="Zoë ☂",
        account_id=person.account_id,
        details={"list": [1, None, "☂"], "yes": True},
    )


def record(world, event):
    with world.database.transaction() as tx:
        audit.record(tx, EVENT_ID, event, AT)


def rolled_back(database, use):
    """Do something in a transaction that then comes to nothing."""
    with suppress(ZeroDivisionError), database.transaction() as tx:
        use(tx)
        raise ZeroDivisionError


def test_rows_are_what_sqlalchemy_would_give(world, event):
    record(world, event)
    key = {"account_id": event.account_id, "event_id": EVENT_ID}
    with world.database.reading() as tx:
        found = Ready(_BY_ID).row(tx, key)
        assert tuple(found) == tuple(tx.execute(_BY_ID, key).one())
    assert (found.at, found.details, found.tenant_id) == (AT, event.details, None)


def test_every_column_of_an_account_and_its_memberships_is_the_same(world, event):
    query = select(table).where(table.c.account_id == given(table.c.account_id))
    of = select(memberships).where(memberships.c.account_id == given(memberships.c.account_id))
    key = {"account_id": event.account_id}
    with world.database.reading() as tx:
        for statement in (query, of):
            found = [tuple(one) for one in Ready(statement).rows(tx, key)]
            assert found == [tuple(one) for one in tx.execute(statement, key)] != []


def test_a_value_that_is_taken_is_a_conflict(world, event):
    record(world, event)
    with pytest.raises(Conflict):
        record(world, event)
    with world.database.reading() as tx:
        assert Ready(_BY_ID).row(tx, {"account_id": event.account_id, "event_id": EVENT_ID})


def test_it_belongs_to_the_transaction_it_is_run_in(world, event):
    rolled_back(world.database, lambda tx: audit.record(tx, EVENT_ID, event, AT))
    with world.database.reading() as tx:
        key = {"account_id": event.account_id, "event_id": EVENT_ID}
        assert Ready(_BY_ID).row(tx, key) is None


def test_a_savepoint_takes_it_back_and_what_is_prepared_stays(world, event):
    key = {"account_id": event.account_id, "event_id": EVENT_ID}
    with world.database.transaction() as tx:
        point = tx.begin_nested()
        audit.record(tx, EVENT_ID, event, AT)
        point.rollback()
        assert Ready(_BY_ID).row(tx, key) is None
        audit.record(tx, EVENT_ID, event, AT)
    with world.database.reading() as tx:
        assert Ready(_BY_ID).row(tx, key)


def test_a_rollback_leaves_what_is_prepared(on_postgres):
    """psycopg, left alone, would deallocate every statement of the connection with its own."""

    def busy(tx):
        assert accounts.read(tx, EVENT_ID) is None
        for _ in range(10):
            tx.execute(text("SELECT 1"))

    for _ in range(3):
        rolled_back(on_postgres.database, busy)


def test_a_statement_that_only_reads_opens_no_transaction(on_postgres):
    """No more round trips than statements, where nothing is written."""
    with on_postgres.database.reading() as tx:
        accounts.read(tx, EVENT_ID)
        assert not tx.connection.driver_connection.info.transaction_status


def test_a_connection_that_is_lost_in_a_transaction_is_no_answer_and_replaced(on_postgres):
    def cut(tx):
        accounts.read(tx, EVENT_ID)
        own = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        on_postgres.sql(f"SELECT pg_terminate_backend({own}, 5000)")
        accounts.read(tx, EVENT_ID)

    with pytest.raises(Unavailable):
        rolled_back(on_postgres.database, cut)
    with on_postgres.database.transaction() as tx:
        assert accounts.read(tx, EVENT_ID) is None
