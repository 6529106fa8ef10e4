"""Accounts: created, listed, switched off and on, their passwords and memberships."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from token_service.clock import Clock
from token_service.crypto import opaque
from token_service.domain import accounts as names
from token_service.domain.accounts import Account, Membership, SignInName
from token_service.domain.events import Event
from token_service.domain.failures import Conflict
from token_service.domain.refusals import Refusal, Refused
from token_service.services import members, passwords
from token_service.services.changes import Author, Subject, record
from token_service.services.signing_in import Gate
from token_service.storage import accounts, configuration, epochs, logout_notices
from token_service.storage.accounts import ListedAccount
from token_service.storage.database import Database, Transaction
from token_service.storage.epochs import Raised


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account as it was asked for; each membership is a tenant's id with the roles there."""

    names: tuple[SignInName, ...]
    password: str = field(repr=False)
    memberships: tuple[tuple[str, tuple[str, ...]], ...]
    default_tenant_id: str | None = None


def create(
    database: Database, clock: Clock, gate: Gate, new: NewAccount, author: Author
) -> Account | Refused:
    """A new account; `taken` where one of its names belongs to another account.

    Raises `Unavailable` where the password does not get hashed in time.
    """
    tenant_ids = [tenant_id for tenant_id, _ in new.memberships]
    if not new.names or len(set(tenant_ids)) != len(tenant_ids):
        return Refused(Refusal.MALFORMED)
    if new.default_tenant_id not in (None, *tenant_ids):
        return Refused(Refusal.NOT_A_MEMBER)
    account = draft(gate, new, clock.now(), _tenant_names(database, tenant_ids))
    if isinstance(account, Refused):
        return account
    try:
        with database.transaction() as tx:
            if not _all_known(tx, tenant_ids):
                return Refused(Refusal.UNKNOWN_TENANT)
            add(tx, account, new.names, author, clock.now())
    except Conflict:
        return Refused(Refusal.TAKEN)
    return account


def draft(
    gate: Gate, new: NewAccount, now: datetime, tenant_names: Iterable[str] = ()
) -> Account | Refused:
    """An account that is not stored yet, with its password hashed; its tenants by their names."""
    held = [name.display for name in new.names]
    password_hash = passwords.hashed(gate, new.password, [*held, *tenant_names])
    if isinstance(password_hash, Refused):
        return password_hash
    return Account(
        account_id=opaque.new_id(now),
        enabled=True,
        epoch=1,
        password_hash=password_hash,
        default_tenant_id=new.default_tenant_id,
        memberships=tuple(
            Membership(tenant_id, number, roles)
            for number, (tenant_id, roles) in enumerate(new.memberships, start=1)
        ),
    )


def add(
    tx: Transaction, account: Account, held: Iterable[SignInName], author: Author, now: datetime
) -> None:
    """Store a new account; raises `Conflict`."""
    accounts.insert_account(tx, account, held, now)
    tenant_ids = [one.tenant_id for one in account.memberships]
    subject = Subject(account_id=account.account_id)
    record(tx, author, Event.ACCOUNT_CREATED, subject, now, details={"tenants": tenant_ids})


def page(database: Database, after: str, limit: int) -> list[ListedAccount]:
    """Accounts in the order of their ids, from the one after `after` ('' for the first)."""
    with database.reading() as tx:
        return accounts.page(tx, after, limit)


def find(database: Database, reference: str) -> str | None:
    """The id of the account with this id, or else with this sign-in name."""
    with database.reading() as tx:
        if names.well_formed_id(reference) and accounts.read(tx, reference) is not None:
            return reference
        name = names.normalised(reference)
        return accounts.account_id_of(tx, name) if name else None


def disable(database: Database, clock: Clock, account_id: str, author: Author) -> Refused | None:
    """End every session of the account for good, and let it sign in no more."""
    return _switch(database, clock, account_id, author, enabled=False)


def enable(database: Database, clock: Clock, account_id: str, author: Author) -> Refused | None:
    """Let the account sign in again."""
    return _switch(database, clock, account_id, author, enabled=True)


def _switch(
    database: Database, clock: Clock, account_id: str, author: Author, *, enabled: bool
) -> Refused | None:
    """Saying it twice changes and records nothing."""
    with database.transaction() as tx:
        now = clock.now()
        epoch = accounts.set_enabled(tx, account_id, enabled=enabled)
        if epoch is None:
            known = accounts.read(tx, account_id) is not None
            return None if known else Refused(Refusal.NOT_FOUND)
        raised = Raised(Refusal.ACCOUNT_DISABLED, author.actor, now)
        epochs.record_account(tx, account_id, epoch, raised)
        logout_notices.end_account(tx, account_id, None, now)
        record(
            tx,
            author,
            Event.ACCOUNT_CHANGED,
            Subject(account_id=account_id),
            now,
            reason="" if enabled else Refusal.ACCOUNT_DISABLED,
            details={"enabled": enabled},
        )
    return None


def reset_password(
    database: Database, clock: Clock, gate: Gate, account_id: str, password: str, author: Author
) -> Refused | None:
    """Set the password in the owner's place: every session ends, and no failure counts any more.

    Raises `Unavailable` where the password does not get hashed in time.
    """
    with database.reading() as tx:
        known_words = passwords.known_words(tx, account_id)
    password_hash = passwords.hashed(gate, password, known_words)
    if isinstance(password_hash, Refused):
        return password_hash
    with database.transaction() as tx:
        now = clock.now()
        if not passwords.replace(tx, gate, account_id, password_hash, author, now):
            return Refused(Refusal.NOT_FOUND)
        subject = Subject(account_id=account_id)
        record(tx, author, Event.ACCOUNT_CHANGED, subject, now, reason=Refusal.PASSWORD_RESET)
    return None


def join(
    database: Database,
    clock: Clock,
    account_id: str,
    tenant_id: str,
    roles: tuple[str, ...],
    author: Author,
) -> Refused | None:
    """Make the account a member of the tenant, under a number that no membership of it had.

    The environment's row is held, so that what the roles permit does not change meanwhile.
    """
    with database.transaction() as tx:
        configuration.lock_environment(tx)
        account = accounts.lock(tx, account_id)
        if account is None:
            return Refused(Refusal.NOT_FOUND)
        if account.membership_in(tenant_id) is not None:
            return Refused(Refusal.ALREADY_A_MEMBER)
        return members.joined(tx, account_id, tenant_id, roles, author, clock.now())


def leave(
    database: Database, clock: Clock, account_id: str, tenant_id: str, author: Author
) -> Refused | None:
    """End the membership, and with it every grant of the account in the tenant."""
    with database.transaction() as tx:
        if accounts.lock(tx, account_id) is None:
            return Refused(Refusal.NOT_FOUND)
        now = clock.now()
        before = accounts.roles_in(tx, account_id, tenant_id)
        if not accounts.remove_membership(tx, account_id, tenant_id, author.actor, now):
            return Refused(Refusal.NOT_A_MEMBER)
        logout_notices.look_again(tx, account_id, now)
        record(
            tx,
            author,
            Event.MEMBERSHIP_CHANGED,
            Subject(account_id=account_id, tenant_id=tenant_id),
            now,
            reason=Refusal.LEFT_TENANT,
            details={"member": False, "before": list(before)},
        )
    return None


def _tenant_names(database: Database, tenant_ids: Iterable[str]) -> list[str]:
    with database.reading() as tx:
        found = [configuration.read_tenant(tx, one) for one in tenant_ids]
    return [tenant.name for tenant in found if tenant is not None]


def _all_known(tx: Transaction, tenant_ids: Iterable[str]) -> bool:
    return all(configuration.read_tenant(tx, one) is not None for one in tenant_ids)
