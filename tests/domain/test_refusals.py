"""What a person reads about the end of a session, and about the device that ended it."""

from datetime import datetime

import pytest

from tests.domain.building import NOW
from token_service.domain.refusals import SENTENCES, TOLD, EndTold, Refusal
from token_service.domain.sessions import Device

UNTOLD = {
    Refusal.REPLAYED,
    Refusal.CODE_REPLAYED,
    Refusal.REVOKED,
    Refusal.ACCOUNT_DISABLED,
    Refusal.EXPIRED,
    # Of a backend that acts as somebody: why it may not any more is the account's or the tenant's.
    Refusal.IMPERSONATION_NOT_ALLOWED,
    Refusal.PRIVILEGED_ACCOUNT,
}


def test_every_end_is_told_or_is_kept_back_on_purpose():
    assert SENTENCES.keys() - TOLD == UNTOLD


def test_an_eviction_names_device_and_time():
    told = EndTold(Refusal.EVICTED, NOW, "Firefox on Linux")
    assert told.sentence == (
        "The session was ended by a sign-in on another device: "
        "Firefox on Linux, 2026-03-01 12:00 UTC."
    )


@pytest.mark.parametrize("reason", sorted(TOLD))
def test_without_a_device_the_sentence_is_the_reasons_own(reason):
    assert EndTold(reason, NOW).sentence == SENTENCES[reason]


@pytest.mark.parametrize(
    ("device", "kind"),
    [
        (Device(browser="Firefox", os="Linux"), "Firefox on Linux"),
        (Device(browser="Firefox"), "Firefox"),
        (Device(os="Windows", device="Other"), "Windows"),
        (Device(), "unknown device"),
        (Device(browser='a"b\\c\u202e\n', os=" Über "), "abc on ber"),
        (Device(browser="\u0416", os='"'), "unknown device"),
    ],
)
def test_a_kind_of_device_is_in_the_characters_of_an_oauth_error(device, kind):
    assert device.kind == kind


def test_the_time_is_told_to_the_minute_in_utc():
    last = datetime.fromisoformat("2028-02-29T23:59:59.999999+00:00")
    assert EndTold(Refusal.EVICTED, last, "x").sentence.endswith(": x, 2028-02-29 23:59 UTC.")
