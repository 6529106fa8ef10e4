"""What a device is told when it polls, and what somebody at the pages is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from token_service.domain.authorization_requests import AuthorizationRequest
from token_service.domain.device_authorizations import (
    Approval,
    DeviceAuthorization,
    DeviceRequest,
    DeviceState,
    Poll,
    next_interval,
    poll_refusal,
)
from token_service.domain.refusals import Refusal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLL = Poll("television", "secret")
WAITS = DeviceAuthorization(
    device_id="0" * 32,
    secret_hash="secret",
    user_code_hash="user code",
    client_id="television",
    request=DeviceRequest(scope="openid", resources=("api",), tenant_id="1" * 32, city="Bern"),
    state=DeviceState.PENDING,
    interval=5,
    created_at=NOW,
    expires_at=NOW + timedelta(seconds=900),
)
APPROVED = replace(
    WAITS,
    state=DeviceState.APPROVED,
    account_id="2" * 32,
    sid="3" * 32,
    tenant_id="1" * 32,
    auth_time=NOW,
)
DENIED = replace(WAITS, state=DeviceState.DENIED)
REDEEMED = replace(APPROVED, state=DeviceState.REDEEMED)


@pytest.mark.parametrize(
    ("device", "poll", "seconds", "refusal"),
    [
        (WAITS, POLL, 0, Refusal.AUTHORIZATION_PENDING),
        (WAITS, POLL, 899.9, Refusal.AUTHORIZATION_PENDING),
        (WAITS, POLL, 900, Refusal.EXPIRED),
        (WAITS, replace(POLL, secret_hash="other"), 0, Refusal.UNKNOWN_CODE),
        (WAITS, replace(POLL, client_id="other"), 0, Refusal.FOREIGN_CLIENT),
        (APPROVED, POLL, 0, None),
        (APPROVED, POLL, 899.9, None),
        (APPROVED, POLL, 900, Refusal.EXPIRED),
        (APPROVED, replace(POLL, secret_hash="other"), 0, Refusal.UNKNOWN_CODE),
        (APPROVED, replace(POLL, client_id="other"), 0, Refusal.FOREIGN_CLIENT),
        (DENIED, POLL, 0, Refusal.DENIED),
        (DENIED, POLL, 900, Refusal.DENIED),
        (REDEEMED, POLL, 0, Refusal.CODE_SPENT),
        (REDEEMED, POLL, 900, Refusal.CODE_SPENT),
    ],
)
def test_a_poll(device, poll, seconds, refusal):
    assert poll_refusal(device, poll, NOW + timedelta(seconds=seconds)) is refusal


@pytest.mark.parametrize(
    ("interval", "seconds", "refusal", "after"),
    [
        (5, 0, Refusal.SLOW_DOWN, 10),
        (5, 4.999999, Refusal.SLOW_DOWN, 10),
        (5, 5, Refusal.AUTHORIZATION_PENDING, 5),
        (10, 5, Refusal.SLOW_DOWN, 15),
        (10, 10, Refusal.AUTHORIZATION_PENDING, 10),
    ],
)
def test_the_next_poll(interval, seconds, refusal, after):
    device = replace(WAITS, interval=interval, polled_at=NOW)
    now = NOW + timedelta(seconds=seconds)
    assert poll_refusal(device, POLL, now) is refusal
    assert next_interval(device, now) == after


def test_a_first_poll_is_never_too_soon():
    assert next_interval(WAITS, NOW) == 5


def test_only_what_waits_can_be_decided():
    assert WAITS.waits(NOW + timedelta(seconds=899))
    assert not WAITS.waits(NOW + timedelta(seconds=900))
    assert not any(one.waits(NOW) for one in (APPROVED, DENIED, REDEEMED))


def test_who_has_let_it_in():
    assert APPROVED.approval == Approval("2" * 32, "3" * 32, "1" * 32, NOW)
    assert WAITS.approval is None


def test_what_is_asked_for_is_stored_whole():
    request = WAITS.request
    assert DeviceRequest.of(request.stored()) == request


def test_the_pages_lead_back_to_no_application():
    request = WAITS.page_request
    assert (request.redirect_uri, request.device_id) == ("", WAITS.device_id)
    assert (request.scope, request.resources, request.tenant_id) == ("openid", ("api",), "1" * 32)
    assert AuthorizationRequest.of(request.stored()) == request
