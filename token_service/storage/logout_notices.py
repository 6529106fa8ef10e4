"""The outbox of log-outs: a row waits from a client's first grant until the client was told.

Whoever ends a session marks its rows in the same transaction. Rows of one account are locked in the
order of their ids.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, insert, select, tuple_, update

from token_service.domain.logout_notices import LogoutNotice
from token_service.storage.database import NEWS, Transaction
from token_service.storage.tables import logout_notices

_RESTED_AT_ONCE = 1000


def expect(
    tx: Transaction, account_id: str, sid: str, client_id: str, notice_id: str, look_at: datetime
) -> None:
    """Have the client told when the session ends, once, however many grants it opens under it.

    `look_at` is when time may have ended the session. The caller holds the session, or has just
    written it.
    """
    waits = exists().where(
        _of(account_id),
        logout_notices.c.sid == sid,
        logout_notices.c.client_id == client_id,
        logout_notices.c.ended_at.is_(None),
    )
    if tx.execute(select(waits)).scalar_one():
        return
    tx.execute(
        insert(logout_notices).values(
            account_id=account_id,
            notice_id=notice_id,
            sid=sid,
            client_id=client_id,
            ended_at=None,
            attempts=0,
            next_attempt_at=look_at,
        )
    )


def end_session(
    tx: Transaction,
    account_id: str,
    sid: str,
    now: datetime,
    client_ids: Collection[str] | None = None,
) -> None:
    """The session has ended, for all its clients or only for some of them: they are told at once.

    The caller holds the session.
    """
    condition = and_(_of(account_id), logout_notices.c.sid == sid)
    if client_ids is not None:
        condition &= logout_notices.c.client_id.in_(client_ids)
    _end(tx, account_id, condition, now)


def end_account(tx: Transaction, account_id: str, kept_sid: str | None, now: datetime) -> None:
    """The same for all sessions of the account but one. The caller holds the account."""
    condition = _of(account_id)
    if kept_sid is not None:
        condition &= logout_notices.c.sid != kept_sid
    _end(tx, account_id, condition, now)


def look_again(tx: Transaction, account_id: str, now: datetime) -> None:
    """Have it looked at once which sessions of the account are over: some may be."""
    _change(tx, account_id, _of(account_id), next_attempt_at=now)


def lock_due(
    tx: Transaction, now: datetime, spared_clients: Collection[str]
) -> LogoutNotice | None:
    """The notice that has been due for longest, locked, but for those to some clients; those that
    others have locked are skipped.

    `attempts` is the number that an attempt now would have.
    """
    row = tx.execute(
        select(logout_notices)
        .where(
            logout_notices.c.next_attempt_at <= now,
            logout_notices.c.client_id.not_in(spared_clients),
        )
        .order_by(logout_notices.c.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    return None if row is None else _notice(row)


def postpone(tx: Transaction, notice: LogoutNotice, look_at: datetime) -> None:
    """The session lives: look again then. The caller holds the notice."""
    tx.execute(update(logout_notices).where(_is(notice)).values(next_attempt_at=look_at))


def take(
    tx: Transaction, notice: LogoutNotice, ended_at: datetime, next_attempt_at: datetime
) -> None:
    """Count the attempt; nobody else looks at it before the next one. The caller holds the notice.

    Time is what binds a notice to whoever delivers it: a process that dies takes none with it.
    """
    tx.execute(
        update(logout_notices)
        .where(_is(notice))
        .values(ended_at=ended_at, attempts=notice.attempts, next_attempt_at=next_attempt_at)
    )


def drop(tx: Transaction, notice: LogoutNotice) -> bool:
    """The client is told or given up; False where it was already."""
    return tx.execute(delete(logout_notices).where(_is(notice))).rowcount == 1


def rest(tx: Transaction, client_id: str, now: datetime, until: datetime) -> None:
    """Leave a client alone that cannot be reached: what is due to it waits, uncounted."""
    key = tuple_(logout_notices.c.account_id, logout_notices.c.notice_id)
    due = (
        select(logout_notices.c.account_id, logout_notices.c.notice_id)
        .where(
            logout_notices.c.next_attempt_at <= now,
            logout_notices.c.client_id == client_id,
            logout_notices.c.ended_at.is_not(None),
        )
        .limit(_RESTED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    tx.execute(update(logout_notices).where(key.in_(due)).values(next_attempt_at=until))


def _end(tx: Transaction, account_id: str, condition: ColumnElement[bool], now: datetime) -> None:
    _change(tx, account_id, condition, ended_at=now, next_attempt_at=now)


def _change(
    tx: Transaction, account_id: str, condition: ColumnElement[bool], **values: datetime
) -> None:
    """Change rows whose end was not known; whoever waits for news of them is called on commit."""
    chosen = (
        select(logout_notices.c.notice_id)
        .where(condition, logout_notices.c.ended_at.is_(None))
        .order_by(logout_notices.c.notice_id)
        .with_for_update()
    )
    changed = tx.execute(
        update(logout_notices)
        .where(
            _of(account_id),
            logout_notices.c.notice_id.in_(chosen),
            logout_notices.c.ended_at.is_(None),
        )
        .values(**values)
    )
    if changed.rowcount:
        tx.info[NEWS] = True


def _of(account_id: str) -> ColumnElement[bool]:
    return logout_notices.c.account_id == account_id


def _is(notice: LogoutNotice) -> ColumnElement[bool]:
    return and_(_of(notice.account_id), logout_notices.c.notice_id == notice.notice_id)


def _notice(row: Row[Any]) -> LogoutNotice:
    return LogoutNotice(
        account_id=row.account_id,
        notice_id=row.notice_id,
        sid=row.sid,
        client_id=row.client_id,
        ended_at=row.ended_at,
        attempts=row.attempts + 1,
    )
