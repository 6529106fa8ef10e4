"""An account as its owner sees it, and the profile that is theirs to change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from token_service.clock import Clock
from token_service.domain.accounts import Account, SignInName
from token_service.domain.events import Event
from token_service.domain.profiles import encoded, faults, merged
from token_service.domain.refusals import Refusal, Refused
from token_service.services.changes import Author, Subject, record
from token_service.storage import accounts, profiles
from token_service.storage.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Own:
    """An account with its names, the ids of its tenants, and its profile."""

    account_id: str
    names: tuple[SignInName, ...]
    tenants: tuple[str, ...]
    profile: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unfit:
    """A profile that cannot be kept, and everything that is wrong with it, in sentences."""

    faults: tuple[str, ...]


def read(database: Database, account_id: str) -> Own | Refused:
    """The account as its owner sees it."""
    with database.reading() as tx:
        account = accounts.read(tx, account_id)
        if account is None:
            return Refused(Refusal.NOT_FOUND)
        return _own(tx, account, profiles.read(tx, account_id))


def change(
    database: Database, clock: Clock, account_id: str, patch: Mapping[str, Any], author: Author
) -> Own | Unfit | Refused:
    """Merge a patch into the profile (RFC 7396), whole or not at all.

    The account's row is held from the reading to the writing, so two patches lose nothing of each
    other. The audit log learns that the profile changed, never what is in it.
    """
    with database.transaction() as tx:
        account = accounts.lock(tx, account_id)
        if account is None:
            return Refused(Refusal.NOT_FOUND)
        before = profiles.read(tx, account_id)
        after = merged(before, patch)
        if found := faults(after):
            return Unfit(tuple(found))
        if encoded(after) != encoded(before):
            now = clock.now()
            profiles.replace(tx, account_id, after, now)
            subject = Subject(account_id=account_id)
            record(tx, author, Event.PROFILE_CHANGED, subject, now)
        return _own(tx, account, after)


def _own(tx: Transaction, account: Account, profile: Mapping[str, Any]) -> Own:
    return Own(
        account_id=account.account_id,
        names=tuple(accounts.names_of(tx, account.account_id)),
        tenants=tuple(one.tenant_id for one in account.memberships),
        profile=profile,
    )
