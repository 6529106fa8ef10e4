"""A browser is known to one account, under one epoch, until a time."""

from dataclasses import replace

import pytest

from tests.domain.building import MOMENT, NOW
from token_service.domain.accounts import Account
from token_service.domain.known_browsers import KnownBrowser

ACCOUNT = Account("a" * 32, True, 4, "hash", None, ())
BROWSER = KnownBrowser("a" * 32, "d" * 32, 4, NOW)


def test_it_is_known_to_its_account_until_the_end():
    assert BROWSER.is_known_to(ACCOUNT, NOW - MOMENT)
    assert not BROWSER.is_known_to(ACCOUNT, NOW)


@pytest.mark.parametrize("account_id", ["b" * 32, ""])
def test_to_no_other(account_id):
    assert not BROWSER.is_known_to(replace(ACCOUNT, account_id=account_id), NOW - MOMENT)


@pytest.mark.parametrize("epoch", [3, 5])
def test_and_under_no_other_epoch(epoch):
    """A higher one in the cookie than in the row: the database was restored from a backup."""
    assert not BROWSER.is_known_to(replace(ACCOUNT, epoch=epoch), NOW - MOMENT)
