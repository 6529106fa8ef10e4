"""From where and with what: at sign-in, and again at each ping."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.http.building import SignedIn, assert_refused, signed_in
from tests.http.places.browsers import CHROME_ON_ANDROID, CHROME_ON_WINDOWS, comes
from tests.world.addresses import LONDON, TOKYO, ZURICH, write_addresses
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World
from token_service.storage.geography import Geography

PLACE = ("city", "country", "latitude", "longitude")
KIND = ("browser", "os", "device")
IN_LONDON = ("London", "United Kingdom", 51.5142, -0.0931)
IN_TOKYO = ("Tokyo", "Japan", 35.6895, 139.6917)
NOWHERE = (None, None, None, None)


def listed(who: SignedIn) -> dict[str, Any]:
    """The session in one's own list."""
    answer = who.world.http.get("/v1/me/sessions", headers=who.tokens.bearer)
    (item,) = answer.get_json()["items"]
    return dict(item)


def pinged(who: SignedIn) -> dict[str, Any]:
    answer = who.world.http.post("/v1/me/sessions/ping", headers=who.tokens.bearer)
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def of(item: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item[name] for name in names)


def test_a_session_has_the_place_where_it_was_opened(world: World) -> None:
    comes(world, LONDON)
    who = signed_in(world)
    assert of(listed(who), PLACE) == IN_LONDON
    path = f"/v1/accounts/{who.account_id}/sessions"
    (item,) = world.http.get(path, headers=who.backend.basic).get_json()["items"]
    assert of(item, PLACE) == IN_LONDON


def test_a_ping_moves_it_and_answers_with_the_new_place(world: World) -> None:
    comes(world, LONDON, CHROME_ON_WINDOWS)
    who = signed_in(world)
    comes(world, TOKYO, CHROME_ON_ANDROID)
    item = pinged(who)
    assert of(item, PLACE) == IN_TOKYO
    assert of(item, KIND) == ("Chrome Mobile", "Android", "")
    assert (item["ip"], listed(who)) == (TOKYO, item)


def test_nothing_but_a_ping_moves_it(world: World) -> None:
    comes(world, LONDON)
    who = signed_in(world)
    comes(world, TOKYO)
    who = who.refreshed()
    assert who.world.is_live(who.tokens)
    assert of(listed(who), PLACE) == IN_LONDON


@pytest.mark.parametrize(
    "address", ["10.1.2.3", "127.0.0.1", "fd00::1", "8.8.8.8", "not an address"]
)
def test_an_address_without_a_place_takes_the_old_one_away(world: World, address: str) -> None:
    comes(world, LONDON)
    who = signed_in(world)
    comes(world, address)
    assert of(pinged(who), PLACE) == NOWHERE


def test_the_place_is_that_of_the_client_behind_our_proxy(
    world_on: Callable[..., World], sqlite_files: SqliteFiles, tmp_path: Path
) -> None:
    write_addresses(tmp_path / "addresses.mmdb")
    world = world_on(
        sqlite_files,
        TOKEN_SERVICE_GEOGRAPHY_DATABASE_PATH=str(tmp_path / "addresses.mmdb"),
        TOKEN_SERVICE_SERVER_TRUSTED_PROXIES="10.0.0.0/8",
    )
    comes(world, "10.0.0.1")
    world.http.environ_base["HTTP_X_FORWARDED_FOR"] = ZURICH
    assert listed(signed_in(world))["city"] == "Zürich"


def test_guesses_are_not_looked_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []
    monkeypatch.setattr(Geography, "location", lambda _, address: looked_up.append(address))
    person, app = world.person(world.tenant()), world.client()
    assert_refused(world.try_sign_in(person, app, password="wrong"), 401, "invalid_credentials")
    assert_refused(world.try_sign_in(person, app, identifier="nobody"), 401, "invalid_credentials")
    assert looked_up == []


def test_without_a_database_of_addresses_people_sign_in_all_the_same(
    world_on: Callable[..., World],
    databases: Postgres | SqliteFiles,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "missing.mmdb"
    world = world_on(databases, TOKEN_SERVICE_GEOGRAPHY_DATABASE_PATH=str(path))
    comes(world, LONDON)
    who = signed_in(world)
    assert of(listed(who), PLACE) == of(pinged(who), PLACE) == NOWHERE
    assert who.again().refreshed()
    assert sum(str(path) in record.getMessage() for record in caplog.records) == 1


# Client hints.


def test_hints_say_more_than_a_user_agent(world: World) -> None:
    comes(
        world,
        LONDON,
        CHROME_ON_WINDOWS,
        ua='"Chromium";v="124", "Brave";v="124", "Not-A.Brand";v="99"',
        ua_platform='"Windows"',
        ua_platform_version='"15.0.0"',
        ua_mobile="?0",
    )
    who = signed_in(world)
    assert of(listed(who), KIND) == ("Brave", "Windows 11", "")
    comes(
        world,
        LONDON,
        CHROME_ON_ANDROID,
        ua='"Chromium";v="124", "Google Chrome";v="124", "Not-A.Brand";v="99"',
        ua_platform='"Android"',
        ua_model='"Pixel 7"',
        ua_mobile="?1",
    )
    assert of(pinged(who), KIND) == ("Chrome Mobile", "Android", "Pixel 7")


@pytest.mark.parametrize(
    "hint", ['"', "?1, ?0", '"x";', "\xff", '"' + "x" * 10_000 + '"', "'; DROP TABLE sessions"]
)
def test_hints_can_be_anything(world: World, hint: str) -> None:
    names = ("ua", "ua_platform", "ua_platform_version", "ua_model", "ua_mobile")
    comes(world, LONDON, CHROME_ON_WINDOWS, **dict.fromkeys(names, hint))
    assert of(listed(signed_in(world)), KIND) == ("Chrome", "Windows", "")
