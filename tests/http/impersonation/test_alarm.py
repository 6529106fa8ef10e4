"""A backend that acts as people strikingly often is called out, and nothing is blocked."""

import re
from collections.abc import Callable

import pytest

from tests.http.building import SignedIn, signed_in
from tests.http.impersonation.building import try_to_act
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import Time, World
from token_service.domain.events import NO_ACCOUNT, AuditEvent


@pytest.fixture
def who(world_on: Callable[..., World], databases: Postgres | SqliteFiles) -> SignedIn:
    """Somebody in a service where three impersonations an hour are nothing unusual."""
    changed = {"TOKEN_SERVICE_IMPERSONATION_ALARM_PER_HOUR": "3"}
    return signed_in(world_on(databases, **changed))


def act_often(who: SignedIn, times: int) -> None:
    for _ in range(times):
        assert try_to_act(who).status_code == 201


def alarms(who: SignedIn) -> list[AuditEvent]:
    """The alarms of the audit log."""
    events = who.world.events(NO_ACCOUNT)
    return [event for event in events if str(event.event) == "impersonation_alarm"]


def counted(who: SignedIn) -> float:
    """The alarms of the metrics, of all tests of this process."""
    shown = who.world.http.get("/metrics").text
    found = re.search(r"^token_service_impersonation_alarms_total (\S+)$", shown, re.MULTILINE)
    return float(found[1]) if found else 0


def test_more_than_usual_is_called_out_once(who: SignedIn) -> None:
    before = counted(who)
    act_often(who, 3)
    assert alarms(who) == []
    act_often(who, 1)
    (alarm,) = alarms(who)
    assert (alarm.client_id, alarm.actor) == (who.backend.client_id, "service")
    assert alarm.details == {"more_than": 3, "in_seconds": 3600}
    act_often(who, 5)
    assert len(alarms(who)) == 1
    assert counted(who) == before + 1


def test_the_hour_is_the_last_one(who: SignedIn, time: Time) -> None:
    act_often(who, 3)
    time.pass_(seconds=3599)
    act_often(who, 1)
    assert len(alarms(who)) == 1


def test_what_is_an_hour_ago_counts_no_more(who: SignedIn, time: Time) -> None:
    act_often(who, 3)
    time.pass_(seconds=3600)
    act_often(who, 3)
    assert alarms(who) == []


def test_an_hour_later_it_is_called_out_again(who: SignedIn, time: Time) -> None:
    act_often(who, 4)
    time.pass_(seconds=1800)
    act_often(who, 4)
    assert len(alarms(who)) == 1
    time.pass_(seconds=1799)
    act_often(who, 1)
    assert len(alarms(who)) == 1
    time.pass_(seconds=1)
    act_often(who, 1)
    assert len(alarms(who)) == 2


def test_each_backend_is_counted_alone_and_refusals_are_not(who: SignedIn) -> None:
    other = who.world.client("backend")
    act_often(who, 3)
    for _ in range(3):
        assert try_to_act(who, other.basic).status_code == 201
    for _ in range(5):
        assert try_to_act(who, account_id="0" * 32).status_code == 404
    assert alarms(who) == []
