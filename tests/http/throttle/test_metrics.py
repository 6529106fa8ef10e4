"""What operators see of guessing: refused sign-ins by reason and tenant."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.http.administration import disable_account
from tests.world.databases import Postgres, SqliteFiles
from tests.world.world import World
from token_service.web import metrics

NAME = "token_service_sign_ins_refused"


def refused(world: World, tenant: str) -> dict[str, float]:
    """How many sign-ins for the tenant were refused, by reason."""
    told = world.http.get("/metrics").get_data(as_text=True)
    [family] = [one for one in text_string_to_metric_families(told) if one.name == NAME]
    return {
        one.labels["reason"]: one.value
        for one in family.samples
        if one.name == f"{NAME}_total" and one.labels["tenant"] == tenant
    }


def test_each_reason_is_counted_for_its_tenant(
    world_on: Callable[..., World], databases: Postgres | SqliteFiles
) -> None:
    world = world_on(databases, TOKEN_SERVICE_THROTTLE_SOURCE_FAILURES="12")
    tenant, app = world.tenant(lockout_failures=2), world.client()
    person, other = world.person(tenant), world.person(tenant)
    disable_account(world, other)
    for _ in range(3):
        world.try_sign_in(person, app, password="wrong")
    world.try_sign_in(other, app)
    assert refused(world, tenant) == {
        "wrong_credentials": 2,
        "locked_out": 1,
        "account_disabled": 1,
    }
    for _ in range(8):
        world.try_sign_in(person, app, password="wrong")
    assert refused(world, tenant)["throttled"] == 1
    world.http.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    for number in range(13):
        world.try_sign_in(other, app, identifier=f"n{number}")
    world.try_sign_in(other, app)
    world.http.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    assert refused(world, tenant)["source_throttled"] == 1


def test_a_name_that_nobody_has_is_for_the_tenant_of_the_client(world: World) -> None:
    tenant, elsewhere = world.tenant(), world.tenant()
    own, any_tenant = world.client(tenant_id=tenant), world.client()
    person = world.person(tenant)
    world.try_sign_in(person, own, identifier="nobody")
    assert refused(world, tenant) == {"wrong_credentials": 1}
    before = refused(world, "none").get("wrong_credentials", 0)
    world.try_sign_in(person, any_tenant, identifier="nobody", tenant_id=elsewhere)
    assert refused(world, "none")["wrong_credentials"] == before + 1


def test_no_label_is_a_text_that_somebody_sent(world: World) -> None:
    person, app = world.person(world.tenant()), world.client()
    for sent in ("made up", world.tenant()):
        world.try_sign_in(person, app, tenant_id=sent, password="wrong")
        world.try_sign_in(person, app, tenant_id=sent)
        assert refused(world, sent) == {}


def test_there_is_an_end_to_the_tenants_that_are_told_apart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_tenants", {f"tenant {number}" for number in range(1000)})
    tenant, before = world.tenant(), refused(world, "other").get("wrong_credentials", 0)
    world.try_sign_in(world.person(tenant), world.client(), password="wrong")
    assert refused(world, tenant) == {}
    assert refused(world, "other")["wrong_credentials"] == before + 1
