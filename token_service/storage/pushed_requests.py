"""Pushed authorization requests: written, read by whoever has the name, used up by one answer."""

from sqlalchemy import delete, insert, select

from token_service.domain.pushed_requests import PushedRequest
from token_service.storage.database import Transaction
from token_service.storage.tables import pushed_requests


def add(tx: Transaction, pushed: PushedRequest) -> None:
    """Write a new request."""
    tx.execute(
        insert(pushed_requests).values(
            request_id=pushed.request_id,
            secret_hash=pushed.secret_hash,
            client_id=pushed.client_id,
            parameters={"given": dict(pushed.parameters), "signed": pushed.signed},
            expires_at=pushed.expires_at,
        )
    )


def read(tx: Transaction, request_id: str) -> PushedRequest | None:
    """One request, good or not; None where there is none, or where it was answered."""
    row = tx.execute(
        select(pushed_requests).where(pushed_requests.c.request_id == request_id)
    ).one_or_none()
    if row is None:
        return None
    return PushedRequest(
        request_id=row.request_id,
        secret_hash=row.secret_hash,
        client_id=row.client_id,
        parameters=row.parameters["given"],
        signed=row.parameters["signed"],
        expires_at=row.expires_at,
    )


def use_up(tx: Transaction, request_id: str, client_id: str) -> bool:
    """Answer a request: the one guarded statement; False where it was answered already.

    Its time is not asked for: it is over only for who begins, not for who is at a page.
    """
    used = tx.execute(
        delete(pushed_requests).where(
            pushed_requests.c.request_id == request_id, pushed_requests.c.client_id == client_id
        )
    )
    return used.rowcount == 1
