"""Devices that wait for a person: written, found by either code, decided, polled and used up."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, insert, select, update

from token_service.domain.device_authorizations import (
    Approval,
    DeviceAuthorization,
    DeviceRequest,
    DeviceState,
)
from token_service.storage.database import Transaction
from token_service.storage.tables import device_authorizations as devices


def add(tx: Transaction, device: DeviceAuthorization) -> None:
    """Write a new one; the database refuses a user code that is there already (`Conflict`)."""
    tx.execute(
        insert(devices).values(
            device_id=device.device_id,
            secret_hash=device.secret_hash,
            user_code_hash=device.user_code_hash,
            client_id=device.client_id,
            request=device.request.stored(),
            state=device.state,
            interval=device.interval,
            created_at=device.created_at,
            expires_at=device.expires_at,
        )
    )


def read(tx: Transaction, device_id: str) -> DeviceAuthorization | None:
    """One, whatever has become of it; None where there is none, or none any more."""
    return _one(tx, devices.c.device_id == device_id)


def read_by_user_code(tx: Transaction, user_code_hash: str) -> DeviceAuthorization | None:
    """The same by the code that a person types in."""
    return _one(tx, devices.c.user_code_hash == user_code_hash)


def polled(tx: Transaction, device: DeviceAuthorization, interval: int, now: datetime) -> bool:
    """Note a poll of one that waits, and how long the next has to wait; False where it waits no
    more, or was polled since it was read."""
    result = tx.execute(
        update(devices)
        .where(
            _waits(device.device_id, now),
            devices.c.polled_at.is_not_distinct_from(device.polled_at),
        )
        .values(polled_at=now, interval=interval)
    )
    return result.rowcount == 1


def approve(tx: Transaction, device_id: str, approval: Approval, now: datetime) -> bool:
    """Let it in: the one guarded statement; False where somebody has decided, or it is too late."""
    result = tx.execute(
        update(devices)
        .where(_waits(device_id, now))
        .values(
            state=DeviceState.APPROVED,
            account_id=approval.account_id,
            sid=approval.sid,
            tenant_id=approval.tenant_id,
            auth_time=approval.auth_time,
        )
    )
    return result.rowcount == 1


def deny(tx: Transaction, device_id: str, now: datetime) -> bool:
    """Keep it out; False where somebody has decided, or it is too late."""
    result = tx.execute(
        update(devices).where(_waits(device_id, now)).values(state=DeviceState.DENIED)
    )
    return result.rowcount == 1


def deny_approved(tx: Transaction, account_id: str, client_id: str) -> None:
    """Keep out after all what the account has let in, and what has not come for its tokens yet.

    Reads them all, as often as people take back what they allowed.
    """
    tx.execute(
        update(devices)
        .where(
            devices.c.account_id == account_id,
            devices.c.client_id == client_id,
            devices.c.state == DeviceState.APPROVED,
        )
        .values(state=DeviceState.DENIED)
    )


def use_up(tx: Transaction, device: DeviceAuthorization, now: datetime) -> bool:
    """Use up what was approved: the one guarded statement; False where it is not good, or was used.

    Whatever then comes of it, it is good for nothing more.
    """
    result = tx.execute(
        update(devices)
        .where(
            devices.c.device_id == device.device_id,
            devices.c.secret_hash == device.secret_hash,
            devices.c.client_id == device.client_id,
            devices.c.state == DeviceState.APPROVED,
            devices.c.expires_at > now,
        )
        .values(state=DeviceState.REDEEMED)
    )
    return result.rowcount == 1


def _waits(device_id: str, now: datetime) -> ColumnElement[bool]:
    return and_(
        devices.c.device_id == device_id,
        devices.c.state == DeviceState.PENDING,
        devices.c.expires_at > now,
    )


def _one(tx: Transaction, which: ColumnElement[bool]) -> DeviceAuthorization | None:
    row = tx.execute(select(devices).where(which)).one_or_none()
    return None if row is None else _device(row)


def _device(row: Row[Any]) -> DeviceAuthorization:
    return DeviceAuthorization(
        device_id=row.device_id,
        secret_hash=row.secret_hash,
        user_code_hash=row.user_code_hash,
        client_id=row.client_id,
        request=DeviceRequest.of(row.request),
        state=DeviceState(row.state),
        interval=row.interval,
        created_at=row.created_at,
        expires_at=row.expires_at,
        polled_at=row.polled_at,
        account_id=row.account_id,
        sid=row.sid,
        tenant_id=row.tenant_id,
        auth_time=row.auth_time,
    )
