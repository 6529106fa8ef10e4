"""A proof is good once, on whichever node (RFC 9449 section 11.1), and not remembered for long."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import text

from tests.http.administration import tell_workers
from tests.http.building import assert_refused
from tests.http.dpop.proving import Key, client_token, outcome, reasons_of
from tests.storage.holding import holding
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import Time, World
from token_service.app import retention
from token_service.services import housekeeping
from token_service.storage import used_assertions

THREADS = 64


def test_a_proof_is_refused_a_second_time(world: World) -> None:
    service, key = world.client("service"), Key()
    headers = key.shown()
    assert outcome(world.token(service, headers, grant_type="client_credentials")) == (200, "DPoP")
    again = world.token(service, headers, grant_type="client_credentials")
    assert_refused(again, 400, "invalid_dpop_proof")
    assert reasons_of(world, service) == ["proof_replayed"]


def test_it_is_refused_on_another_worker_too(world: World, second_worker: World) -> None:
    service, key = world.client("service"), Key()
    headers = key.shown()
    world.token(service, headers, grant_type="client_credentials")
    again = second_worker.token(service, headers, grant_type="client_credentials")
    assert_refused(again, 400, "invalid_dpop_proof")


def test_one_keys_jti_is_not_anothers(world: World) -> None:
    service = world.client("service")
    for key in (Key(), Key()):
        assert outcome(client_token(world, service, key, jti="one")) == (200, "DPoP")


def test_it_is_remembered_for_as_long_as_it_would_be_good(world: World, time: Time) -> None:
    service, key = world.client("service"), Key()
    proof = key.proof(iat=1772366400 + 30)
    headers = {"DPoP": proof}
    world.token(service, headers, grant_type="client_credentials")
    for seconds in (59, 1):
        time.pass_(seconds=seconds)
        _purge(world)
        again = world.token(service, headers, grant_type="client_credentials")
        assert_refused(again, 400, "invalid_dpop_proof")
    assert set(reasons_of(world, service)) == {"proof_replayed"}
    time.pass_(seconds=1)
    world.token(service, headers, grant_type="client_credentials")
    assert reasons_of(world, service)[-1] == "proof_out_of_time"


def test_no_row_outlives_its_proof_for_long(world: World, time: Time) -> None:
    service, key = world.client("service"), Key()
    for _ in range(20):
        client_token(world, service, key)
    assert _remembered(world) == 20
    time.pass_(seconds=46)
    _purge(world)
    assert _remembered(world) == 0


def test_a_worker_that_is_behind_does_not_take_a_proof_for_its_own_replay(
    world: World, second_worker: World
) -> None:
    """The request is looked at again from the start, with a proof that it has used already."""
    service, key = world.client("service"), Key()
    client_token(second_worker, service, key)
    tell_workers(world)
    assert outcome(client_token(second_worker, service, key)) == (200, "DPoP")


def test_not_even_where_the_configuration_changes_after_the_proof_was_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend, service = used_assertions.spend, world.client("service")
    changes = iter([True])

    def spend_and_change(tx, assertion, expires_at):  # type: ignore[no-untyped-def]
        is_first = spend(tx, assertion, expires_at)
        if next(changes, False):
            raised = "UPDATE environment SET configuration_version = configuration_version + 1"
            tx.execute(text(raised))
        return is_first

    monkeypatch.setattr(used_assertions, "spend", spend_and_change)
    assert outcome(client_token(world, service, Key())) == (200, "DPoP")


def test_of_many_at_once_one_is_first(
    world_on: Callable[..., World], postgres: Postgres | SqliteFiles
) -> None:
    """All of them wait for the table, then go at the same moment."""
    world = world_on(postgres, TOKEN_SERVICE_DATABASE_POOL_SIZE=str(THREADS + 4))
    service, headers = world.client("service"), Key().shown()

    def ask() -> tuple[int, str]:
        http = world.app.test_client()
        form = {"grant_type": "client_credentials"}
        return outcome(http.post("/oauth2/token", data=form, headers=service.basic | headers))

    with holding(world) as hold:
        hold.run("LOCK TABLE used_assertions IN SHARE MODE")
        futures = hold.start(*[partial(ask) for _ in range(THREADS)])
        hold.release()
        answers = [future.result(timeout=60) for future in futures]
    assert answers.count((200, "DPoP")) == 1
    assert answers.count((400, "invalid_dpop_proof")) == THREADS - 1


def _remembered(world: World) -> int:
    return int(world.sql("SELECT count(*) FROM used_assertions")[0][0])


def _purge(world: World) -> None:
    housekeeping.purge_all(
        world.database, world.parts.clock, retention(world.parts.settings), lambda: None
    )
