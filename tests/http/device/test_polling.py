"""Polls: told to wait, to slow down or to stop, and answered with tokens once (RFC 8628, 3.5)."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.http import administration as admin
from tests.http.building import assert_refused
from tests.http.device.building import (
    Waiting,
    decide,
    device_app,
    last,
    let_in,
    question,
    waiting,
)
from tests.http.session_limits.crowd import limit_account
from tests.world.browser import Browser
from tests.world.world import App, Person, Time, World


@dataclass(frozen=True)
class Given:
    """A device that somebody is about to let in."""

    world: World
    tenant_id: str
    person: Person
    app: App
    browser: Browser
    device: Waiting

    def let_in(self) -> None:
        """Do so."""
        let_in(self.browser, self.device, self.person)

    @property
    def interval(self) -> int:
        """What is kept of how long the device is to wait."""
        ((interval,),) = self.world.sql("SELECT interval FROM device_authorizations")
        return int(interval)

    def assert_denied(self, reason: str) -> None:
        """The device is told to stop, and the audit log why."""
        assert_refused(self.device.poll(), 400, "access_denied")
        event = last(self.world, self.person)
        assert (event.event, event.reason) == ("grant_refused", reason)
        assert event.client_id == self.app.client_id


@pytest.fixture
def given(world: World) -> Given:
    """A device with a public client."""
    tenant_id = world.tenant()
    app, person = device_app(world), world.person(tenant_id)
    return Given(world, tenant_id, person, app, Browser(world), waiting(world, app))


def test_each_poll_that_comes_too_soon_adds_five_seconds(given: Given, time: Time) -> None:
    device = given.device
    assert_refused(device.poll(), 400, "authorization_pending")
    for interval in (10, 15, 20):
        time.pass_(seconds=0.1)
        assert_refused(device.poll(), 400, "slow_down")
        assert given.interval == interval
    time.pass_(seconds=19.9)
    assert_refused(device.poll(), 400, "slow_down")
    assert given.interval == 25
    for _ in range(2):
        time.pass_(seconds=25)
        assert_refused(device.poll(), 400, "authorization_pending")
        assert given.interval == 25


def test_who_polls_as_told_is_never_told_to_slow_down(given: Given, time: Time) -> None:
    for _ in range(10):
        assert_refused(given.device.poll(), 400, "authorization_pending")
        time.pass_(seconds=5)
    assert given.interval == 5


def test_another_worker_knows_of_the_last_poll(given: Given, second_worker: World) -> None:
    assert_refused(given.device.poll(), 400, "authorization_pending")
    there = Waiting(second_worker, given.app, given.device.body)
    assert_refused(there.poll(), 400, "slow_down")


def test_it_is_good_once(given: Given) -> None:
    given.let_in()
    tokens = given.device.tokens()
    before = given.world.sql("SELECT count(*) FROM sessions")
    assert_refused(given.device.poll(), 400, "invalid_grant")
    event = last(given.world, given.person)
    assert (event.event, event.reason) == ("grant_refused", "code_spent")
    assert given.world.sql("SELECT count(*) FROM sessions") == before
    assert given.world.is_live(tokens)


def test_another_client_neither_uses_nor_spoils_it(given: Given) -> None:
    thief = device_app(given.world, "app")
    assert_refused(given.device.poll(thief), 400, "invalid_grant")
    assert_refused(given.device.poll(), 400, "authorization_pending")
    given.let_in()
    assert_refused(given.device.poll(thief), 400, "invalid_grant")
    event = last(given.world, given.person)
    assert (event.reason, event.client_id) == ("foreign_client", thief.client_id)
    assert given.device.tokens()


def test_whatever_is_changed_is_no_device_code(given: Given) -> None:
    given.let_in()
    code = given.device.body["device_code"]
    last_but_one = ("A" if code[-2] != "A" else "B") + code[-1]
    for one in (code[:-1], code + "A", code.upper(), "x", code[:-2] + last_but_one):
        forged = Waiting(given.world, given.app, given.device.body | {"device_code": one})
        assert_refused(forged.poll(), 400, "invalid_grant")
    missing = given.world.token(
        given.app, grant_type="urn:ietf:params:oauth:grant-type:device_code"
    )
    assert_refused(missing, 400, "invalid_request")
    assert given.device.tokens()


def test_a_device_code_is_no_token(given: Given) -> None:
    code = given.device.body["device_code"]
    assert given.world.validate(code) == {"active": False}
    assert_refused(given.world.try_refresh(given.app, code), 400, "invalid_grant")
    assert given.world.try_invalidate(token=code).status_code == 400


@pytest.mark.parametrize(
    ("seconds", "error"), [(899, "authorization_pending"), (900, "expired_token")]
)
def test_it_is_good_for_a_quarter_of_an_hour(
    given: Given, time: Time, seconds: int, error: str
) -> None:
    time.pass_(seconds=seconds)
    assert_refused(given.device.poll(), 400, error)


def test_what_was_approved_expires_too(given: Given, time: Time) -> None:
    given.let_in()
    time.pass_(minutes=15)
    assert_refused(given.device.poll(), 400, "expired_token")
    assert last(given.world, given.person).reason == "expired"


def test_a_denied_device_is_told_to_stop(given: Given, time: Time) -> None:
    page = question(given.browser, given.device, given.person)
    assert decide(given.browser, page, "deny").title == "The device was kept out"
    event = last(given.world, given.person)
    assert (event.event, event.client_id) == ("device_denied", given.app.client_id)
    for _ in range(2):
        assert_refused(given.device.poll(), 400, "access_denied")
        time.pass_(minutes=20)
    assert last(given.world, given.person).event == "device_denied"


def leave_tenant(given: Given) -> None:
    """Somebody takes the person out of the tenant."""
    headers = given.world.client("admin").basic
    token = given.world.http.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, headers=headers
    ).get_json()["access_token"]
    path = f"/v1/tenants/{given.tenant_id}/members/{given.person.account_id}"
    bearer = {"Authorization": f"Bearer {token}"}
    assert given.world.http.delete(path, headers=bearer).status_code == 204


def end_everything(given: Given) -> None:
    """A backend ends all sessions of the account."""
    path = f"/v1/accounts/{given.person.account_id}/sessions"
    headers = given.world.client("backend").basic
    assert given.world.http.delete(path, headers=headers).status_code == 204


def sign_out(given: Given) -> None:
    """The person signs out in the browser."""
    sid = last(given.world, given.person).sid
    given.world.invalidate(given.world.client("backend").basic, sid=sid)


def disable_account(given: Given) -> None:
    """The account is switched off."""
    given.world.sql("UPDATE accounts SET enabled = :no", no=False)


def deny_more_sessions(given: Given) -> None:
    """The limit is reached meanwhile."""
    limit_account(given.world, given.person, 1)
    given.world.sql("UPDATE tenants SET policy = :policy", policy='{"max_sessions_action": "deny"}')
    admin.tell_workers(given.world)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (leave_tenant, "not_a_member"),
        (end_everything, "sign_in_over"),
        (sign_out, "sign_in_over"),
        (disable_account, "sign_in_over"),
        (deny_more_sessions, "session_limit"),
    ],
)
def test_the_world_is_looked_at_anew(
    given: Given, change: Callable[[Given], None], reason: str
) -> None:
    """Between the approval and the poll."""
    given.let_in()
    before = given.world.sql("SELECT count(*) FROM sessions")
    change(given)
    given.assert_denied(reason)
    assert given.world.sql("SELECT count(*) FROM sessions") == before
    assert_refused(given.device.poll(), 400, "invalid_grant")


def test_a_disabled_client_gets_nothing(given: Given) -> None:
    given.let_in()
    given.world.sql(
        "UPDATE clients SET enabled = :no WHERE client_id = :client_id",
        no=False,
        client_id=given.app.client_id,
    )
    admin.tell_workers(given.world)
    assert_refused(given.device.poll(), 401, "invalid_client")


def test_the_oldest_session_ends_for_it(given: Given, time: Time) -> None:
    limit_account(given.world, given.person, 2)
    oldest = given.world.sign_in(given.person, given.world.client())
    time.pass_(seconds=1)
    given.let_in()
    tokens = given.device.tokens()
    assert given.world.is_live(tokens)
    assert not given.world.is_live(oldest)
    ends = [one for one in given.world.events(given.person.account_id) if one.reason == "evicted"]
    assert [one.sid for one in ends] == [oldest.sid]


def test_where_the_database_is_away_nobody_is_told_to_stop(given: Given) -> None:
    given.let_in()
    given.world.sql("ALTER TABLE device_authorizations RENAME TO elsewhere")
    answer = given.device.poll()
    assert (answer.status_code, answer.get_json()["error"]) == (503, "temporarily_unavailable")
    given.world.sql("ALTER TABLE elsewhere RENAME TO device_authorizations")
    assert given.device.tokens()
