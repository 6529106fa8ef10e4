"""Interactions: written, read by the browser that began them, and taken on step by step."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, insert, select, update

from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.interactions import Interaction, Progress
from token_service.storage.database import Transaction
from token_service.storage.tables import interactions


def add(tx: Transaction, interaction: Interaction, now: datetime) -> None:
    """Write a new interaction."""
    tx.execute(
        insert(interactions).values(
            interaction_id=interaction.interaction_id,
            browser_hash=interaction.browser_hash,
            client_id=interaction.request.client_id,
            request=interaction.request.stored(),
            progress=interaction.progress.stored(),
            created_at=now,
            expires_at=interaction.expires_at,
        )
    )


def read(
    tx: Transaction, interaction_id: str, browser_hash: str, now: datetime
) -> Interaction | None:
    """One that still waits, in this browser; None where there is none such."""
    row = tx.execute(
        select(interactions).where(
            interactions.c.interaction_id == interaction_id,
            interactions.c.browser_hash == browser_hash,
            interactions.c.expires_at > now,
        )
    ).one_or_none()
    if row is None:
        return None
    return Interaction(
        interaction_id=row.interaction_id,
        browser_hash=row.browser_hash,
        request=AuthorizationRequest.of(row.request),
        progress=Progress.from_stored(row.progress),
        expires_at=row.expires_at,
    )


def advance(tx: Transaction, shown: Interaction, progress: Progress, now: datetime) -> bool:
    """Take the step that was shown: the one guarded statement; False where it was taken already."""
    result = tx.execute(
        update(interactions).where(_waits_at(shown, now)).values(progress=progress.stored())
    )
    return result.rowcount == 1


def finish(tx: Transaction, shown: Interaction, now: datetime) -> bool:
    """Take the last step: it waits no more. False where it was taken already."""
    result = tx.execute(delete(interactions).where(_waits_at(shown, now)))
    return result.rowcount == 1


def _waits_at(shown: Interaction, now: datetime) -> ColumnElement[bool]:
    return and_(
        interactions.c.interaction_id == shown.interaction_id,
        interactions.c.browser_hash == shown.browser_hash,
        interactions.c.progress["step"].as_integer() == shown.progress.step,
        interactions.c.expires_at > now,
    )
