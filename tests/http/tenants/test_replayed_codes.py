"""A code that is used twice ends all that came of it, in all tenants (RFC 6749 section 4.1.2).

The thief of a code who is faster than its owner would otherwise live on in the next tenant.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from tests.http.building import EVERYWHERE, SignedIn, assert_refused, live_at
from tests.http.tenants.building import Both, ask, assert_grant_dead
from tests.world.browser import Browser, redeem, redeemed, web_app
from tests.world.world import World, tokens_of

Way = Callable[[SignedIn, str], tuple[SignedIn, SignedIn]]
"""From a grant into a tenant: what the grant holds from then on, and what the new one holds."""
BY_CODE = ("grant_ended", "code_replayed")


def by_refresh_token(who: SignedIn, tenant_id: str) -> tuple[SignedIn, SignedIn]:
    """Spend the refresh token on it."""
    found = Both(who, tenant_id).enter()
    return found.first, found.second


def by_access_token(who: SignedIn, tenant_id: str) -> tuple[SignedIn, SignedIn]:
    """Spend nothing."""
    tokens = tokens_of(ask(Both(who, tenant_id)))
    return who, replace(who, tokens=tokens, tenant_id=tenant_id)


@dataclass(frozen=True)
class Redeemed:
    """Somebody of three tenants, signed in to the first by a code that was used once."""

    who: SignedIn
    code: str
    second_tenant: str
    third_tenant: str
    browser: Browser

    def by_another_code(self) -> SignedIn:
        """What another code of the same sign-in gives the same application."""
        code = self.browser.back(self.who.app, tenant_id=self.who.tenant_id).code
        tokens = redeemed(self.who.world, self.who.app, code)
        assert tokens.sid == self.who.tokens.sid
        return replace(self.who, tokens=tokens)

    def replay(self) -> None:
        """Use the code once more."""
        assert_refused(redeem(self.who.world, self.who.app, self.code), 400, "invalid_grant")

    @property
    def ends(self) -> list[tuple[str, str]]:
        """What has ended, on the record."""
        return [one for one in self.who.happened if "ended" in one[0]]


@pytest.fixture
def given(world: World) -> Redeemed:
    """With an application that may use either way."""
    first, second, third = world.tenant(), world.tenant(), world.tenant()
    person, app, browser = world.person(first, second, third), web_app(world), Browser(world)
    code = browser.sign_in(app, person, tenant_id=first).code
    tokens = redeemed(world, app, code)
    who = SignedIn(world, first, person, app, world.client("backend"), tokens)
    return Redeemed(who, code, second, third, browser)


@pytest.mark.parametrize("on", [by_refresh_token, by_access_token])
@pytest.mark.parametrize("into", [by_refresh_token, by_access_token])
def test_all_that_was_opened_from_it_ends_and_no_more(
    given: Redeemed, second_worker: World, into: Way, on: Way
) -> None:
    first, second = into(given.who, given.second_tenant)
    second, third = on(second, given.third_tenant)
    others = into(given.by_another_code(), given.second_tenant)
    given.replay()
    for who in (first, second, third):
        assert_grant_dead(who, second_worker)
    for who in others:
        assert live_at(who, second_worker) == EVERYWHERE
        assert live_at(who.refreshed()) == EVERYWHERE
    assert given.ends == [BY_CODE] * 3
    given.replay()
    assert given.ends == [BY_CODE] * 3


@pytest.mark.parametrize("into", [by_refresh_token, by_access_token])
def test_it_ends_what_has_outlived_the_grant_of_the_code(given: Redeemed, into: Way) -> None:
    first, second = into(given.who, given.second_tenant)
    given.who.world.revoke(first.app, first.tokens.refresh)
    assert live_at(second) == EVERYWHERE
    given.replay()
    assert_grant_dead(second)
    assert given.ends == [("grant_ended", "revoked"), BY_CODE]


@pytest.mark.parametrize("into", [by_refresh_token, by_access_token])
def test_what_goes_back_to_no_code_lives_on(given: Redeemed, into: Way) -> None:
    """Of the same person and application, signed in without a browser."""
    tabs = into(given.who.again(), given.second_tenant)
    given.replay()
    for who in tabs:
        assert live_at(who) == EVERYWHERE
