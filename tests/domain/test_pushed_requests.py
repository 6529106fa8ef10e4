"""Whose a pushed request is and until when, and how many of them anybody may push."""

from datetime import UTC, datetime, timedelta

import pytest

from token_service.domain.pushed_requests import PushedRequest, pushed_refusal
from token_service.domain.refusals import Refusal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PUSHED = PushedRequest("1b" * 16, "hash", "app", {"state": "s"}, False, NOW)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("pushed", "secret_hash", "client_id", "now", "refusal"),
    [
        (PUSHED, "hash", "app", NOW - MICROSECOND, None),
        (PUSHED, "hash", "app", NOW, Refusal.EXPIRED),
        (PUSHED, "hash", "app", NOW + timedelta(days=1), Refusal.EXPIRED),
        (PUSHED, "other", "app", NOW - MICROSECOND, Refusal.UNKNOWN_REQUEST),
        (PUSHED, "", "app", NOW - MICROSECOND, Refusal.UNKNOWN_REQUEST),
        (None, "hash", "app", NOW - MICROSECOND, Refusal.UNKNOWN_REQUEST),
        (PUSHED, "hash", "other", NOW - MICROSECOND, Refusal.FOREIGN_CLIENT),
        (PUSHED, "hash", "APP", NOW - MICROSECOND, Refusal.FOREIGN_CLIENT),
        (PUSHED, "hash", "other", NOW, Refusal.FOREIGN_CLIENT),
    ],
)
def test_a_request_is_its_clients_and_good_until_its_end(
    pushed, secret_hash, client_id, now, refusal
):
    assert pushed_refusal(pushed, secret_hash, client_id, now) is refusal


def test_neither_its_secret_nor_what_it_asks_is_shown():
    assert "hash'" not in repr(PUSHED)
    assert "state" not in repr(PUSHED)
