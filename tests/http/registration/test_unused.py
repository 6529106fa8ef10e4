"""Clients that registered themselves and that nobody uses are forgotten after a time."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.http.building import assert_refused
from tests.http.registration.building import (
    OPEN,
    REDIRECT,
    Registration,
    events,
    number_of_clients,
    permit,
    registered,
    stored,
)
from tests.world.browser import Browser, Returned, Shown, redeem
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import Time, World
from token_service.app import retention
from token_service.domain.events import Event
from token_service.domain.refusals import Refusal
from token_service.services import housekeeping
from token_service.storage import epochs

DAYS = 30


def purged(world: World, batch: int = 500) -> int:
    """Have the housekeeper do his round; how many clients it dropped."""
    rules = replace(retention(world.parts.settings), batch=batch)
    return housekeeping.purge_all(
        world.database, world.parts.clock, rules, lambda: None
    ).unused_clients


def asked(world: World, made: Registration, decision: str) -> Returned:
    """Somebody signs in to the client, and decides about what it asks for."""
    browser = Browser(world)
    page = browser.page(made.app, redirect_uri=REDIRECT)
    question = browser.sign_in_at(page, world.person(world.tenant()))
    assert isinstance(question, Shown)
    back = browser.send(question, "/consent", decision=decision)
    assert isinstance(back, Returned), back.answer.text
    return back


def let_in(world: World, made: Registration) -> None:
    """Somebody does, and the client gets its tokens."""
    code = asked(world, made, "allow").code
    assert redeem(world, made.app, code, redirect_uri=REDIRECT).status_code == 200


def test_one_that_nobody_has_let_in_is_forgotten(open_world: World, time: Time) -> None:
    made = registered(open_world)
    time.pass_(days=DAYS)
    assert purged(open_world) == 0
    assert made.read()
    time.pass_(seconds=1)
    assert purged(open_world) == 1
    assert stored(open_world, made.client_id) is None
    assert_refused(made.get(), 401, "invalid_token")
    assert Browser(open_world).page(made.app, redirect_uri=REDIRECT).answer.status_code == 400


def test_it_is_on_record(open_world: World, time: Time) -> None:
    made = registered(open_world)
    since = open_world.parts.clock.now()
    time.pass_(days=DAYS + 1)
    purged(open_world)
    event = events(open_world, made.client_id)[-1]
    assert (event.event, event.actor) == (Event.CLIENT_DELETED, "service")
    assert event.details == {"never_used_since": since.isoformat()}
    with open_world.database.reading() as tx:
        raised = epochs.owner_reason(tx, f"client:{made.client_id}", since=1)
    assert raised is not None
    assert (raised.reason, raised.raised_by) == (Refusal.CLIENT_DISABLED, "service")


def test_one_that_somebody_has_let_in_stays(open_world: World, time: Time) -> None:
    made, other = registered(open_world), registered(open_world)
    let_in(open_world, made)
    time.pass_(days=10 * DAYS)
    assert purged(open_world) == 1
    assert stored(open_world, other.client_id) is None
    assert made.read()["client_id"] == made.client_id


def test_what_it_manages_itself_is_no_use_and_keeps_none(open_world: World, time: Time) -> None:
    made = registered(open_world)
    let_in(open_world, made)
    after = made.updated(redirect_uris=[REDIRECT], client_name="Other")
    idle = registered(open_world)
    time.pass_(days=DAYS)
    idle = idle.updated(redirect_uris=[REDIRECT], client_name="Other")
    time.pass_(seconds=1)
    assert purged(open_world) == 1
    assert after.read()
    assert stored(open_world, idle.client_id) is None


def test_an_attempt_that_somebody_declines_is_no_use(open_world: World, time: Time) -> None:
    made = registered(open_world)
    assert "error" in asked(open_world, made, "cancel").parameters
    time.pass_(days=DAYS + 1)
    assert purged(open_world) == 1


def test_ours_stay(open_world: World, time: Time) -> None:
    open_world.client()
    open_world.client("service")
    time.pass_(days=10 * DAYS)
    assert purged(open_world) == 0
    assert number_of_clients(open_world) == 2


def test_one_with_a_permit_goes_too(permit_world: World, time: Time) -> None:
    registered(permit_world, permit(permit_world))
    time.pass_(days=DAYS + 1)
    assert purged(permit_world) == 1


def test_in_batches_and_every_worker_knows(open_world: World, time: Time) -> None:
    made = [registered(open_world) for _ in range(5)]
    worker = open_world.second_worker(OPEN)
    assert Browser(worker).page(made[0].app, redirect_uri=REDIRECT).path == "/sign-in"
    time.pass_(days=DAYS + 1)
    assert purged(open_world, batch=2) == 5
    assert number_of_clients(open_world) == 0
    assert Browser(worker).page(made[0].app, redirect_uri=REDIRECT).answer.status_code == 400
    worker.close()


def test_nothing_due_leaves_every_copy_of_the_configuration_good(
    open_world: World, time: Time
) -> None:
    registered(open_world)
    before = open_world.sql("SELECT configuration_version FROM environment")
    assert purged(open_world) == 0
    assert open_world.sql("SELECT configuration_version FROM environment") == before


@pytest.mark.parametrize("days", [1, 90])
def test_the_time_is_a_setting(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles, time: Time, days: int
) -> None:
    seconds = {"TOKEN_SERVICE_REGISTRATION_UNUSED_SECONDS": str(days * 86_400)}
    world = world_on(databases, **OPEN, **seconds)
    registered(world)
    time.pass_(days=days)
    assert purged(world) == 0
    time.pass_(seconds=1)
    assert purged(world) == 1
