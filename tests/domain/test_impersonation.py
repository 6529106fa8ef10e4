"""Impersonation: who may act as whom, and with what."""

from dataclasses import replace

import pytest

from tests.domain.building import NOW, grant, rules
from tests.domain.test_clients import APP
from token_service.domain.accounts import Account, Membership
from token_service.domain.clients import DEFAULTS, Client, ClientKind, Permission
from token_service.domain.impersonation import (
    is_privileged,
    is_trusted,
    may_impersonate,
    says_why,
    scope_for,
)
from token_service.domain.policies import Policy
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import grant_refusal
from token_service.domain.tenants import Tenant

BACKEND = replace(
    APP, kind=ClientKind.BACKEND, permissions=frozenset({Permission.IMPERSONATE}), scope="read"
)
ALLOWED, FORBIDDEN = Policy(), Policy(impersonation=False)


@pytest.mark.parametrize("kind", ClientKind)
def test_only_a_backend_with_the_permission_is_trusted(kind: ClientKind) -> None:
    assert is_trusted(replace(BACKEND, kind=kind)) == (kind is ClientKind.BACKEND)
    others = frozenset(Permission) - {Permission.IMPERSONATE}
    assert not is_trusted(replace(BACKEND, kind=kind, permissions=others))


def test_by_default_only_backends_have_the_permission() -> None:
    having = [kind for kind in ClientKind if Permission.IMPERSONATE in DEFAULTS[kind].permissions]
    assert having == [ClientKind.BACKEND]
    assert "refresh_token" in DEFAULTS[ClientKind.BACKEND].grant_types


def test_a_tenant_may_forbid_it() -> None:
    assert may_impersonate(BACKEND, ALLOWED)
    assert not may_impersonate(BACKEND, FORBIDDEN)
    assert not may_impersonate(APP, ALLOWED)


@pytest.mark.parametrize(
    ("scope", "requested", "given"),
    [
        ("read", None, "read"),
        ("read write", None, "read write"),
        ("read write", "write", "write"),
        ("read write", "write read", "read write"),
        ("offline_access openid read", None, "openid read"),
        ("offline_access", None, ""),
        ("admin read", None, "read"),
        ("read", "write", None),
        ("offline_access read", "offline_access", None),
        ("offline_access read", "read offline_access", None),
        ("admin read", "admin", None),
        ("read", 'not "well formed"', None),
        ("read", "read  read", None),
    ],
)
def test_the_scope_is_never_more_than_the_backends_own(
    scope: str, requested: str | None, given: str | None
) -> None:
    backend: Client = replace(BACKEND, scope=scope)
    assert scope_for(backend, requested) == given


ACME, OTHER = "a" * 32, "b" * 32
TENANTS = {
    ACME: Tenant(
        ACME,
        "Acme",
        enabled=True,
        epoch=1,
        policy={},
        roles={"helper": frozenset({Permission.SESSIONS_READ}), "nobody": frozenset()},
    ),
    OTHER: Tenant(OTHER, "Other", enabled=True, epoch=1, policy={}),
}


@pytest.mark.parametrize(
    ("roles", "privileged"),
    [
        ({ACME: ()}, False),
        ({ACME: ("helper",)}, True),
        ({ACME: ("nobody",)}, False),
        ({ACME: ("nobody", "helper")}, True),
        ({ACME: ("unknown",)}, False),
        ({OTHER: ("helper",)}, False),
        ({OTHER: (), ACME: ("helper",)}, True),
        ({"c" * 32: ("helper",)}, False),
        ({}, False),
    ],
)
def test_power_over_others_in_any_tenant_is_a_privilege(
    roles: dict[str, tuple[str, ...]], privileged: bool
) -> None:
    memberships = tuple(
        Membership(tenant_id, number, held)
        for number, (tenant_id, held) in enumerate(roles.items())
    )
    account = Account("d" * 32, True, 1, None, None, memberships)
    assert is_privileged(account, TENANTS.get) is privileged


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("Ticket 4711", True),
        ("7", True),
        ("支援", True),
        ("x" * 400, True),
        ("x" * 401, False),
        ("", False),
        ("   ", False),
        ("\n\t", False),
        ("\u200b\u2060", False),
        ("...", False),
    ],
)
def test_a_reason_says_something(reason: str, said: bool) -> None:
    assert says_why(reason) is said


def test_an_impersonated_grant_lives_only_while_its_client_may() -> None:
    ordinary, impersonated = grant(), grant(impersonator="backend")
    now_and_then = rules(), replace(rules(), may_impersonate=True)
    assert [grant_refusal(ordinary, one, NOW) for one in now_and_then] == [None, None]
    assert [grant_refusal(impersonated, one, NOW) for one in now_and_then] == [
        Refusal.IMPERSONATION_NOT_ALLOWED,
        None,
    ]


def test_a_stronger_reason_comes_first() -> None:
    for changes, reason in (
        ({"account_epoch": 7}, Refusal.REVOKED),
        ({"client_epoch": 4}, Refusal.CLIENT_DISABLED),
        ({"current_membership": None}, Refusal.LEFT_TENANT),
    ):
        state = grant(impersonator="backend", **changes)
        assert grant_refusal(state, rules(), NOW) is reason
