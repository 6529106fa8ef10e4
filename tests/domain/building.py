"""A live grant and live keys, and what a test changes about them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from token_service.domain.keys import Algorithm, KeyPeriod, KeyPurpose, KeyRecord
from token_service.domain.policies import NEVER, Policy
from token_service.domain.sessions import GrantKey, GrantState, GrantTerms, Rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

LIVE = GrantState(
    key=GrantKey("a" * 32, "b" * 32, 7),
    client_id="app",
    tenant_id="c" * 32,
    membership=3,
    scope="openid profile",
    tenant_epoch=4,
    client_epoch=5,
    generation=9,
    key_number=2,
    secret_hash="hash",
    used_at=NOW,
    used_from="192.0.2.1",
    ends_at=NOW + DAY,
    ended_at=None,
    end_reason=None,
    entered_tenant_id=None,
    terms=GrantTerms(auth_time=NOW - HOUR),
    authenticated_at=NOW - HOUR,
    capped_at=None,
    methods=("pwd",),
    remembered=False,
    impersonator=None,
    session_ended_at=None,
    session_end_reason=None,
    session_account_epoch=6,
    session_environment_epoch=8,
    account_epoch=6,
    environment_epoch=8,
    current_membership=3,
    force_relogin=NEVER,
    configuration_version=1,
)
"""Used for the tenth time at `NOW`, an hour after its sign-in; ends a day later if unused."""


def grant(**changes: Any) -> GrantState:
    return LIVE._replace(**changes)


def rules(tenant_epoch: int = 4, client_epoch: int = 5, **policy: Any) -> Rules:
    """Today's rules: the default policy but for the given fields."""
    held = Policy(**policy)
    return Rules(held, held.remembering(), tenant_epoch, client_epoch)


def key_of(period: KeyPeriod, *, created_at: datetime = NOW, number: int = 1) -> KeyRecord:
    return KeyRecord(
        kid=f"key-{number}",
        number=number,
        purpose=KeyPurpose.SIGNING,
        algorithm=Algorithm.ES256,
        private_encrypted=b"",
        public_jwk="{}",
        created_at=created_at,
        activates_at=period.activates_at,
        retires_at=period.retires_at,
        gone_at=period.gone_at,
    )


def around(instant: datetime) -> Iterable[tuple[datetime, bool]]:
    """Instants before and from a limit on, each with whether the limit has been reached."""
    for distance in (DAY, SECOND, MOMENT):
        yield instant - distance, False
    yield instant, True
    for distance in (MOMENT, SECOND, DAY):
        yield instant + distance, True
