"""Nobody acts as somebody who gains power: their sessions end with the change of roles."""

from tests.http.building import signed_in
from tests.http.impersonation.building import act
from tests.http.roles.building import READ, administrator
from tests.world.world import World
from token_service.domain.refusals import Refusal


def reasons(world: World, account_id: str) -> list[str]:
    """Why sessions of the account were ended."""
    events = world.events(account_id)
    return [one.reason for one in events if str(one.event) == "session_ended"]


def test_a_role_that_is_given_ends_impersonations(world: World) -> None:
    who, admin = signed_in(world), administrator(world)
    admin.define(who.tenant_id, clerk=[READ], guest=[])
    one = act(who)
    admin.put(who.tenant_id, who.account_id, "guest", "unknown")
    assert world.is_live(one.tokens)
    admin.put(who.tenant_id, who.account_id, "guest", "clerk")
    assert not world.is_live(one.tokens)
    assert world.is_live(who.tokens)
    assert reasons(world, who.account_id) == [Refusal.PRIVILEGED_ACCOUNT]


def test_a_membership_with_a_role_ends_impersonations(world: World) -> None:
    who, admin, elsewhere = signed_in(world), administrator(world), world.tenant()
    admin.define(elsewhere, clerk=[READ])
    one = act(who)
    admin.put(elsewhere, who.account_id, "clerk")
    assert not world.is_live(one.tokens)
    assert reasons(world, who.account_id) == [Refusal.PRIVILEGED_ACCOUNT]


def test_a_role_that_is_defined_ends_impersonations_of_those_who_have_it(world: World) -> None:
    who, other, admin = signed_in(world), signed_in(world), administrator(world)
    admin.put(who.tenant_id, who.account_id, "clerk")
    admin.put(who.tenant_id, other.account_id, "guest")
    one, another = act(who), act(other)
    admin.define(who.tenant_id, clerk=[])
    assert world.is_live(one.tokens)
    admin.define(who.tenant_id, clerk=[READ])
    assert not world.is_live(one.tokens)
    assert world.is_live(another.tokens)
    assert reasons(world, who.account_id) == [Refusal.PRIVILEGED_ACCOUNT]
