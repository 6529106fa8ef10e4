"""Sessions: opened, seen, ended and listed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, and_, exists, insert, select, update

from token_service.domain.refusals import Refusal
from token_service.domain.sessions import Device, Session
from token_service.storage.database import Transaction
from token_service.storage.ready import Ready, given
from token_service.storage.tables import accounts, grants, memberships, sessions
from token_service.storage.types import micros

_MICROSECONDS_PER_DAY = 86_400_000_000

_LOCK = Ready(
    select(sessions)
    .where(
        sessions.c.account_id == given(sessions.c.account_id),
        sessions.c.sid == given(sessions.c.sid),
    )
    .with_for_update(key_share=True)
)


class ImpersonatedMember(NamedTuple):
    """An impersonated session, and the roles of its account in one tenant."""

    account_id: str
    sid: str
    roles: tuple[str, ...]


def day(moment: datetime) -> int:
    """Whole days since the epoch: the coarse bucket that purging goes by."""
    return micros(moment) // _MICROSECONDS_PER_DAY


def insert_session(tx: Transaction, session: Session, purge_after: datetime) -> None:
    """Write a new session; `purge_after` is the earliest time that its row can be dropped."""
    tx.execute(
        insert(sessions).values(
            account_id=session.account_id,
            sid=session.sid,
            created_at=session.created_at,
            authenticated_at=session.authenticated_at,
            last_active_at=session.last_active_at,
            capped_at=session.capped_at,
            account_epoch=session.account_epoch,
            environment_epoch=session.environment_epoch,
            methods=" ".join(session.methods),
            remembered=session.remembered,
            impersonator=session.impersonator,
            purge_day=day(purge_after) + 1,
            **_device_values(session.device),
        )
    )


def lock(tx: Transaction, account_id: str, sid: str) -> Session | None:
    """One session with its row locked to the end of the transaction, or None."""
    row = _LOCK.row(tx, {"account_id": account_id, "sid": sid})
    return None if row is None else _session(row)


def lock_open(tx: Transaction, account_id: str, account_epoch: int) -> None:
    """Lock every session of the account that nobody ended, in the order of their ids.

    Who opens a grant holds the account or its session: until this transaction ends, no more open.
    """
    tx.execute(
        select(sessions.c.sid)
        .where(
            sessions.c.account_id == account_id,
            sessions.c.ended_at.is_(None),
            sessions.c.account_epoch == account_epoch,
        )
        .order_by(sessions.c.sid)
        .with_for_update(key_share=True)
    ).all()


def account_of(tx: Transaction, sid: str) -> str | None:
    """The account of a session whose id is all that is known (rare: no primary-key look-up)."""
    return tx.execute(select(sessions.c.account_id).where(sessions.c.sid == sid)).scalars().first()


def clients_of(tx: Transaction, account_id: str, sid: str) -> list[str]:
    """The clients that ever held a grant under the session, as far as it is still kept."""
    query = (
        select(grants.c.client_id)
        .where(grants.c.account_id == account_id, grants.c.sid == sid)
        .distinct()
        .order_by(grants.c.client_id)
    )
    return list(tx.execute(query).scalars())


def end(
    tx: Transaction,
    account_id: str,
    sid: str,
    reason: Refusal,
    ended_by: str,
    now: datetime,
    *,
    device: str | None = None,
) -> bool:
    """End a session, and with it everything under it; False where it had ended already.

    `device` is the kind of device that it is ended from, where its owner is to learn that.
    """
    result = tx.execute(
        update(sessions)
        .where(_is(account_id, sid), sessions.c.ended_at.is_(None))
        .values(
            ended_at=now,
            end_reason=reason,
            ended_by=ended_by[:300],
            ended_device=None if device is None else device[:200],
            purge_day=day(now),
        )
    )
    return result.rowcount == 1


def impersonated(tx: Transaction, account_id: str, now: datetime) -> list[str]:
    """The impersonated sessions of an account that are not over, each with its row locked."""
    query = _impersonated(now).where(sessions.c.account_id == account_id)
    return [row.sid for row in tx.execute(query)]


def impersonated_in(tx: Transaction, tenant_id: str, now: datetime) -> list[ImpersonatedMember]:
    """Those of all members of a tenant, with what roles the member has there."""
    member = and_(
        memberships.c.account_id == sessions.c.account_id, memberships.c.tenant_id == tenant_id
    )
    query = _impersonated(now).add_columns(memberships.c.roles).join(memberships, member)
    return [
        ImpersonatedMember(row.account_id, row.sid, tuple(row.roles)) for row in tx.execute(query)
    ]


def _impersonated(now: datetime) -> Select[Any]:
    """Whatever an epoch or time has ended already is left alone, with the reason that it has."""
    return (
        select(sessions.c.account_id, sessions.c.sid)
        .join(accounts, accounts.c.account_id == sessions.c.account_id)
        .where(
            sessions.c.impersonator.is_not(None),
            sessions.c.ended_at.is_(None),
            sessions.c.capped_at > now,
            sessions.c.account_epoch == accounts.c.epoch,
        )
        .order_by(sessions.c.account_id, sessions.c.sid)
        .with_for_update(of=sessions, key_share=True)
    )


def ended_device(tx: Transaction, account_id: str, sid: str) -> str | None:
    """The kind of device that a session was ended from, or None."""
    query = select(sessions.c.ended_device).where(_is(account_id, sid))
    return tx.execute(query).scalar_one_or_none()


def see(
    tx: Transaction, account_id: str, sid: str, device: Device, now: datetime
) -> Session | None:
    """Record activity and where it came from; moves no expiry. None where the session ended."""
    row = tx.execute(
        update(sessions)
        .where(_is(account_id, sid), sessions.c.ended_at.is_(None))
        .values(last_active_at=now, **_device_values(device))
        .returning(*sessions.c)
    ).one_or_none()
    return None if row is None else _session(row)


def renew(
    tx: Transaction,
    account_id: str,
    sid: str,
    methods: Sequence[str],
    device: Device,
    now: datetime,
    *,
    remembered: bool,
) -> bool:
    """Its owner signed in once more in the same browser; False where it ended meanwhile."""
    result = tx.execute(
        update(sessions)
        .where(_is(account_id, sid), sessions.c.ended_at.is_(None))
        .values(
            authenticated_at=now,
            last_active_at=now,
            methods=" ".join(methods),
            remembered=remembered,
            **_device_values(device),
        )
    )
    return result.rowcount == 1


def keep(tx: Transaction, account_id: str, sid: str, account_epoch: int) -> bool:
    """Carry one session over to a raised epoch of its account: "all others" leaves exactly it."""
    result = tx.execute(
        update(sessions)
        .where(
            _is(account_id, sid),
            sessions.c.ended_at.is_(None),
            sessions.c.account_epoch == account_epoch - 1,
        )
        .values(account_epoch=account_epoch)
    )
    return result.rowcount == 1


def page(
    tx: Transaction,
    account_id: str,
    account_epoch: int,
    before: str | None,
    limit: int,
    tenant_id: str | None = None,
) -> Sequence[Session]:
    """Sessions of an account that nobody ended, newest first, below the id `before`.

    With `tenant_id` only those that ever had a grant in that tenant.
    """
    query = _newest(account_id, before, limit, tenant_id).where(
        sessions.c.ended_at.is_(None), sessions.c.account_epoch == account_epoch
    )
    return [_session(row) for row in tx.execute(query)]


def page_of_all(
    tx: Transaction, account_id: str, before: str | None, limit: int, tenant_id: str | None
) -> Sequence[Session]:
    """The same with those that have ended, as long as they are kept."""
    query = _newest(account_id, before, limit, tenant_id)
    return [_session(row) for row in tx.execute(query)]


def read(tx: Transaction, account_id: str, sid: str, tenant_id: str | None) -> Session | None:
    """One session, live or ended; with `tenant_id` only if it ever had a grant in that tenant."""
    query = _newest(account_id, None, 1, tenant_id).where(sessions.c.sid == sid)
    row = tx.execute(query).one_or_none()
    return None if row is None else _session(row)


def _newest(account_id: str, before: str | None, limit: int, tenant_id: str | None) -> Select[Any]:
    query = (
        select(sessions)
        .where(sessions.c.account_id == account_id)
        .order_by(sessions.c.sid.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(sessions.c.sid < before)
    if tenant_id is not None:
        granted = exists().where(
            grants.c.account_id == sessions.c.account_id,
            grants.c.sid == sessions.c.sid,
            grants.c.tenant_id == tenant_id,
        )
        query = query.where(granted)
    return query


def _is(account_id: str, sid: str) -> ColumnElement[bool]:
    return and_(sessions.c.account_id == account_id, sessions.c.sid == sid)


def _device_values(device: Device) -> dict[str, Any]:
    return {
        "ip": device.ip[:45],
        "user_agent": device.user_agent[:400],
        "browser": device.browser[:80],
        "os": device.os[:80],
        "device": device.device[:80],
        "city": device.city,
        "country": device.country,
        "latitude": device.latitude,
        "longitude": device.longitude,
    }


def _session(row: Row[Any]) -> Session:
    return Session(
        account_id=row.account_id,
        sid=row.sid,
        created_at=row.created_at,
        authenticated_at=row.authenticated_at,
        last_active_at=row.last_active_at,
        capped_at=row.capped_at,
        account_epoch=row.account_epoch,
        environment_epoch=row.environment_epoch,
        methods=tuple(row.methods.split()),
        remembered=row.remembered,
        impersonator=row.impersonator,
        device=Device(
            ip=row.ip,
            user_agent=row.user_agent,
            browser=row.browser,
            os=row.os,
            device=row.device,
            city=row.city,
            country=row.country,
            latitude=row.latitude,
            longitude=row.longitude,
        ),
        ended_at=row.ended_at,
        end_reason=None if row.end_reason is None else Refusal(row.end_reason),
        ended_by=row.ended_by,
        ended_device=row.ended_device,
    )
