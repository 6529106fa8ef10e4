"""Grants that were opened from another one's tokens, and how many of a session are kept."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, and_, bindparam, delete, exists, func, not_, or_, select, update

from token_service.domain.refusals import Refusal
from token_service.domain.sessions import GrantKey
from token_service.storage.database import Transaction
from token_service.storage.grants import addressed
from token_service.storage.ready import Ready, given
from token_service.storage.tables import clients, grants, memberships, tenants

_OF_SESSION = and_(
    grants.c.account_id == given(grants.c.account_id), grants.c.sid == given(grants.c.sid)
)
_KEPT = bindparam("kept", type_=BigInteger, required=True)
_HAS_ENDED = grants.c.ended_at.is_not(None)
_IS_OVER = grants.c.ends_at <= given(grants.c.ends_at, "now")
_NUMBER = Ready(
    select(
        func.count().filter(_HAS_ENDED).label("ended"),
        func.count().filter(not_(_HAS_ENDED), _IS_OVER).label("over"),
        func.count().filter(not_(_HAS_ENDED), not_(_IS_OVER)).label("running"),
    ).where(_OF_SESSION)
)
_SURPLUS = (
    select(grants.c.grant_id)
    .where(_OF_SESSION, _HAS_ENDED)
    .order_by(grants.c.ended_at.desc(), grants.c.grant_id)
    .offset(_KEPT)
)
_OF_THIS_SESSION = and_(
    grants.c.account_id == given(grants.c.account_id, "account"),
    grants.c.sid == given(grants.c.sid, "session"),
)
_OF_AN_EARLIER_EPOCH = or_(
    exists().where(
        tenants.c.tenant_id == grants.c.tenant_id, tenants.c.epoch != grants.c.tenant_epoch
    ),
    exists().where(
        clients.c.client_id == grants.c.client_id, clients.c.epoch != grants.c.client_epoch
    ),
)
_OF_A_MEMBER = exists().where(
    memberships.c.account_id == grants.c.account_id,
    memberships.c.tenant_id == grants.c.tenant_id,
    memberships.c.number == grants.c.membership,
)
_SPARED_FIRST = (
    select(grants.c.grant_id)
    .where(
        _OF_THIS_SESSION,
        not_(_HAS_ENDED),
        not_(_IS_OVER),
        not_(_OF_AN_EARLIER_EPOCH),
        _OF_A_MEMBER,
    )
    .order_by(
        (grants.c.grant_id == given(grants.c.grant_id, "asking")).desc(),
        grants.c.used_at.desc(),
        grants.c.grant_id.desc(),
    )
    .offset(_KEPT)
)
_SUPERSEDE = Ready(
    update(grants)
    .where(_OF_THIS_SESSION, grants.c.grant_id.in_(_SPARED_FIRST))
    .values(
        ended_at=given(grants.c.ended_at, "now"),
        end_reason=given(grants.c.end_reason, "reason"),
        ended_by=given(grants.c.ended_by, "by"),
    )
    .returning(grants.c.grant_id, grants.c.client_id, grants.c.tenant_id)
)
_DROP = Ready(delete(grants).where(_OF_SESSION, grants.c.grant_id.in_(_SURPLUS)))


def lock(tx: Transaction, key: GrantKey) -> int | None:
    """The generation of a grant, with its row locked to the end of the transaction.

    None where it is kept no more. Whoever uses its refresh token has done so before, or waits.
    """
    return tx.execute(
        select(grants.c.generation).where(addressed(key)).with_for_update(key_share=True)
    ).scalar_one_or_none()


def first_of(tx: Transaction, key: GrantKey) -> int:
    """The grant of the sign-in or the code that this one goes back to: itself, if it is that."""
    first = func.coalesce(grants.c.opened_from, grants.c.grant_id)
    return int(tx.execute(select(first).where(addressed(key))).scalar_one())


def opened_from(tx: Transaction, key: GrantKey) -> frozenset[int]:
    """The grants of the session that go back to this one, whether it is still kept or not."""
    return frozenset(
        tx.execute(
            select(grants.c.grant_id).where(
                grants.c.account_id == key.account_id,
                grants.c.sid == key.sid,
                grants.c.opened_from == key.grant_id,
            )
        ).scalars()
    )


class Superseded(NamedTuple):
    """A grant that has just made room for another, and whose it was."""

    grant_id: int
    client_id: str
    tenant_id: str


def supersede(
    tx: Transaction, asking: GrantKey, kept: int, ended_by: str, now: datetime
) -> list[Superseded]:
    """End the longest unused grants of the session, all but so many; never the one that asks.

    What an epoch or a membership has ended takes no place and keeps its own reason. What only a
    shorter policy has ended does: it comes back with a longer one.
    """
    ending = {
        "account": asking.account_id,
        "session": asking.sid,
        "asking": asking.grant_id,
        "kept": kept,
        "reason": Refusal.SUPERSEDED,
        "by": ended_by[:300],
        "now": now,
    }
    return [Superseded(*row) for row in _SUPERSEDE.rows(tx, ending)]


class NumberOfGrants(NamedTuple):
    """How many grants of a session are kept: `ended`, with the reason written; `over` by time, and
    nobody has written it; `running`: all others, live as far as time goes."""

    ended: int
    over: int
    running: int


def number_of(tx: Transaction, account_id: str, sid: str, now: datetime) -> NumberOfGrants:
    """How many grants of one session are kept."""
    return NumberOfGrants(*_NUMBER.row(tx, {"account_id": account_id, "sid": sid, "now": now}))


def drop_ended(tx: Transaction, account_id: str, sid: str, kept: int) -> None:
    """Drop grants of one session that ended, all but so many of those that ended last."""
    _DROP.rows(tx, {"account_id": account_id, "sid": sid, "kept": kept})
