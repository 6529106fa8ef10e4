"""Codes: good once, for a minute, and for nobody but whom they were given to."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.http import administration as admin
from tests.http.building import assert_refused
from tests.http.session_limits.crowd import limit_client
from tests.world.browser import REDIRECT, VERIFIER, Browser, redeem, redeemed, web_app
from tests.world.world import App, Person, Time, World


@dataclass(frozen=True)
class Given:
    """A code that somebody's application has just been given."""

    world: World
    tenant_id: str
    person: Person
    app: App
    browser: Browser
    code: str

    @property
    def happened(self) -> list[tuple[str, str]]:
        """The audit log of the account since the sign-in."""
        events = self.world.events(self.person.account_id)
        return [(str(one.event), one.reason) for one in events][1:]


@pytest.fixture
def given(world: World) -> Given:
    """A code of a confidential client."""
    tenant_id = world.tenant()
    person, app, browser = world.person(tenant_id), web_app(world), Browser(world)
    return Given(world, tenant_id, person, app, browser, browser.sign_in(app, person).code)


def test_the_second_use_ends_what_the_first_one_opened(given: Given, second_worker: World) -> None:
    tokens = redeemed(given.world, given.app, given.code)
    other = redeemed(given.world, given.app, given.browser.back(given.app).code)
    assert_refused(redeem(given.world, given.app, given.code), 400, "invalid_grant")
    for worker in (given.world, second_worker):
        assert worker.validate(tokens.access) == {"active": False}
        assert_refused(worker.try_refresh(given.app, tokens.refresh), 400, "invalid_grant")
        assert worker.is_live(other)
    assert_refused(redeem(given.world, given.app, given.code), 400, "invalid_grant")
    ended = [one for one in given.happened if one[0] != "grant_opened"]
    assert ended == [("grant_ended", "code_replayed")]


def test_also_a_late_or_wrong_second_use_ends_it(given: Given, time: Time) -> None:
    tokens = redeemed(given.world, given.app, given.code)
    time.pass_(minutes=10)
    assert_refused(
        redeem(given.world, given.app, given.code, code_verifier=None), 400, "invalid_grant"
    )
    assert_refused(given.world.try_refresh(given.app, tokens.refresh), 400, "invalid_grant")


@pytest.mark.parametrize(("seconds", "is_good"), [(59, True), (60, False), (61, False)])
def test_it_is_good_for_a_minute(given: Given, time: Time, seconds: int, is_good: bool) -> None:
    time.pass_(seconds=seconds)
    answer = redeem(given.world, given.app, given.code)
    assert answer.status_code == (200 if is_good else 400)
    assert given.happened[-1] == (("grant_opened", "") if is_good else ("grant_refused", "expired"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code_verifier": None}, "wrong_verifier"),
        ({"code_verifier": VERIFIER[:-1]}, "wrong_verifier"),
        ({"code_verifier": VERIFIER.upper()}, "wrong_verifier"),
        ({"redirect_uri": None}, "wrong_redirect_uri"),
        ({"redirect_uri": REDIRECT + "/"}, "wrong_redirect_uri"),
    ],
)
def test_its_own_client_has_one_attempt(
    given: Given, changes: dict[str, str | None], reason: str
) -> None:
    assert_refused(redeem(given.world, given.app, given.code, **changes), 400, "invalid_grant")
    assert given.happened == [("grant_refused", reason)]
    assert_refused(redeem(given.world, given.app, given.code), 400, "invalid_grant")
    assert given.happened == [("grant_refused", reason)]


@pytest.mark.parametrize("kind", ["app", "public"])
def test_another_client_neither_uses_nor_spoils_it(given: Given, kind: str) -> None:
    thief = web_app(given.world, kind)
    for _ in range(2):
        assert_refused(redeem(given.world, thief, given.code), 400, "invalid_grant")
    assert given.happened == [("grant_refused", "foreign_client")] * 2
    tokens = redeemed(given.world, given.app, given.code)
    assert_refused(redeem(given.world, thief, given.code), 400, "invalid_grant")
    assert given.world.is_live(tokens)


def test_whatever_is_changed_is_no_code(given: Given) -> None:
    code = given.code
    wrong = [code[:-1], code + "A", code.swapcase(), code.upper(), "x", "tsc_" + "A" * 111]
    wrong.append(code[:-2] + ("A" if code[-2] != "A" else "B") + code[-1])
    for one in wrong:
        assert_refused(redeem(given.world, given.app, one), 400, "invalid_grant")
    assert given.happened == []
    assert redeemed(given.world, given.app, code)


def test_a_missing_code_is_a_malformed_request(given: Given) -> None:
    assert_refused(redeem(given.world, given.app, ""), 400, "invalid_request")


def test_a_code_is_no_token(given: Given) -> None:
    for token in (given.code, given.browser.cookie):
        assert given.world.validate(token) == {"active": False}
        assert given.world.introspect(given.app, token) == {"active": False}
        assert_refused(given.world.try_refresh(given.app, token), 400, "invalid_grant")
        assert given.world.try_invalidate(token=token).status_code == 400
    assert redeemed(given.world, given.app, given.code)


def test_neither_code_nor_cookie_is_stored(given: Given) -> None:
    for secret in (given.code, given.browser.cookie):
        assert len(secret) > 60
        for table in ("authorization_codes", "grants", "sessions", "audit_events"):
            assert secret[-20:] not in str(given.world.sql(f"SELECT * FROM {table}"))
    assert "a state" not in str(given.world.sql("SELECT * FROM authorization_codes"))


CHANGES: dict[str, Callable[[Given], object]] = {
    "account disabled": lambda given: admin.disable_account(given.world, given.person),
    "account disabled, by whatever": lambda given: given.world.sql(
        "UPDATE accounts SET enabled = :no WHERE account_id = :id",
        no=False,
        id=given.person.account_id,
    ),
    "password reset": lambda given: admin.reset_password(given.world, given.person),
    "left the tenant": lambda given: admin.leave(given.world, given.person, given.tenant_id),
    "tenant disabled": lambda given: admin.disable_tenant(given.world, given.tenant_id),
    "restored": lambda given: admin.restored_from_backup(given.world),
    "this session ended": lambda given: given.world.http.delete(
        f"/v1/accounts/{given.person.account_id}/sessions/"
        + given.world.events(given.person.account_id)[0].sid,
        headers=given.world.client("backend").basic,
    ),
    "signed out": lambda given: given.world.http.delete(
        f"/v1/accounts/{given.person.account_id}/sessions",
        headers=given.world.client("backend").basic,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_world_is_looked_at_once_more(given: Given, change: str) -> None:
    CHANGES[change](given)
    assert_refused(redeem(given.world, given.app, given.code), 400, "invalid_grant")
    assert given.happened[-1][0] == "grant_refused"
    assert given.happened[-1][1] in {"sign_in_over", "not_a_member"}


def test_a_disabled_client_gets_nothing(given: Given) -> None:
    admin.disable_client(given.world, given.app)
    assert_refused(redeem(given.world, given.app, given.code), 401, "invalid_client")


def test_a_session_past_its_end_opens_nothing(world: World, time: Time) -> None:
    tenant_id = world.tenant(force_relogin=600)
    person, app, browser = world.person(tenant_id), web_app(world), Browser(world)
    browser.sign_in(app, person)
    time.pass_(seconds=570)
    code = browser.back(app).code
    time.pass_(seconds=30)
    assert_refused(redeem(world, app, code), 400, "invalid_grant")
    assert world.events(person.account_id)[-1].reason == "sign_in_over"


def test_a_client_without_the_grant_type_has_no_use_for_it(given: Given) -> None:
    service = given.world.client("service")
    assert_refused(redeem(given.world, service, given.code), 400, "unauthorized_client")


def test_an_exempt_client_is_not_talked_out_of_the_challenge(world: World) -> None:
    """Somebody took the challenge out of the request; the client sends its verifier all the same
    (RFC 9700 section 4.8.2)."""
    app = web_app(world, metadata={"pkce_required": False})
    person, browser = world.person(world.tenant()), Browser(world)
    without = {"code_challenge": None, "code_challenge_method": None}
    code = browser.sign_in(app, person, **without).code
    assert_refused(redeem(world, app, code), 400, "invalid_grant")
    assert world.events(person.account_id)[-1].reason == "wrong_verifier"
    code = browser.back(app, **without).code
    assert redeemed(world, app, code, code_verifier=None)


def test_who_may_not_refresh_gets_no_refresh_token(world: World) -> None:
    app = web_app(world, grant_types=frozenset({"authorization_code"}))
    person, browser = world.person(world.tenant()), Browser(world)
    answer = redeem(world, app, browser.sign_in(app, person).code)
    assert answer.status_code == 200
    assert "refresh_token" not in answer.get_json()


def test_a_resource_narrows_the_first_token_and_not_the_grant(world: World) -> None:
    app = web_app(world, audiences=("api", "files", "mail"))
    person, browser = world.person(world.tenant()), Browser(world)
    code = browser.sign_in(app, person, resource="api files").code
    assert_refused(redeem(world, app, code, resource="mail"), 400, "invalid_target")
    code = browser.back(app, resource="api files").code
    tokens = redeemed(world, app, code, resource="files")
    assert world.validate(tokens.access)["aud"] == "files"
    refreshed = world.refresh(app, tokens.refresh)
    assert world.validate(refreshed.access)["aud"] == ["api", "files"]


def test_a_key_that_the_request_named_must_be_proved(world: World) -> None:
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    code = browser.sign_in(app, person, dpop_jkt="A" * 43).code
    assert_refused(redeem(world, app, code), 400, "invalid_grant")
    assert world.events(person.account_id)[-1].reason == "wrong_key"


def test_the_limit_of_a_client_ends_its_oldest_session(world: World, time: Time) -> None:
    app, person = web_app(world), world.person(world.tenant())
    limit_client(world, app, 1)
    first = redeemed(world, app, Browser(world).sign_in(app, person).code)
    time.pass_(seconds=1)
    browser = Browser(world)
    second = redeemed(world, app, browser.sign_in(app, person).code)
    assert not world.is_live(first)
    assert world.is_live(second)
    assert redeemed(world, app, browser.back(app).code).sid == second.sid
    assert world.is_live(second)


def test_where_the_limit_denies_there_is_no_code(world: World) -> None:
    app, person = web_app(world), world.person(world.tenant(max_sessions_action="deny"))
    limit_client(world, app, 1)
    first = redeemed(world, app, Browser(world).sign_in(app, person).code)
    browser = Browser(world)
    page = browser.page(app)
    back = browser.sign_in_at(page, person)
    assert back.parameters["error"] == "access_denied"
    assert world.is_live(first)
