"""Authorization codes: written, read, used up once."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, select, update

from token_service.domain.authorization_codes import AuthorizationCode
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.storage.database import Transaction
from token_service.storage.tables import authorization_codes as codes


def add(tx: Transaction, code: AuthorizationCode) -> None:
    """Write a new code."""
    tx.execute(
        insert(codes).values(
            account_id=code.account_id,
            code_id=code.code_id,
            sid=code.sid,
            tenant_id=code.tenant_id,
            client_id=code.client_id,
            secret_hash=code.secret_hash,
            request=code.request.stored(),
            auth_time=code.auth_time,
            expires_at=code.expires_at,
            grant_id=code.grant_id,
        )
    )


def read(tx: Transaction, account_id: str, code_id: str) -> AuthorizationCode | None:
    """One code, good or not; None where there is none, or none any more."""
    row = tx.execute(select(codes).where(_is(account_id, code_id))).one_or_none()
    if row is None:
        return None
    return AuthorizationCode(
        account_id=row.account_id,
        code_id=row.code_id,
        sid=row.sid,
        tenant_id=row.tenant_id,
        client_id=row.client_id,
        secret_hash=row.secret_hash,
        request=AuthorizationRequest.of(row.request),
        auth_time=row.auth_time,
        expires_at=row.expires_at,
        used_at=row.used_at,
        grant_id=row.grant_id,
    )


def use_up(tx: Transaction, code: AuthorizationCode, now: datetime) -> bool:
    """Use the code up: the one guarded statement; False where it is not good, or was used.

    Whatever then comes of it, it is good for nothing more.
    """
    result = tx.execute(
        update(codes)
        .where(
            _is(code.account_id, code.code_id),
            codes.c.secret_hash == code.secret_hash,
            codes.c.client_id == code.client_id,
            codes.c.used_at.is_(None),
            codes.c.expires_at > now,
        )
        .values(used_at=now)
    )
    return result.rowcount == 1


def _is(account_id: str, code_id: str) -> ColumnElement[bool]:
    return and_(codes.c.account_id == account_id, codes.c.code_id == code_id)
