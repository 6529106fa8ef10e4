"""Accounts, their sign-in names and their memberships."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, delete, insert, select, update

from token_service.domain.accounts import Account, Membership, NameKind, SignInName
from token_service.domain.sightings import Seen
from token_service.storage.database import Transaction
from token_service.storage.ready import Ready, given
from token_service.storage.tables import (
    account_names,
    accounts,
    ended_memberships,
    memberships,
    tenants,
)

_MEMBERSHIP = (memberships.c.tenant_id, memberships.c.number, memberships.c.roles)
_READ = Ready(
    select(accounts, *_MEMBERSHIP)
    .outerjoin(memberships, memberships.c.account_id == accounts.c.account_id)
    .where(accounts.c.account_id == given(accounts.c.account_id))
    .order_by(memberships.c.number)
)
# FOR NO KEY UPDATE: readers of foreign keys and the hot statements are not in its way.
_LOCK = Ready(
    select(accounts)
    .where(accounts.c.account_id == given(accounts.c.account_id))
    .with_for_update(key_share=True)
)
_MEMBERSHIPS = Ready(
    select(*_MEMBERSHIP)
    .where(memberships.c.account_id == given(memberships.c.account_id))
    .order_by(memberships.c.number)
)


class Member(NamedTuple):
    """A member of a tenant, as an administrator of it sees them."""

    account_id: str
    roles: tuple[str, ...]
    names: tuple[str, ...]


class ListedAccount(NamedTuple):
    """An account with its names, as an administrator sees it."""

    account: Account
    names: tuple[str, ...]


def insert_account(
    tx: Transaction, account: Account, names: Iterable[SignInName], now: datetime
) -> None:
    """Write a new account; `Conflict` says that one of its names is taken.

    Only administrators make accounts, and it is their word that the names are its owner's.
    """
    tx.execute(
        insert(accounts).values(
            account_id=account.account_id,
            enabled=account.enabled,
            epoch=account.epoch,
            password_hash=account.password_hash,
            password_changed_at=now if account.password_hash else None,
            default_tenant_id=account.default_tenant_id,
            next_membership=1 + max((one.number for one in account.memberships), default=0),
            session_limit=account.session_limit,
            profile={},
            profile_changed_at=now,
            seen=account.seen.stored(),
            created_at=now,
        )
    )
    for name in names:
        tx.execute(
            insert(account_names).values(
                name=name.normalised,
                account_id=account.account_id,
                kind=name.kind,
                display=name.display,
                verified_at=now,
            )
        )
    for membership in account.memberships:
        _insert_membership(tx, account.account_id, membership, now)


def account_id_of(tx: Transaction, name: str) -> str | None:
    """The account that a normalised sign-in name belongs to."""
    return tx.execute(
        select(account_names.c.account_id).where(account_names.c.name == name)
    ).scalar_one_or_none()


def names_of(tx: Transaction, account_id: str) -> list[SignInName]:
    """The account's sign-in names, in the order of their kinds."""
    rows = tx.execute(
        select(account_names)
        .where(account_names.c.account_id == account_id)
        .order_by(account_names.c.kind, account_names.c.name)
    )
    return [SignInName(NameKind(row.kind), row.name, row.display) for row in rows]


def read(tx: Transaction, account_id: str) -> Account | None:
    """One account with its memberships, or None."""
    found = _READ.rows(tx, {"account_id": account_id})
    members = [one for one in found if one.number is not None]
    return _account(found[0], members) if found else None


def lock(tx: Transaction, account_id: str) -> Account | None:
    """The same, with the account's row locked to the end of the transaction.

    Whatever opens sessions, changes memberships or ends all that a tenant's caller may end holds
    this lock, and takes it before that of any session or grant, so that two of them can neither
    overtake nor block each other for good.
    """
    key = {"account_id": account_id}
    row = _LOCK.row(tx, key)
    # Read by a statement of their own: what was joined could be older than the lock.
    members = _MEMBERSHIPS.rows(tx, key)
    return None if row is None else _account(row, members)


def set_seen(tx: Transaction, account_id: str, seen: Seen) -> None:
    """Store with what and from where the account signed in. The caller holds the account."""
    tx.execute(
        update(accounts).where(accounts.c.account_id == account_id).values(seen=seen.stored())
    )


def replace_password(tx: Transaction, account_id: str, old_hash: str, new_hash: str) -> bool:
    """Store the same password hashed anew; False where the stored hash is another by now."""
    result = tx.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id, accounts.c.password_hash == old_hash)
        .values(password_hash=new_hash)
    )
    return result.rowcount == 1


def tenant_names(tx: Transaction, account_id: str) -> tuple[str, ...]:
    """The names of the tenants that the account belongs to."""
    member = memberships.join(tenants, tenants.c.tenant_id == memberships.c.tenant_id)
    rows = tx.execute(
        select(tenants.c.name).select_from(member).where(memberships.c.account_id == account_id)
    )
    return tuple(rows.scalars())


def change_password(
    tx: Transaction, account_id: str, old_hash: str, new_hash: str, now: datetime
) -> bool:
    """Store another password in place of this very one; False where the stored hash is another.

    It ends no session: whether it shall is a matter of policy.
    """
    result = tx.execute(
        update(accounts)
        .where(
            accounts.c.account_id == account_id,
            accounts.c.password_hash == old_hash,
            accounts.c.enabled.is_(True),
        )
        .values(password_hash=new_hash, password_changed_at=now)
    )
    return result.rowcount == 1


def set_password(tx: Transaction, account_id: str, password_hash: str, now: datetime) -> int | None:
    """Store another password and raise the account's epoch; the new epoch, None if unknown."""
    row = tx.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id)
        .values(password_hash=password_hash, password_changed_at=now, epoch=accounts.c.epoch + 1)
        .returning(accounts.c.epoch)
    ).one_or_none()
    return None if row is None else int(row.epoch)


def set_enabled(tx: Transaction, account_id: str, *, enabled: bool) -> int | None:
    """Switch an account on or off and raise its epoch; the new epoch, or None if unchanged."""
    row = tx.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id, accounts.c.enabled.is_not(enabled))
        .values(enabled=enabled, epoch=accounts.c.epoch + 1)
        .returning(accounts.c.epoch)
    ).one_or_none()
    return None if row is None else int(row.epoch)


def set_session_limit(tx: Transaction, account_id: str, limit: int | None) -> None:
    """Set the account's own number of sessions. The caller holds the account."""
    tx.execute(
        update(accounts).where(accounts.c.account_id == account_id).values(session_limit=limit)
    )


def raise_epoch(tx: Transaction, account_id: str) -> int | None:
    """End every session of the account by one row update; the new epoch, None if unknown."""
    row = tx.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id)
        .values(epoch=accounts.c.epoch + 1)
        .returning(accounts.c.epoch)
    ).one_or_none()
    return None if row is None else int(row.epoch)


def add_membership(
    tx: Transaction, account_id: str, tenant_id: str, roles: tuple[str, ...], now: datetime
) -> Membership | None:
    """Join a tenant under a number never given before; None for an unknown account.

    `Conflict` says that the account is a member already. The caller holds the account.
    """
    row = tx.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id)
        .values(next_membership=accounts.c.next_membership + 1)
        .returning(accounts.c.next_membership)
    ).one_or_none()
    if row is None:
        return None
    membership = Membership(tenant_id, row.next_membership - 1, roles)
    _insert_membership(tx, account_id, membership, now)
    return membership


def set_roles(tx: Transaction, account_id: str, tenant_id: str, roles: tuple[str, ...]) -> bool:
    """Replace a member's roles; False where the account is no member. The caller holds it."""
    result = tx.execute(
        update(memberships)
        .where(memberships.c.account_id == account_id, memberships.c.tenant_id == tenant_id)
        .values(roles=list(roles))
    )
    return result.rowcount == 1


def remove_membership(
    tx: Transaction, account_id: str, tenant_id: str, ended_by: str, now: datetime
) -> bool:
    """Leave a tenant: its grants are dead from this commit on; False where there was none.

    It is no longer the account's default either. The caller holds the account.
    """
    number = tx.execute(
        delete(memberships)
        .where(memberships.c.account_id == account_id, memberships.c.tenant_id == tenant_id)
        .returning(memberships.c.number)
    ).scalar_one_or_none()
    if number is None:
        return False
    tx.execute(
        insert(ended_memberships).values(
            account_id=account_id,
            number=number,
            tenant_id=tenant_id,
            ended_by=ended_by[:300],
            ended_at=now,
        )
    )
    tx.execute(
        update(accounts)
        .where(accounts.c.account_id == account_id, accounts.c.default_tenant_id == tenant_id)
        .values(default_tenant_id=None)
    )
    return True


def is_member(tx: Transaction, account_id: str, tenant_id: str) -> bool:
    """Whether the account belongs to the tenant."""
    found = tx.execute(
        select(memberships.c.number).where(
            memberships.c.account_id == account_id, memberships.c.tenant_id == tenant_id
        )
    ).one_or_none()
    return found is not None


def roles_in(tx: Transaction, account_id: str, tenant_id: str) -> tuple[str, ...]:
    """The account's roles in the tenant; () also where it is no member."""
    found = tx.execute(
        select(memberships.c.roles).where(
            memberships.c.account_id == account_id, memberships.c.tenant_id == tenant_id
        )
    ).scalar_one_or_none()
    return tuple(found or ())


class EndedMembership(NamedTuple):
    """By whom and when a membership was ended."""

    ended_by: str
    ended_at: datetime


def ended_membership(tx: Transaction, account_id: str, number: int) -> EndedMembership | None:
    """How the account's membership of this number ended; None where it did not, or is unknown."""
    row = tx.execute(
        select(ended_memberships.c.ended_by, ended_memberships.c.ended_at).where(
            ended_memberships.c.account_id == account_id, ended_memberships.c.number == number
        )
    ).one_or_none()
    return None if row is None else EndedMembership(row.ended_by, row.ended_at)


def members(tx: Transaction, tenant_id: str, after: str, limit: int) -> list[Member]:
    """Members of a tenant in the order of their ids, from the one after `after` ('': the first)."""
    query = (
        select(memberships.c.account_id, memberships.c.roles)
        .where(memberships.c.tenant_id == tenant_id)
        .order_by(memberships.c.account_id)
        .limit(limit)
    )
    if after:
        query = query.where(memberships.c.account_id > after)
    rows = tx.execute(query).all()
    names = _names_of(tx, [row.account_id for row in rows])
    return [
        Member(row.account_id, tuple(row.roles), tuple(names.get(row.account_id, ())))
        for row in rows
    ]


def page(tx: Transaction, after: str, limit: int) -> list[ListedAccount]:
    """Accounts in the order of their ids, from the one after `after` ('' for the first)."""
    query = select(accounts).order_by(accounts.c.account_id).limit(limit)
    if after:
        query = query.where(accounts.c.account_id > after)
    rows = tx.execute(query).all()
    ids = [row.account_id for row in rows]
    names, held = _names_of(tx, ids), defaultdict(list)
    for member in tx.execute(select(memberships).where(memberships.c.account_id.in_(ids))):
        held[member.account_id].append(member)
    return [
        ListedAccount(_account(row, held[row.account_id]), tuple(names.get(row.account_id, ())))
        for row in rows
    ]


def _names_of(tx: Transaction, account_ids: list[str]) -> dict[str, list[str]]:
    """The sign-in names of each account, as their owners wrote them."""
    names: dict[str, list[str]] = defaultdict(list)
    query = select(account_names).where(account_names.c.account_id.in_(account_ids))
    for row in tx.execute(query.order_by(account_names.c.kind, account_names.c.name)):
        names[row.account_id].append(row.display)
    return names


def _insert_membership(
    tx: Transaction, account_id: str, membership: Membership, now: datetime
) -> None:
    tx.execute(
        insert(memberships).values(
            account_id=account_id,
            tenant_id=membership.tenant_id,
            number=membership.number,
            roles=list(membership.roles),
            created_at=now,
        )
    )


def _account(row: Row[Any], members: Iterable[Row[Any]]) -> Account:
    return Account(
        account_id=row.account_id,
        enabled=row.enabled,
        epoch=row.epoch,
        password_hash=row.password_hash,
        default_tenant_id=row.default_tenant_id,
        memberships=tuple(
            Membership(one.tenant_id, one.number, tuple(one.roles)) for one in members
        ),
        session_limit=row.session_limit,
        seen=Seen.of(row.seen),
    )
