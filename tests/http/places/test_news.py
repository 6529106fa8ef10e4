"""New devices and new countries are told to those who watch over security."""

import pytest

from tests.http.building import SignedIn, signed_in
from tests.http.places.browsers import CHROME_ON_ANDROID, CHROME_ON_WINDOWS, comes
from tests.world.addresses import LONDON, TOKYO, ZURICH
from tests.world.world import World
from token_service.domain.events import Event

NEWS = (Event.NEW_DEVICE, Event.NEW_COUNTRY)


@pytest.fixture
def who(world: World) -> SignedIn:
    """Somebody in London, with Windows."""
    comes(world, LONDON, CHROME_ON_WINDOWS)
    return signed_in(world)


def news(who: SignedIn) -> list[tuple[str, dict[str, object]]]:
    events = who.world.events(who.account_id)
    return [(str(one.event), dict(one.details)) for one in events if one.event in NEWS]


def signs_in(who: SignedIn, address: str, agent: str, **hints: str) -> SignedIn:
    comes(who.world, address, agent, **hints)
    return who.again()


def test_the_first_sign_in_is_no_news(who: SignedIn) -> None:
    assert news(who) == []


def test_what_was_there_before_is_no_news(who: SignedIn) -> None:
    signs_in(who, "81.2.69.7", CHROME_ON_WINDOWS)
    assert news(who) == []


def test_another_kind_of_device_is_news_once(who: SignedIn) -> None:
    for _ in range(3):
        signs_in(who, LONDON, CHROME_ON_ANDROID)
        signs_in(who, LONDON, CHROME_ON_WINDOWS)
    assert news(who) == [("new_device", {"device": "Chrome Mobile on Android"})]


def test_another_country_is_news_once(who: SignedIn) -> None:
    for _ in range(3):
        signs_in(who, ZURICH, CHROME_ON_WINDOWS)
        signs_in(who, LONDON, CHROME_ON_WINDOWS)
    assert news(who) == [("new_country", {"country": "Switzerland"})]


def test_both_at_once_follow_the_sign_in_that_they_belong_to(who: SignedIn) -> None:
    stranger = signs_in(who, TOKYO, CHROME_ON_ANDROID)
    told = who.world.events(who.account_id)[1:]
    assert [str(one.event) for one in told] == ["signed_in", "new_device", "new_country"]
    for one in told:
        assert (one.sid, one.account_id) == (stranger.tokens.sid, who.account_id)
        assert (one.client_id, one.tenant_id) == (who.app.client_id, who.tenant_id)
        assert (one.actor, one.reason) == (f"account:{who.account_id}", "")
        assert one.origin.address == TOKYO


def test_an_upgraded_system_is_no_other_device(who: SignedIn) -> None:
    for version in ("10.0.0", "15.0.0"):
        hints = {"ua_platform": '"Windows"', "ua_platform_version": f'"{version}"'}
        signs_in(who, LONDON, CHROME_ON_WINDOWS, **hints)
    assert news(who) == []


def test_a_sign_in_without_a_country_is_no_news_and_forgets_none(who: SignedIn) -> None:
    signs_in(who, "10.0.0.1", CHROME_ON_WINDOWS)
    signs_in(who, LONDON, CHROME_ON_WINDOWS)
    assert news(who) == []


def test_the_first_country_after_sign_ins_without_one_is_no_news(world: World) -> None:
    comes(world, "10.0.0.1", CHROME_ON_WINDOWS)
    who = signed_in(world)
    signs_in(who, LONDON, CHROME_ON_WINDOWS)
    assert news(who) == []
    signs_in(who, ZURICH, CHROME_ON_WINDOWS)
    assert news(who) == [("new_country", {"country": "Switzerland"})]


def test_a_sign_in_that_fails_makes_nothing_known(who: SignedIn) -> None:
    comes(who.world, TOKYO, CHROME_ON_ANDROID)
    who.world.try_sign_in(who.person, who.app, password="wrong")
    who.world.try_sign_in(who.person, who.app, tenant_id="0" * 32)
    signs_in(who, TOKYO, CHROME_ON_ANDROID)
    assert [event for event, _ in news(who)] == ["new_device", "new_country"]


def test_a_ping_or_a_refresh_from_elsewhere_is_no_sign_in(who: SignedIn) -> None:
    comes(who.world, TOKYO, CHROME_ON_ANDROID)
    who.world.http.post("/v1/me/sessions/ping", headers=who.tokens.bearer)
    who.refreshed()
    assert news(who) == []


def test_accounts_do_not_know_of_each_other(who: SignedIn) -> None:
    comes(who.world, TOKYO, CHROME_ON_ANDROID)
    assert news(signed_in(who.world)) == []


def test_no_more_than_fifty_of_each_are_kept(who: SignedIn) -> None:
    for number in range(60):
        signs_in(who, LONDON, CHROME_ON_WINDOWS, ua=f'"Browser {number:02}"')
    (row,) = who.world.sql(
        "SELECT length(CAST(seen AS text)) AS size FROM accounts WHERE account_id = :id",
        id=who.account_id,
    )
    assert len(news(who)) == 60
    assert row.size < 2_000
    signs_in(who, LONDON, CHROME_ON_WINDOWS, ua='"Browser 59"')
    assert len(news(who)) == 60
    signs_in(who, LONDON, CHROME_ON_WINDOWS)
    assert len(news(who)) == 61
