"""What a logout token says, and how long a client is tried."""

from datetime import UTC, datetime, timedelta

import pytest

from token_service.domain.logout_notices import (
    LogoutNotice,
    is_given_up,
    logout_claims,
    next_attempt,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_claims() -> None:
    notice = LogoutNotice("account", "notice", "sid", "client", NOW, 3)
    claims = logout_claims(
        notice, issuer="https://id.example", audience="client", subject="sub", now=NOW
    )
    assert claims == {
        "iss": "https://id.example",
        "sub": "sub",
        "aud": "client",
        "iat": 1772366400,
        "exp": 1772366520,
        "jti": "notice",
        "sid": "sid",
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (9, 3600), (1000, 3600)],
)
def test_it_is_tried_later_and_later(attempts: int, seconds: int) -> None:
    assert next_attempt(attempts, NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("age", "given_up"),
    [
        (timedelta(), False),
        (timedelta(hours=24, microseconds=-1), False),
        (timedelta(hours=24), True),
    ],
)
def test_it_is_given_up_after_a_day(age: timedelta, given_up: bool) -> None:
    assert is_given_up(NOW, NOW + age) is given_up
