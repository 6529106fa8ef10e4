"""The schema: spread by account, times as numbers, and nothing indexed that a refresh changes."""

import pytest
from sqlalchemy import Date, DateTime, Interval, Time

from token_service.domain.events import Event
from token_service.domain.refusals import Refusal
from token_service.storage.rotations import Rotation
from token_service.storage.tables import audit_events, grants, metadata, sessions
from token_service.storage.types import Identifier

TABLES = list(metadata.tables.values())
BY_NAME = {"account_names", "device_authorizations"}
"""From a sign-in name or a device's code to an account: it cannot be keyed by what it finds."""

CHANGED_BY_A_REFRESH = {"generation", "key_number", "used_at", "used_from", "ends_at"}
CHANGED_BY_A_PING = {"last_active_at", "ip", "user_agent", "browser", "os", "device", "city"}


def indexed(table):
    keys = {column.name for column in table.primary_key.columns}
    return keys | {column.name for index in table.indexes for column in index.columns}


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_what_belongs_to_an_account_has_it_first_in_its_key(table):
    key = [column.name for column in table.primary_key.columns]
    assert key
    if "account_id" in table.columns and table.name not in BY_NAME:
        assert key[0] == "account_id"


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_ids_and_times_are_kept_alike_in_both_databases(table):
    for column in table.columns:
        assert not isinstance(column.type, Date | DateTime | Interval | Time)
        if column.name in {"account_id", "tenant_id", "sid", "event_id", "default_tenant_id"}:
            assert isinstance(column.type, Identifier)


def test_no_column_that_use_changes_is_indexed():
    """Else each refresh would write index entries too, and the table would swell (no HOT)."""
    assert set(grants.columns.keys()) >= CHANGED_BY_A_REFRESH
    assert "used_from" in Rotation._fields
    assert indexed(grants) & CHANGED_BY_A_REFRESH == set()
    assert indexed(sessions) & CHANGED_BY_A_PING == set()


def test_every_reason_and_event_fits_its_column():
    for column in (grants.c.end_reason, sessions.c.end_reason, audit_events.c.reason):
        assert max(map(len, Refusal)) <= column.type.length
    assert max(map(len, Event)) <= audit_events.c.event.type.length
