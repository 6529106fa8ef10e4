"""Ending sessions for callers who may belong to a tenant: what of an account they reach.

Owns one rule: the whole session ends only for who reaches all of the account; for others what is
theirs ends. A caller of the environment (`tenant_id` None) reaches everybody, one of a tenant its
members only, and of a member who belongs to other tenants too only the grants in its own.
"""

from datetime import datetime

from token_service.clock import Clock
from token_service.domain.accounts import Account
from token_service.domain.sessions import GrantSelection
from token_service.services import account_sessions
from token_service.services.configuration import Snapshot, prove
from token_service.services.endings import Cause, end_session
from token_service.services.grant_endings import end_grants
from token_service.storage import accounts, configuration, grants, sessions
from token_service.storage.database import Database, InTransaction, Transaction


def end_one(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    tenant_id: str | None,
    account_id: str,
    sid: str,
    cause: Cause,
) -> bool:
    """End of one session what the caller reaches; True also where that had ended.

    False where there is nothing that it could know of: another account's session, an account that
    is no member, a session that never had a grant in the tenant.
    """
    if tenant_id is None:
        return account_sessions.end_one(database, clock, account_id, sid, cause)
    with database.transaction() as tx:
        account = _member(tx, account_id, tenant_id)
        if account is None or sessions.lock(tx, account_id, sid) is None:
            return False
        if not grants.any_in(tx, account_id, sid, tenant_id):
            return False
        if account.belongs_only_to(tenant_id):
            end_session(tx, account_id, sid, cause, clock.now(), tenant_id=tenant_id)
        else:
            now = _proved(database, clock, snapshot, tx)
            end_grants(tx, snapshot, GrantSelection(account_id, tenant_id, sid=sid), cause, now)
    return True


def end_all(
    database: Database,
    clock: Clock,
    snapshot: Snapshot,
    tenant_id: str | None,
    account_id: str,
    cause: Cause,
) -> bool:
    """End of all sessions what the caller reaches; False where it knows of no such account.

    A sign-in that runs beside this holds the same account row, and a grant that is opened under a
    session that there is already holds the session: what is open when this is answered has ended.
    """
    if tenant_id is None:
        return account_sessions.end_all(database, clock, account_id, cause)
    with database.transaction() as tx:
        account = _member(tx, account_id, tenant_id)
        if account is None:
            return False
        if account.belongs_only_to(tenant_id):
            account_sessions.raise_epoch(tx, account_id, cause, clock.now())
        else:
            sessions.lock_open(tx, account_id, account.epoch)
            now = _proved(database, clock, snapshot, tx)
            end_grants(tx, snapshot, GrantSelection(account_id, tenant_id), cause, now)
    return True


def _member(tx: Transaction, account_id: str, tenant_id: str) -> Account | None:
    """The account with its row locked, so that it joins and leaves no tenant meanwhile."""
    account = accounts.lock(tx, account_id)
    return account if account and account_sessions.is_within(account, tenant_id) else None


def _proved(database: Database, clock: Clock, snapshot: Snapshot, tx: Transaction) -> datetime:
    """The time, once policies and clock are known to be right: whether a grant is live rests on
    both."""
    version, now = configuration.version(database, InTransaction(tx)), clock.now()
    prove(snapshot, version, now)
    return now
