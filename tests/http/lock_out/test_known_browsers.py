"""Guesses of others lock nobody out of a browser in which they have signed in before."""

from collections.abc import Callable

import pytest

from tests.http import administration as admin
from tests.http.lock_out.locking import FREE, administrator, fail, lock_out, locks, reasons, seen
from tests.http.passwords.building import NEW, complete, token_for
from tests.world.browser import Browser, Returned, Shown, redeemed, web_app
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import App, Person, Time, World
from token_service.crypto import locators, opaque
from token_service.crypto.passwords import Passwords
from token_service.domain.events import Event

ATTACKER = "203.0.113.66"
STRICT = {"lockout_failures": 3, "lockout_seconds": 3600}

SIGNED_IN, LIMIT, WRONG, WAIT = 303, 200, 400, 429


@pytest.fixture
def app(world: World) -> App:
    """Through which everybody comes."""
    return web_app(world)


@pytest.fixture
def person(world: World) -> Person:
    """Whose password is guessed."""
    return world.person(world.tenant())


@pytest.fixture
def known(world: World, app: App, person: Person) -> Browser:
    """A browser in which they have signed in, and out again."""
    return knows(world, app, person)


def knows(world: World, app: App, person: Person) -> Browser:
    """Another such browser."""
    browser = Browser(world)
    browser.sign_in(app, person)
    browser.cookie = ""
    return browser


def holding(world: World, device_cookie: str) -> Browser:
    """A browser that holds this cookie and nothing else."""
    browser = Browser(world)
    browser.device_cookie = device_cookie
    return browser


def key_number(browser: Browser) -> int:
    """The key that has sealed its device cookie."""
    return locators.sealed_by((opaque.decode(browser.device_cookie[4:]) or b"")[1:])


def attack(world: World, person: Person, times: int = FREE) -> None:
    """Guess from elsewhere, without a cookie."""
    world.http.environ_base["REMOTE_ADDR"] = ATTACKER
    fail(world, person, world.client(), times)


def tried(browser: Browser, app: App, person: Person, **fields: str) -> int:
    """The status of a sign-in with the right password, or what the fields say."""
    page = browser.page(app, prompt="login")
    given = {"identifier": person.email, "password": person.password}
    return browser.post("/sign-in", page.hidden | given | fields).status_code


def guessed(browser: Browser, app: App, person: Person, times: int) -> list[int]:
    """The statuses of wrong guesses in a browser."""
    return [tried(browser, app, person, password="wrong") for _ in range(times)]


def test_the_known_browser_signs_in_and_no_other_does(
    world: World, app: App, person: Person, known: Browser
) -> None:
    attack(world, person)
    assert tried(Browser(world), app, person) == WAIT
    assert tried(known, app, person) == SIGNED_IN
    assert reasons(world, person.account_id) == ["wrong_credentials"] * FREE


def test_the_lock_goes_on_for_everybody_else(
    world: World, app: App, person: Person, known: Browser, time: Time
) -> None:
    attack(world, person)
    before = lock_out(world, administrator(world), person.account_id)
    assert tried(known, app, person) == SIGNED_IN
    assert lock_out(world, administrator(world), person.account_id) == before
    assert before["failures"] == FREE
    time.pass_(seconds=59)
    assert tried(Browser(world), app, person) == WAIT
    time.pass_(seconds=1)
    assert tried(Browser(world), app, person) == SIGNED_IN


def test_nor_does_a_lock_that_is_not_shown_hold_it_up(world: World, app: App) -> None:
    person = world.person(world.tenant(**STRICT))
    known = knows(world, app, person)
    attack(world, person, 3)
    assert tried(Browser(world), app, person) == WRONG
    assert tried(known, app, person) == SIGNED_IN
    assert reasons(world, person.account_id)[-1] == "locked_out"


def test_it_does_so_on_every_worker(
    world: World, second_worker: World, app: App, person: Person, known: Browser
) -> None:
    attack(world, person)
    elsewhere = holding(second_worker, known.device_cookie)
    assert tried(elsewhere, app, person) == SIGNED_IN


def test_a_cookie_of_a_key_that_a_worker_has_not_seen_yet_is_known_there_too(
    world: World, second_worker: World, app: App, person: Person, known: Browser, time: Time
) -> None:
    elsewhere = Browser(second_worker)
    elsewhere.page(app)
    for days in (179, 2):
        time.pass_(days=days)
        admin.keep_keys(world)
    elsewhere.device_cookie = knows(world, app, person).device_cookie
    assert key_number(elsewhere) > key_number(known)
    attack(world, person)
    assert tried(elsewhere, app, person) == SIGNED_IN


class TestItsOwnFailures:
    """They count for the browser, by the rule of the account."""

    def test_lock_it_and_nobody_else(
        self, world: World, app: App, person: Person, known: Browser, time: Time
    ) -> None:
        until = world.parts.clock.now().timestamp() + 60
        assert guessed(known, app, person, FREE + 1) == [WRONG] * FREE + [WAIT]
        assert tried(known, app, person) == WAIT
        told = lock_out(world, administrator(world), person.account_id)
        assert told == {"failures": 0, "locked_until": None}
        other = knows(world, app, person)
        assert tried(other, app, person) == SIGNED_IN
        time.pass_(seconds=59)
        assert tried(known, app, person) == WAIT
        time.pass_(seconds=1)
        assert world.parts.clock.now().timestamp() == until
        assert tried(known, app, person) == SIGNED_IN

    def test_are_on_the_record(
        self, world: World, app: App, person: Person, known: Browser
    ) -> None:
        guessed(known, app, person, FREE)
        assert reasons(world, person.account_id) == ["wrong_credentials"] * FREE
        assert locks(world, person.account_id) == []
        events = world.events(person.account_id)
        [lock] = [one for one in events if one.event is Event.DEVICE_LOCKED]
        assert (lock.actor, lock.reason) == ("service", "locked_out")
        assert lock.details["failures"] == FREE

    def test_lock_it_by_the_strictest_tenant_without_showing_it(
        self, world: World, app: App
    ) -> None:
        person = world.person(world.tenant(**STRICT))
        known = knows(world, app, person)
        assert guessed(known, app, person, 3) == [WRONG] * 3
        assert tried(known, app, person) == WRONG
        assert reasons(world, person.account_id)[-1] == "locked_out"

    def test_are_cleared_by_the_right_password(
        self, world: World, app: App, person: Person, known: Browser
    ) -> None:
        for _ in range(2):
            assert guessed(known, app, person, FREE - 1) == [WRONG] * (FREE - 1)
            assert tried(known, app, person) == SIGNED_IN

    def test_are_those_of_all_copies_of_its_cookie(
        self, world: World, app: App, person: Person, known: Browser, time: Time
    ) -> None:
        """Also of one from before the last sign-in: a thief gets no count of their own by it."""
        stolen = holding(world, known.device_cookie)
        time.pass_(days=1)
        assert tried(known, app, person) == SIGNED_IN
        assert known.device_cookie != stolen.device_cookie
        assert guessed(stolen, app, person, FREE - 1) == [WRONG] * (FREE - 1)
        assert guessed(known, app, person, 2) == [WRONG, WAIT]

    def test_are_not_those_of_another_browser(
        self, world: World, app: App, person: Person, known: Browser
    ) -> None:
        other = knows(world, app, person)
        assert guessed(known, app, person, FREE) == [WRONG] * FREE
        assert guessed(other, app, person, FREE) == [WRONG] * FREE

    def test_count_for_the_source_as_ever(
        self, world_on: Callable[..., World], databases: Postgres | SqliteFiles
    ) -> None:
        world = world_on(databases, TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES="3")
        app, person = web_app(world), world.person(world.tenant())
        known = knows(world, app, person)
        assert guessed(known, app, person, 4) == [WRONG] * 3 + [WAIT]
        assert tried(Browser(world), app, world.person(world.tenant())) == WAIT


def by_the_administrator(world: World, person: Person, back: Returned, app: App) -> str:
    """The password is reset."""
    admin.reset_password(world, person)
    return "another password"


def by_a_link(world: World, person: Person, back: Returned, app: App) -> str:
    """The same by its owner."""
    assert complete(world, token_for(world, person.email)).status_code in (200, 204)
    return NEW


def everywhere(world: World, person: Person, back: Returned, app: App) -> str:
    """They log out everywhere."""
    headers = redeemed(world, app, back.code).bearer
    assert world.http.delete("/v1/me/sessions", headers=headers).status_code == 204
    return person.password


def switched_off_and_on(world: World, person: Person, back: Returned, app: App) -> str:
    """The account was disabled for a while."""
    admin.disable_account(world, person)
    admin.enable_account(world, person)
    return person.password


class TestACookieIsNone:
    """Where it is not a good one of this very account: nothing is otherwise than without."""

    @pytest.mark.parametrize(
        "shut_out", [by_the_administrator, by_a_link, everywhere, switched_off_and_on]
    )
    def test_once_its_owner_has_shut_the_browser_out(
        self,
        world: World,
        app: App,
        person: Person,
        shut_out: Callable[[World, Person, Returned, App], str],
    ) -> None:
        known = Browser(world)
        password = shut_out(world, person, known.sign_in(app, person), app)
        known.cookie = ""
        attack(world, person)
        assert tried(known, app, person, password=password) == WAIT
        before = known.device_cookie
        world.http.delete(
            f"/v1/accounts/{person.account_id}/lock-out", headers=administrator(world)
        )
        assert tried(known, app, person, password=password) == SIGNED_IN
        assert known.device_cookie not in ("", before)
        attack(world, person)
        assert tried(holding(world, before), app, person, password=password) == WAIT
        assert tried(known, app, person, password=password) == SIGNED_IN

    def test_even_in_the_middle_of_a_sign_in(
        self,
        world: World,
        app: App,
        person: Person,
        known: Browser,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """After the browser was found to be known, and before the session opens."""
        attack(world, person)
        verify = Passwords.verify
        account = {"id": person.account_id}

        def meanwhile(*args: object) -> object:
            world.sql("UPDATE accounts SET epoch = epoch + 1 WHERE account_id = :id", **account)
            return verify(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(Passwords, "verify", meanwhile)
        assert tried(known, app, person) == WAIT

    def test_after_a_year(
        self, world: World, app: App, person: Person, known: Browser, time: Time
    ) -> None:
        cookie = known.device_cookie
        for days in (180, 180, 5):
            time.pass_(days=days, seconds=-1 if days == 5 else 0)
            admin.keep_keys(world)
        attack(world, person)
        assert tried(holding(world, cookie), app, person) == SIGNED_IN
        time.pass_(seconds=1)
        assert tried(holding(world, cookie), app, person) == WAIT

    def test_for_another_account(
        self, world: World, app: App, person: Person, known: Browser
    ) -> None:
        somebody = world.person(world.tenant())
        attack(world, somebody)
        assert tried(known, app, somebody) == WAIT
        attack(world, person)
        assert tried(known, app, person) == SIGNED_IN

    def test_that_nobody_here_has_made(
        self, world: World, app: App, person: Person, known: Browser
    ) -> None:
        attack(world, person)
        good = known.device_cookie
        session = Browser(world)
        session.sign_in(app, world.person(world.tenant()))
        middle = len(good) // 2
        flipped = good[:middle] + ("A" if good[middle] != "A" else "B") + good[middle + 1 :]
        forged = ["x", "tsk_", good[:-1], good + "A", "tsk_" + "A" * (len(good) - 4), flipped]
        for cookie in (*forged, good.replace("tsk_", "tsb_"), session.cookie):
            assert tried(holding(world, cookie), app, person) == WAIT, cookie
        assert tried(holding(world, good), app, person) == SIGNED_IN

    def test_so_it_tells_nothing_of_other_names(
        self, world: World, app: App, known: Browser
    ) -> None:
        """Attempt by attempt what a stranger sees, of somebody and of nobody."""

        def told(browser: Browser, identifier: str) -> list[object]:
            answers = []
            for _ in range(FREE + 2):
                page = browser.page(app)
                fields = {"identifier": identifier, "password": "wrong"}
                answer = browser.post("/sign-in", page.hidden | fields)
                status, body, headers = seen(answer)
                for value in (*page.hidden.values(), identifier):
                    body = body.replace(value.encode(), b"X")
                answers.append((status, body, [one for one in headers if "-Length" not in one[0]]))
            return list(answers)

        names = [world.person(world.tenant()).email for _ in range(2)]
        expected = told(Browser(world), names[0])
        assert told(known, names[1]) == expected
        assert told(known, "nobody@example.test") == expected


class TestTheCookie:
    """What a browser keeps."""

    def test_is_kept_for_a_year_and_by_nobody_else(
        self, world: World, app: App, person: Person
    ) -> None:
        browser = Browser(world)
        page = browser.page(app)
        given = {"identifier": person.email, "password": person.password}
        answer = browser.post("/sign-in", page.hidden | given)
        cookies = answer.headers.getlist("Set-Cookie")
        [cookie] = [one for one in cookies if one.startswith("__Host-device=tsk_")]
        flags = set(cookie.split("; ")[1:])
        assert flags >= {"Max-Age=31536000", "Secure", "HttpOnly", "Path=/", "SameSite=Lax"}
        assert "Domain" not in cookie
        assert person.account_id not in cookie

    def test_is_not_given_for_a_wrong_password(
        self, world: World, app: App, person: Person
    ) -> None:
        browser = Browser(world)
        guessed(browser, app, person, 1)
        assert browser.device_cookie == ""

    def test_stays_when_somebody_signs_out(self, world: World, app: App, person: Person) -> None:
        browser = Browser(world)
        browser.sign_in(app, person)
        cookie = browser.device_cookie
        page = browser.get("/oauth2/logout")
        form = Shown("/oauth2/logout-confirmation", page)
        browser.post(form.path, form.hidden)
        assert (browser.cookie, browser.device_cookie) == ("", cookie)
        attack(world, person)
        assert tried(browser, app, person) == SIGNED_IN

    def test_is_that_of_the_account_that_signed_in_last(
        self, world: World, app: App, person: Person, known: Browser
    ) -> None:
        somebody = world.person(world.tenant())
        assert tried(known, app, somebody) == SIGNED_IN
        for one, status in ((person, WAIT), (somebody, SIGNED_IN)):
            attack(world, one)
            assert tried(known, app, one) == status

    def test_is_given_after_the_choice_of_a_session_to_end(self, world: World, app: App) -> None:
        person = world.person(world.tenant(max_sessions=1, max_sessions_action="ask"))
        knows(world, app, person)
        browser = Browser(world)
        choice = browser.sign_in_at(browser.page(app), person)
        assert isinstance(choice, Shown)
        assert browser.device_cookie == ""
        browser.send(choice, "/session-limit", end_sid=choice.values("end_sid")[0])
        assert browser.device_cookie.startswith("tsk_")
        attack(world, person)
        browser.cookie = ""
        assert tried(browser, app, person) == LIMIT

    def test_is_no_sign_in(self, world: World, app: App, person: Person, known: Browser) -> None:
        assert known.page(app).path == "/sign-in"
        known.cookie = known.device_cookie
        assert known.page(app).path == "/sign-in"
