"""Impersonation: which client may act as whom, with what scope and for how long."""

from collections.abc import Callable

from token_service.domain import scopes
from token_service.domain.accounts import Account
from token_service.domain.clients import (
    ADMIN_SCOPE,
    OFFLINE_SCOPE,
    Client,
    ClientKind,
    Permission,
)
from token_service.domain.policies import Policy
from token_service.domain.tenants import Tenant

DEFAULT_LIFETIME = 1800
LONGEST_LIFETIME = 3600
"""Seconds from the start to the end that no use can move."""
LONGEST_REASON = 400
WITHHELD_SCOPES = frozenset({ADMIN_SCOPE, OFFLINE_SCOPE})
"""What nobody gets by acting as somebody: power over others, and access while they are away."""


def is_trusted(client: Client) -> bool:
    """Whether the client may act as other people at all.

    By its kind too: with the permission alone, each user of an application would have the power.
    """
    return client.kind is ClientKind.BACKEND and client.may(Permission.IMPERSONATE)


def may_impersonate(client: Client, policy: Policy) -> bool:
    """Whether the client may act as members of a tenant with this policy."""
    return policy.impersonation and is_trusted(client)


def scope_for(client: Client, requested: str | None) -> str | None:
    """The scope of an impersonated session: all that the client may pass on, or the part asked for.

    None where the request is malformed or asks for more.
    """
    allowed = client.scope_names - WITHHELD_SCOPES
    return scopes.narrowed(requested, client.scope, allowed)


def is_privileged(account: Account, tenant_of: Callable[[str], Tenant | None]) -> bool:
    """Whether the account has power over others in any tenant: nobody may act as such a one.

    Whoever acted as an administrator would have rights that nobody gave them.
    """
    return any(
        tenant.permissions(membership.roles)
        for membership in account.memberships
        if (tenant := tenant_of(membership.tenant_id))
    )


def says_why(reason: str) -> bool:
    """Whether the text can stand as a reason: a word at least, 400 characters at most."""
    return len(reason) <= LONGEST_REASON and any(char.isalnum() for char in reason)
