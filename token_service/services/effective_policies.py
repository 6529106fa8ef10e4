"""The effective policy of one account, tenant and client, with what decided each value."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from token_service.domain.accounts import Account, tenant_for
from token_service.domain.clients import Client
from token_service.domain.effective_policies import (
    InEffect,
    Levels,
    in_effect,
    strictest_relogin,
)
from token_service.domain.policies import Explained, Policy
from token_service.domain.refusals import Refusal, Refused
from token_service.domain.session_limits import Limit
from token_service.domain.tenants import Tenant
from token_service.storage import accounts, configuration
from token_service.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Question:
    """For whom the policy is to be explained, each part optional.

    `asked_in` is the one tenant that whoever asks knows of; None: all of them.
    """

    account_id: str | None
    tenant_id: str | None
    client_id: str | None
    asked_in: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The policy for the account in the tenant through the client, and what it comes to."""

    account_id: str | None
    tenant_id: str | None
    client_id: str | None
    policy: Mapping[str, Explained]
    in_effect: InEffect
    session_limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    account: Account | None
    tenant: Tenant | None
    client: Client | None


def explain(database: Database, defaults: Policy, question: Question) -> Explanation | Refused:
    """Each value with where it comes from; `not_found` for what is not there or not theirs.

    An account without a tenant means the tenant that its sign-in would be for, if there is one.
    """
    with database.reading() as tx:
        found = _found(tx, question)
        if found is None:
            return Refused(Refusal.NOT_FOUND)
        stored = configuration.read_environment(tx)
        others = _other_tenants(tx, found)
    account, tenant, client = found.account, found.tenant, found.client
    levels = Levels(
        defaults=defaults,
        bounds=stored.bounds,
        environment=stored.policy,
        tenant=tenant.policy if tenant else {},
        client=client.policy if client else {},
        account_limit=account.session_limit if account else None,
    )
    tenant_id = tenant.tenant_id if tenant else None
    client_id = client.client_id if client else None
    relogin = strictest_relogin(levels, tenant_id, [(one.tenant_id, one.policy) for one in others])
    if question.asked_in is not None and relogin.tenant_id != question.asked_in:
        # That it is another tenant's may be known, but not whose.
        relogin = replace(relogin, tenant_id=None)
    return Explanation(
        account_id=account.account_id if account else None,
        tenant_id=tenant_id,
        client_id=client_id,
        policy=levels.explained(),
        in_effect=in_effect(levels, relogin),
        session_limits=levels.session_limits(tenant_id or "", client_id or ""),
    )


def _found(tx: Transaction, question: Question) -> _Found | None:
    """What the question names; None where a part is not there, or does not go with the others."""
    account = accounts.read(tx, question.account_id) if question.account_id else None
    client = configuration.read_client(tx, question.client_id) if question.client_id else None
    if (question.account_id and account is None) or (question.client_id and client is None):
        return None
    tenant_id = question.tenant_id or question.asked_in
    if tenant_id is None and account is not None:
        tenant_id = tenant_for(account, None)
    tenant = configuration.read_tenant(tx, tenant_id) if tenant_id else None
    if tenant is None:
        return None if tenant_id else _Found(account, None, client)
    is_theirs = question.asked_in in (None, tenant.tenant_id)
    is_member = account is None or account.membership_in(tenant.tenant_id) is not None
    is_served = client is None or client.tenant_id in (None, tenant.tenant_id)
    return _Found(account, tenant, client) if is_theirs and is_member and is_served else None


def _other_tenants(tx: Transaction, found: _Found) -> list[Tenant]:
    """The account's tenants but for the one that is asked for."""
    if found.account is None:
        return []
    here = found.tenant.tenant_id if found.tenant else None
    read = [
        configuration.read_tenant(tx, one.tenant_id)
        for one in found.account.memberships
        if one.tenant_id != here
    ]
    return [one for one in read if one is not None]
