"""Why a session is over, since when and by whom."""

from datetime import timedelta

import pytest

from tests.domain.building import DAY, HOUR, MOMENT, NOW, SECOND, grant, rules
from token_service.domain.policies import Policy
from token_service.domain.refusals import Refusal
from token_service.domain.session_ends import (
    SERVICE,
    End,
    EndedBy,
    EndedSession,
    grant_ending,
    session_ending,
)
from token_service.domain.sessions import Device, Rules, Session

ACCOUNT, OTHER = "a" * 32, "e" * 32
LATER = NOW + timedelta(hours=3)


def end(reason, at, actor="cli"):
    return End(reason, at, actor)


def ending(state=None, policy=None, written=(), recorded=(), now=LATER):
    return grant_ending(state or grant(), policy or rules(), written, recorded, now)


def test_a_live_grant_has_no_end():
    assert ending() is None


@pytest.mark.parametrize(
    ("state", "policy", "at", "reason"),
    [
        pytest.param({}, {"idle_timeout": 3600}, HOUR, "idle_timeout", id="idle"),
        pytest.param(
            {}, {"refresh_token_lifetime": 1800}, HOUR / 2, "refresh_expired", id="not refreshed"
        ),
        pytest.param({"force_relogin": 7200}, {}, HOUR, "absolute_timeout", id="absolute"),
        pytest.param({"capped_at": NOW + SECOND}, {}, SECOND, "absolute_timeout", id="capped"),
        pytest.param({}, {"force_relogin": 7200}, HOUR, "client_timeout", id="client's"),
        pytest.param({"ends_at": NOW + HOUR}, {}, HOUR, "expired", id="stored"),
    ],
)
def test_what_time_ends_ends_at_that_very_moment(state, policy, at, reason):
    state, policy = grant(**state), rules(**policy)
    assert ending(state, policy, now=NOW + at - MOMENT) is None
    for now in (NOW + at, NOW + at + MOMENT, NOW + 40 * DAY):
        assert ending(state, policy, now=now) == End(Refusal(reason), NOW + at, SERVICE)


def test_a_remembered_session_ends_by_the_policy_for_remembered_ones():
    policy = rules(idle_timeout=3600, remember_me=True, remember_me_lifetime=7200)
    state = grant(remembered=True)
    assert ending(state, policy, now=NOW + 2 * HOUR - MOMENT) is None
    found = ending(state, policy, now=NOW + 2 * HOUR)
    assert found is not None
    assert found.at == NOW + 2 * HOUR


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"session_account_epoch": 5}, Refusal.ENDED_BY_USER),
        ({"session_environment_epoch": 7}, Refusal.RESTORED),
        ({"client_epoch": 4}, Refusal.CLIENT_DISABLED),
        ({"tenant_epoch": 3}, Refusal.TENANT_DISABLED),
        ({"current_membership": None}, Refusal.LEFT_TENANT),
        ({"current_membership": 4}, Refusal.LEFT_TENANT),
    ],
)
def test_what_nobody_wrote_down_ended_as_it_was_recorded(changes, reason):
    recorded = end(reason, NOW + SECOND, "client:admin")
    assert ending(grant(**changes), recorded=[recorded]) == recorded


def test_the_first_of_several_is_the_end():
    state = grant(session_account_epoch=5, tenant_epoch=3, current_membership=None)
    account = end(Refusal.PASSWORD_RESET, NOW + 2 * HOUR)
    tenant = end(Refusal.TENANT_DISABLED, NOW + HOUR)
    left = end(Refusal.LEFT_TENANT, NOW + 3 * HOUR)
    assert ending(state, recorded=[account, tenant, left]) == tenant


@pytest.mark.parametrize("idle_first", [True, False])
def test_time_and_what_was_recorded_are_one_order(idle_first):
    """Signing out everywhere today did not end what was idle since last month, and idleness did
    not end what was signed out before."""
    everywhere = end(Refusal.ENDED_BY_USER, NOW + (2 * HOUR if idle_first else HOUR / 2))
    found = ending(grant(session_account_epoch=5), rules(idle_timeout=3600), recorded=[everywhere])
    idle = End(Refusal.IDLE_TIMEOUT, NOW + HOUR, SERVICE)
    assert found == (idle if idle_first else everywhere)


def test_what_was_written_is_final():
    """A policy that was shortened since cannot tell of another end."""
    written = end(Refusal.SIGNED_OUT, NOW + 2 * HOUR, "account:x")
    assert ending(policy=rules(idle_timeout=60), written=[written]) == written
    earlier = end(Refusal.REVOKED, NOW + HOUR)
    assert ending(written=[written, earlier]) == earlier


def test_what_the_service_wrote_when_it_was_met_is_told_as_it_was_recorded():
    met = End(Refusal.LEFT_TENANT, NOW + 2 * HOUR, SERVICE)
    left = end(Refusal.LEFT_TENANT, NOW + HOUR, "client:admin")
    assert ending(written=[met], recorded=[left]) == left
    for other in (
        end(Refusal.TENANT_DISABLED, NOW + HOUR),
        end(Refusal.LEFT_TENANT, NOW + 2 * HOUR + MOMENT),
    ):
        assert ending(written=[met], recorded=[other]) == met
    idle = End(Refusal.IDLE_TIMEOUT, NOW + 2 * HOUR, SERVICE)
    at_once = ending(policy=rules(idle_timeout=3600), written=[idle])
    assert at_once == End(Refusal.IDLE_TIMEOUT, NOW + HOUR, SERVICE)
    assert ending(policy=rules(idle_timeout=10_000), written=[idle]) == idle


def test_an_end_that_nobody_recorded_is_told_from_the_last_use_on():
    assert ending(grant(session_account_epoch=5)) == End(Refusal.REVOKED, NOW, SERVICE)
    assert ending(grant(current_membership=None)) == End(Refusal.LEFT_TENANT, NOW, SERVICE)


def test_a_client_that_is_gone_ends_its_grants():
    found = grant_ending(grant(), None, [], [], NOW)
    assert found == End(Refusal.CLIENT_DISABLED, NOW, SERVICE)
    left = end(Refusal.LEFT_TENANT, NOW + SECOND)
    assert grant_ending(grant(), None, [], [left], NOW) == left


def test_a_session_ends_with_the_last_of_its_grants():
    idle, left = end(Refusal.IDLE_TIMEOUT, NOW), end(Refusal.LEFT_TENANT, NOW + SECOND)
    assert session_ending([idle, left]) == session_ending([left, idle]) == left
    assert session_ending([idle, None]) is None
    assert session_ending([None]) is None
    assert session_ending([]) is None


@pytest.mark.parametrize(
    ("actor", "reason", "kind"),
    [
        (f"account:{ACCOUNT}", Refusal.ENDED_BY_USER, EndedBy.USER),
        (f"account:{ACCOUNT}", Refusal.EVICTED, EndedBy.USER),
        (f"account:{OTHER}", Refusal.ENDED_BY_ADMIN, EndedBy.ADMINISTRATOR),
        ("client:x", Refusal.ENDED_BY_ADMIN, EndedBy.ADMINISTRATOR),
        ("client:x", Refusal.TENANT_DISABLED, EndedBy.ADMINISTRATOR),
        ("client:x", Refusal.LEFT_TENANT, EndedBy.ADMINISTRATOR),
        ("client:x", Refusal.ENDED_BY_BACKEND, EndedBy.BACKEND),
        ("client:x", Refusal.REPLAYED, EndedBy.APPLICATION),
        ("client:x", Refusal.REVOKED, EndedBy.APPLICATION),
        ("cli", Refusal.PASSWORD_RESET, EndedBy.ADMINISTRATOR),
        ("service", Refusal.IDLE_TIMEOUT, EndedBy.SERVICE),
    ],
)
def test_what_kind_of_actor_it_was(actor, reason, kind):
    assert End(reason, NOW, actor).kind_for(ACCOUNT) is kind


def test_an_ended_session_ends_when_it_ended():
    session = Session(ACCOUNT, "b" * 32, NOW, NOW, NOW, None, 1, 1, ("pwd",), False, None, Device())
    found = EndedSession(session, end(Refusal.SIGNED_OUT, LATER), NOW, ("app",), ("t",))
    assert found.ends_at == LATER


def test_the_rules_of_the_moment_decide():
    """A lengthened policy voids an end by time that nobody met, as everywhere."""
    short, long = Policy(idle_timeout=3600), Policy(idle_timeout=14_400)
    now = NOW + 2 * HOUR
    assert grant_ending(grant(), Rules(short, short, 4, 5), [], [], now) is not None
    assert grant_ending(grant(), Rules(long, long, 4, 5), [], [], now) is None
