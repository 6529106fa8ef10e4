"""Accounts, as an administrator makes and changes them."""

from functools import partial
from typing import Any

import pytest

from tests.services.building import (
    AUTHOR,
    PASSWORD,
    at_once,
    changes,
    kinds,
    last_change,
    names,
    signed_in,
    try_sign_in,
    why_dead,
)
from tests.world.world import Time, World
from token_service.crypto.passwords import HashingBusy
from token_service.domain.accounts import Account
from token_service.domain.events import Event
from token_service.domain.failures import Unavailable
from token_service.domain.passwords import Unsuitable
from token_service.domain.refusals import Refusal, Refused
from token_service.services import accounts
from token_service.services.accounts import NewAccount
from token_service.storage import accounts as stored
from token_service.storage import epochs

UNKNOWN = "0" * 32


def create(world: World, new: NewAccount) -> Account | Refused:
    return accounts.create(world.database, world.parts.clock, world.parts.gate, new, AUTHOR)


def change(world: World, service: Any, *arguments: object) -> Any:
    return service(world.database, world.parts.clock, *arguments, AUTHOR)


def reset_password(world: World, account_id: str, password: str) -> Refused | None:
    parts = world.parts
    return accounts.reset_password(
        parts.database, parts.clock, parts.gate, account_id, password, AUTHOR
    )


def read(world: World, account_id: str) -> Account:
    with world.database.reading() as tx:
        found = stored.read(tx, account_id)
    assert found is not None
    return found


def epoch_reason(world: World, account_id: str, since: int) -> Refusal:
    with world.database.reading() as tx:
        raised = epochs.account_reason(tx, account_id, since)
    assert raised is not None
    assert raised.raised_by == "cli"
    return raised.reason


class TestCreating:
    def test_each_of_its_names_signs_in(self, world: World) -> None:
        tenant, app = world.tenant(), world.client()
        held = names(email="Ada@Example.test", username="Ada", phone="+41 79 123 45 67")
        made = create(world, NewAccount(held, PASSWORD, ((tenant, ("owner", "billing")),)))
        assert isinstance(made, Account)
        stored_account = read(world, made.account_id)
        for name in ("ada@example.test", "ADA", "+41791234567"):
            signed_in(world, name, PASSWORD, app.client_id)
        assert stored_account == made
        assert stored_account.memberships[0].roles == ("owner", "billing")

    def test_it_is_listed_with_its_names(self, world: World) -> None:
        made = create(world, NewAccount(names(email="Ada@Example.test"), PASSWORD, ()))
        [listed] = accounts.page(world.database, "", 10)
        assert listed.account == made
        assert listed.names == ("Ada@Example.test",)

    def test_it_is_on_the_record_without_names_or_password(self, world: World) -> None:
        tenant = world.tenant()
        new = NewAccount(names(email="ada@example.test"), PASSWORD, ((tenant, ()),))
        made = create(world, new)
        assert isinstance(made, Account)
        event = last_change(world, made.account_id)
        assert (event.event, event.details) == (Event.ACCOUNT_CREATED, {"tenants": [tenant]})

    def test_the_password_is_in_no_representation(self) -> None:
        assert PASSWORD not in repr(NewAccount(names(email="a@b.example"), PASSWORD, ()))

    def test_a_default_tenant_decides_between_several(self, world: World) -> None:
        north, south, app = world.tenant(), world.tenant(), world.client()
        held = names(email="ada@example.test")
        made = create(world, NewAccount(held, PASSWORD, ((north, ()), (south, ())), south))
        assert isinstance(made, Account)
        token = signed_in(world, "ada@example.test", PASSWORD, app.client_id)
        assert why_dead(world, token) is None
        assert read(world, made.account_id).default_tenant_id == south

    @pytest.mark.parametrize("spelling", ["ada@example.test", "ADA@EXAMPLE.TEST"])
    def test_a_taken_name_is_refused_and_nothing_of_the_account_stays(
        self, world: World, spelling: str
    ) -> None:
        create(world, NewAccount(names(email="Ada@example.test"), PASSWORD, ()))
        second = NewAccount(names(username="grace", email=spelling), PASSWORD, ())
        assert create(world, second) == Refused(Refusal.TAKEN)
        assert len(accounts.page(world.database, "", 10)) == 1
        assert accounts.find(world.database, "grace") is None

    def test_it_needs_a_name(self, world: World) -> None:
        assert create(world, NewAccount((), PASSWORD, ())) == Refused(Refusal.MALFORMED)

    def test_it_joins_no_tenant_twice(self, world: World) -> None:
        tenant = world.tenant()
        new = NewAccount(names(username="ada"), PASSWORD, ((tenant, ()), (tenant, ("owner",))))
        assert create(world, new) == Refused(Refusal.MALFORMED)

    def test_unknown_tenants_are_refused(self, world: World) -> None:
        new = NewAccount(names(username="ada"), PASSWORD, ((UNKNOWN, ()),))
        assert create(world, new) == Refused(Refusal.UNKNOWN_TENANT)

    def test_the_default_tenant_must_be_one_of_its_own(self, world: World) -> None:
        new = NewAccount(names(username="ada"), PASSWORD, ((world.tenant(), ()),), world.tenant())
        assert create(world, new) == Refused(Refusal.NOT_A_MEMBER)

    @pytest.mark.parametrize("password", ["", "fourteen chars", "x" * 257, "\u00e9" * 600])
    def test_a_password_that_is_too_short_or_too_long_is_refused(
        self, world: World, password: str
    ) -> None:
        new = NewAccount(names(username="ada"), password, ())
        assert isinstance(create(world, new), Unsuitable)

    @pytest.mark.parametrize(
        "password", ["passwordpassword", "Ada Lovelace 1815", "Northern Lights!"]
    )
    def test_a_password_that_is_guessed_first_is_refused(self, world: World, password: str) -> None:
        tenant = world.tenant("Northern Lights")
        new = NewAccount(names(email="ada.lovelace@example.test"), password, ((tenant, ()),))
        assert isinstance(create(world, new), Unsuitable)

    def test_a_full_hash_queue_is_no_refusal(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(_self: object, _password: str) -> str:
            raise HashingBusy

        monkeypatch.setattr(type(world.parts.gate.passwords), "hash", busy)
        with pytest.raises(Unavailable):
            create(world, NewAccount(names(username="ada"), PASSWORD, ()))


class TestFinding:
    def test_by_id_and_by_every_name(self, world: World) -> None:
        person = world.person(world.tenant())
        for reference in (person.account_id, person.email, person.username, person.phone):
            assert accounts.find(world.database, reference) == person.account_id

    @pytest.mark.parametrize("reference", ["", "nobody", UNKNOWN, "x" * 400, "a\x00b"])
    def test_nothing_else(self, world: World, reference: str) -> None:
        assert accounts.find(world.database, reference) is None

    def test_an_id_is_never_taken_for_somebody_elses_name(self, world: World) -> None:
        """Whoever calls himself like another account's id is not managed in its place."""
        person = world.person(world.tenant())
        impostor = create(world, NewAccount(names(username=person.account_id), PASSWORD, ()))
        assert isinstance(impostor, Account)
        assert accounts.find(world.database, person.account_id) == person.account_id


class TestSwitching:
    def test_disabling_ends_sessions_and_enabling_brings_none_back(self, world: World) -> None:
        person, app = world.person(world.tenant()), world.client()
        token = signed_in(world, person.email, person.password, app.client_id)

        assert change(world, accounts.disable, person.account_id) is None
        assert why_dead(world, token) is not None
        refused = try_sign_in(world, person.email, person.password, app.client_id)
        assert refused == Refused(Refusal.ACCOUNT_DISABLED)

        assert change(world, accounts.enable, person.account_id) is None
        assert why_dead(world, token) is not None
        signed_in(world, person.email, person.password, app.client_id)

    def test_the_reason_is_kept_in_the_log_and_beside_the_epoch(self, world: World) -> None:
        person = world.person(world.tenant())
        change(world, accounts.disable, person.account_id)
        event = last_change(world, person.account_id)
        assert (event.event, event.reason) == (Event.ACCOUNT_CHANGED, Refusal.ACCOUNT_DISABLED)
        assert epoch_reason(world, person.account_id, 1) is Refusal.ACCOUNT_DISABLED

    def test_saying_it_twice_changes_nothing(self, world: World) -> None:
        person = world.person(world.tenant())
        change(world, accounts.disable, person.account_id)
        recorded = changes(world, person.account_id)
        assert change(world, accounts.disable, person.account_id) is None
        assert changes(world, person.account_id) == recorded

    def test_unknown_accounts_are_refused(self, world: World) -> None:
        assert change(world, accounts.disable, UNKNOWN) == Refused(Refusal.NOT_FOUND)
        assert change(world, accounts.enable, UNKNOWN) == Refused(Refusal.NOT_FOUND)


class TestResettingPasswords:
    def test_the_new_one_signs_in_the_old_one_does_not_and_all_sessions_end(
        self, world: World
    ) -> None:
        person, app = world.person(world.tenant()), world.client()
        token = signed_in(world, person.email, person.password, app.client_id)

        assert reset_password(world, person.account_id, PASSWORD) is None
        assert why_dead(world, token) is not None
        assert epoch_reason(world, person.account_id, 1) is Refusal.PASSWORD_RESET
        refused = try_sign_in(world, person.email, person.password, app.client_id)
        assert refused == Refused(Refusal.WRONG_CREDENTIALS)
        signed_in(world, person.email, PASSWORD, app.client_id)

    def test_it_is_on_the_record_without_the_password(self, world: World) -> None:
        person = world.person(world.tenant())
        reset_password(world, person.account_id, PASSWORD)
        event = last_change(world, person.account_id)
        assert (event.event, event.reason) == (Event.ACCOUNT_CHANGED, Refusal.PASSWORD_RESET)
        assert PASSWORD not in repr(event)

    def test_failures_before_it_count_no_more(self, world: World, time: Time) -> None:
        person, app = world.person(world.tenant()), world.client()
        for _ in range(12):
            try_sign_in(world, person.email, "wrong password", app.client_id)
        throttled = try_sign_in(world, person.email, person.password, app.client_id)
        assert isinstance(throttled, Refused)
        assert throttled.reason is Refusal.THROTTLED
        reset_password(world, person.account_id, PASSWORD)
        signed_in(world, person.email, PASSWORD, app.client_id)

    def test_a_short_password_is_refused_and_the_old_one_stays(self, world: World) -> None:
        person, app = world.person(world.tenant()), world.client()
        refused = reset_password(world, person.account_id, "short")
        assert isinstance(refused, Unsuitable)
        signed_in(world, person.email, person.password, app.client_id)

    def test_unknown_accounts_are_refused(self, world: World) -> None:
        assert reset_password(world, UNKNOWN, PASSWORD) == Refused(Refusal.NOT_FOUND)


class TestMemberships:
    def test_who_joins_can_sign_in_there(self, world: World) -> None:
        tenant, app = world.tenant(), world.client()
        person = world.person()
        assert change(world, accounts.join, person.account_id, tenant, ("auditor",)) is None
        signed_in(world, person.email, person.password, app.client_id)
        event = last_change(world, person.account_id)
        assert (event.event, event.tenant_id) == (Event.MEMBERSHIP_CHANGED, tenant)
        assert event.details == {"member": True, "roles": ["auditor"]}

    def test_who_leaves_loses_the_grants_there_and_only_there(self, world: World) -> None:
        north, south, app = world.tenant(), world.tenant(), world.client()
        person = world.person(north, south)
        there = signed_in(world, person.email, person.password, app.client_id, north)
        elsewhere = signed_in(world, person.email, person.password, app.client_id, south)
        assert change(world, accounts.leave, person.account_id, north) is None
        assert why_dead(world, there) is Refusal.LEFT_TENANT
        assert why_dead(world, elsewhere) is None
        assert last_change(world, person.account_id).reason == Refusal.LEFT_TENANT

    def test_who_returns_is_not_the_old_member(self, world: World) -> None:
        tenant, app = world.tenant(), world.client()
        person = world.person(tenant)
        token = signed_in(world, person.email, person.password, app.client_id)
        change(world, accounts.leave, person.account_id, tenant)
        change(world, accounts.join, person.account_id, tenant, ())
        assert why_dead(world, token) is Refusal.LEFT_TENANT
        assert read(world, person.account_id).memberships[0].number == 2

    def test_a_tenant_that_was_left_is_no_default_any_more(self, world: World) -> None:
        north, south, app = world.tenant(), world.tenant(), world.client()
        third = world.tenant()
        person = world.person(north, south, third, default=north)
        change(world, accounts.leave, person.account_id, south)
        assert read(world, person.account_id).default_tenant_id == north
        change(world, accounts.leave, person.account_id, north)
        assert read(world, person.account_id).default_tenant_id is None
        change(world, accounts.join, person.account_id, south, ())
        refused = try_sign_in(world, person.email, person.password, app.client_id)
        assert refused == Refused(Refusal.TENANT_REQUIRED)

    def test_joining_at_the_same_time_gives_each_membership_its_own_number(
        self, world: World
    ) -> None:
        tenants = [world.tenant() for _ in range(4)]
        person = world.person()
        at_once(
            *(
                partial(change, world, accounts.join, person.account_id, tenant, ())
                for tenant in tenants
            )
        )
        numbers = [one.number for one in read(world, person.account_id).memberships]
        assert numbers == [1, 2, 3, 4]

    def test_joining_the_same_tenant_at_the_same_time_succeeds_once(self, world: World) -> None:
        tenant, person = world.tenant(), world.person()
        join = partial(change, world, accounts.join, person.account_id, tenant, ())
        refused = Refused(Refusal.ALREADY_A_MEMBER)
        assert sorted(at_once(join, join, join), key=repr) == [None, refused, refused]

    def test_what_makes_no_sense_is_refused_and_not_recorded(self, world: World) -> None:
        tenant = world.tenant()
        person = world.person(tenant)
        join, leave = accounts.join, accounts.leave
        refusals = [
            change(world, join, person.account_id, tenant, ()),
            change(world, join, person.account_id, UNKNOWN, ()),
            change(world, join, UNKNOWN, tenant, ()),
            change(world, leave, person.account_id, world.tenant()),
            change(world, leave, UNKNOWN, tenant),
        ]
        assert [refused.reason for refused in refusals] == [
            Refusal.ALREADY_A_MEMBER,
            Refusal.UNKNOWN_TENANT,
            Refusal.NOT_FOUND,
            Refusal.NOT_A_MEMBER,
            Refusal.NOT_FOUND,
        ]
        assert kinds(world, person.account_id) == []
