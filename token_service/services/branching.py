"""The one grant that a refresh token may open beside its own chain, for another tenant.

It is opened by the very use that spends the token, and the chain's row remembers for which tenant.
Who presents the token once more for the same gets the same. Two who go different ways with one
token are not both its owner, so a branch is never left to one of them unseen.
"""

from datetime import datetime

from token_service.crypto import refresh_tokens
from token_service.crypto.refresh_tokens import Branch, Presented
from token_service.domain.events import Origin
from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantKey, GrantState
from token_service.services.configuration import Snapshot
from token_service.services.endings import Cause, end_grant
from token_service.storage import branches, grants
from token_service.storage.database import Database, InTransaction, Statements, Transaction


def branch_of(snapshot: Snapshot, presented: Presented, tenant_id: str, now: datetime) -> Branch:
    """The grant that a token opens for a tenant: the same however often it is asked for."""
    return refresh_tokens.branch(snapshot.keyring.opaque_keys(now), presented, tenant_id)


def key_of(branch: Branch) -> GrantKey:
    """Its primary key."""
    locator = branch.locator
    return GrantKey(locator.account_id, locator.sid, locator.grant_id)


def read(
    database: Database, snapshot: Snapshot, tx: Statements, branch: Branch
) -> GrantState | None:
    """The grant as it is, None where it is kept no more."""
    found = grants.read(
        database,
        tx,
        key_of(branch),
        branch.locator.tenant_id,
        snapshot.force_relogin,
    )
    return found.state if found else None


def was_used(tx: Transaction, branch: Branch) -> bool:
    """Whether a refresh token of the grant was ever used; who is about to use one waits."""
    return (branches.lock(tx, key_of(branch)) or 0) > 0


def let_go(
    database: Database,
    snapshot: Snapshot,
    tx: Transaction,
    presented: Presented,
    state: GrantState,
    origin: Origin,
    now: datetime,
) -> bool:
    """End what a spent token opened elsewhere, now that it is presented for its own tenant again.

    Either that answer was lost and nobody has the grant, or somebody else has it: left alive, it
    would be theirs for good, because the chain that the owner goes on with never meets it again.
    False, and nothing ended, where it was used already. The caller holds the session.
    """
    if state.entered_tenant_id is None:
        return True
    branch = branch_of(snapshot, presented, state.entered_tenant_id, now)
    if was_used(tx, branch):
        return False
    if opened := read(database, snapshot, InTransaction(tx), branch):
        end_grant(tx, opened, Cause(Refusal.SUPERSEDED, "service", origin), now)
    return True
