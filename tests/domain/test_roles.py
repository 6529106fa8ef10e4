"""Which roles a tenant may define, and what a change of them comes to."""

import pytest

from token_service.domain.clients import ROLE_PERMISSIONS, Permission
from token_service.domain.roles import RoleFaults, changes_in, merged, well_formed, written
from token_service.domain.tenants import Tenant

READ, REVOKE = Permission.SESSIONS_READ, Permission.SESSIONS_REVOKE


@pytest.mark.parametrize("name", ["a", "owner", "a.b:c-d_e", "x9", "x" * 64])
def test_a_role_may_be_called_so(name):
    assert well_formed(name)


@pytest.mark.parametrize(
    "name", ["", "A", "9a", "-a", "a b", "a\0", "ä", "x" * 65, "a\n", "_a", None, 1, ["a"]]
)
def test_a_role_may_not_be_called_so(name):
    assert not well_formed(name)


def test_changes_are_read_into_permissions():
    found = changes_in({"clerk": ["sessions:read", "sessions:read"], "guest": [], "old": None})
    assert found == {"clerk": frozenset({READ}), "guest": frozenset(), "old": None}


@pytest.mark.parametrize(
    "held",
    [
        "sessions:read",
        ["sessions:write"],
        ["impersonate"],
        ["sessions:read", None],
        [["sessions:read"]],
        [True],
        {},
        0,
        True,
        "",
    ],
)
def test_what_no_role_can_carry(held):
    found = changes_in({"clerk": held, "fine": []})
    assert isinstance(found, RoleFaults)
    assert found.by_name.keys() == {"clerk"}


def test_every_fault_is_named_at_once():
    found = changes_in({"Clerk": [], "guest": ["x"], "fine": None})
    assert isinstance(found, RoleFaults)
    assert found.by_name.keys() == {"Clerk", "guest"}


def test_impersonation_is_the_one_permission_that_no_role_carries():
    assert set(Permission) - ROLE_PERMISSIONS == {Permission.IMPERSONATE}


def test_a_change_leaves_the_other_roles_as_they_are():
    before = {"clerk": frozenset({READ}), "old": frozenset({REVOKE}), "same": frozenset()}
    after = merged(before, {"clerk": frozenset({REVOKE}), "old": None, "never": None})
    assert after == {"clerk": frozenset({REVOKE}), "same": frozenset()}
    assert before["clerk"] == frozenset({READ})


def test_roles_are_written_in_one_order():
    roles = {"b": frozenset({REVOKE, READ}), "a": frozenset()}
    assert list(written(roles).items()) == [("a", []), ("b", ["sessions:read", "sessions:revoke"])]
    assert changes_in(written(roles)) == roles


def test_a_member_has_what_any_of_their_roles_carries_and_nothing_from_unknown_ones():
    roles = {"clerk": frozenset({READ}), "guard": frozenset({REVOKE})}
    tenant = Tenant("a" * 32, "North", True, 1, {}, roles)
    assert tenant.permissions(["clerk", "guard", "ghost"]) == {READ, REVOKE}
    assert tenant.permissions(["ghost"]) == tenant.permissions([]) == frozenset()
