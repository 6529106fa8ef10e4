"""Each refresh asks again whether everybody concerned is still in good standing."""

from collections.abc import Callable

from tests.http import administration as admin
from tests.http.building import (
    EVERYWHERE,
    SignedIn,
    assert_dead,
    assert_refused,
    live_at,
    signed_in,
)
from tests.world.world import World

Change = Callable[[SignedIn], None]


def _disabled_account(who: SignedIn) -> None:
    admin.disable_account(who.world, who.person)


def _reset_password(who: SignedIn) -> None:
    admin.reset_password(who.world, who.person)


def _left_tenant(who: SignedIn) -> None:
    admin.leave(who.world, who.person, who.tenant_id)


def _disabled_tenant(who: SignedIn) -> None:
    admin.disable_tenant(who.world, who.tenant_id)


def _restored_from_backup(who: SignedIn) -> None:
    admin.restored_from_backup(who.world)


def _signed_out_everywhere(who: SignedIn) -> None:
    who.world.http.delete("/v1/me/sessions", headers=who.tokens.bearer)


def _ended_by_backend(who: SignedIn) -> None:
    path = f"/v1/accounts/{who.account_id}/sessions"
    who.world.http.delete(path, headers=who.backend.basic)


CHANGES: dict[str, Change] = {
    "account_disabled": _disabled_account,
    "password_reset": _reset_password,
    "left_tenant": _left_tenant,
    "tenant_disabled": _disabled_tenant,
    "restored": _restored_from_backup,
    "ended_by_user": _signed_out_everywhere,
    "ended_by_backend": _ended_by_backend,
}


def test_a_change_ends_every_session_it_concerns_on_every_worker(
    world: World, second_worker: World
) -> None:
    for change in CHANGES.values():
        who = signed_in(world)
        other = who.again()
        assert live_at(who, second_worker) == EVERYWHERE
        change(who)
        assert_dead(who, second_worker)
        assert_dead(other, second_worker)


def test_the_refresh_that_meets_the_change_writes_its_true_reason(world: World) -> None:
    for reason, change in CHANGES.items():
        who = signed_in(world)
        change(who)
        world.try_refresh(who.app, who.tokens.refresh)
        assert who.happened[-1] == ("session_ended", reason)


def test_an_old_token_that_meets_the_change_is_just_refused(world: World) -> None:
    for change in CHANGES.values():
        who, *_, latest = signed_in(world).chain(2)
        change(latest)
        assert_refused(world.try_refresh(who.app, who.tokens.refresh), 400, "invalid_grant")
        assert_dead(latest)


UNDONE: tuple[tuple[Change, Change], ...] = (
    (_disabled_account, lambda who: admin.enable_account(who.world, who.person)),
    (_disabled_tenant, lambda who: admin.enable_tenant(who.world, who.tenant_id)),
    (_left_tenant, lambda who: admin.join(who.world, who.person, who.tenant_id)),
    (
        lambda who: admin.disable_client(who.world, who.app),
        lambda who: admin.enable_client(who.world, who.app),
    ),
)


def test_undoing_the_change_brings_no_session_back(world: World) -> None:
    for change, undo in UNDONE:
        who = signed_in(world)
        change(who)
        undo(who)
        assert_dead(who)
        assert live_at(who.again()) == EVERYWHERE


def test_a_disabled_client_is_refused_before_its_token_is_looked_at(
    world: World, second_worker: World
) -> None:
    who = signed_in(world)
    assert live_at(who, second_worker) == EVERYWHERE
    admin.disable_client(world, who.app)
    for worker in (world, second_worker):
        assert_refused(worker.try_refresh(who.app, who.tokens.refresh), 401, "invalid_client")
        assert worker.validate(who.tokens.access) == {"active": False}


def test_other_tenants_of_the_account_go_on(world: World) -> None:
    who = signed_in(world)
    elsewhere = world.tenant()
    admin.join(world, who.person, elsewhere)
    there = world.sign_in(who.person, who.app, tenant_id=elsewhere)
    admin.leave(world, who.person, who.tenant_id)
    assert_dead(who)
    assert world.refresh(who.app, there.refresh)
