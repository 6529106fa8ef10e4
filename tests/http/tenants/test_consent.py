"""What a person allowed an application in one tenant lets it into no other."""

import pytest

from tests.http.building import SignedIn, assert_refused
from tests.http.consents.building import ASKS, allowed
from tests.http.tenants.building import Both, ask
from tests.world.browser import Browser, web_app
from tests.world.world import World

SCOPE = "openid profile email"


@pytest.fixture
def both(world: World) -> tuple[Both, Browser]:
    """Somebody who has allowed an application of others to know them in the first tenant."""
    first, second = world.tenant("North"), world.tenant("South")
    person, backend = world.person(first, second), world.client("backend")
    app = web_app(world, first_party=False, metadata=ASKS)
    browser = Browser(world)
    page = browser.sign_in_at(browser.page(app, scope=SCOPE, tenant_id=first), person)
    tokens = allowed(browser, app, page)  # type: ignore[arg-type]
    return Both(SignedIn(world, first, person, app, backend, tokens), second), browser


def test_a_tenant_is_closed_until_the_person_allows_it_there(both: tuple[Both, Browser]) -> None:
    who, browser = both
    assert_refused(who.try_enter(), 400, "invalid_target")
    assert who.first.happened[-1] == ("grant_refused", "not_allowed_there")
    assert_refused(ask(who), 400, "tenant_not_allowed")
    page = browser.page(who.first.app, scope=SCOPE, tenant_id=who.second_tenant)
    allowed(browser, who.first.app, page)
    # The refusal has spent nothing.
    who.enter()


def test_less_that_was_allowed_there_is_not_enough(both: tuple[Both, Browser]) -> None:
    who, browser = both
    page = browser.page(who.first.app, scope="openid", tenant_id=who.second_tenant)
    allowed(browser, who.first.app, page)
    assert_refused(who.try_enter(), 400, "invalid_target")
