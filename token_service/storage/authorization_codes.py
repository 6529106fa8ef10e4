"""Authorization codes: written, read, used up once."""

from datetime import datetime

from sqlalchemy import insert, select, update

from token_service.domain.authorization_codes import AuthorizationCode
from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.storage.database import Transaction
from token_service.storage.ready import Ready, given
from token_service.storage.tables import authorization_codes as codes

_INSERT = Ready(insert(codes))
_READ = Ready(
    select(codes).where(
        codes.c.account_id == given(codes.c.account_id), codes.c.code_id == given(codes.c.code_id)
    )
)
_USE_UP = Ready(
    update(codes)
    .where(
        codes.c.account_id == given(codes.c.account_id, "account"),
        codes.c.code_id == given(codes.c.code_id, "code"),
        codes.c.secret_hash == given(codes.c.secret_hash, "secret"),
        codes.c.client_id == given(codes.c.client_id, "client"),
        codes.c.used_at.is_(None),
        codes.c.expires_at > given(codes.c.expires_at, "now"),
    )
    .values(used_at=given(codes.c.used_at, "now"))
    .returning(codes.c.code_id)
)


def add(tx: Transaction, code: AuthorizationCode) -> None:
    """Write a new code."""
    values = {
        "account_id": code.account_id,
        "code_id": code.code_id,
        "sid": code.sid,
        "tenant_id": code.tenant_id,
        "client_id": code.client_id,
        "secret_hash": code.secret_hash,
        "request": code.request.stored(),
        "auth_time": code.auth_time,
        "expires_at": code.expires_at,
        "used_at": code.used_at,
        "grant_id": code.grant_id,
    }
    _INSERT.rows(tx, values)


def read(tx: Transaction, account_id: str, code_id: str) -> AuthorizationCode | None:
    """One code, good or not; None where there is none, or none any more."""
    row = _READ.row(tx, {"account_id": account_id, "code_id": code_id})
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
    presented = {
        "account": code.account_id,
        "code": code.code_id,
        "secret": code.secret_hash,
        "client": code.client_id,
        "now": now,
    }
    return _USE_UP.row(tx, presented) is not None
