"""The statement that uses a code up, for readers who all saw it unused."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.world.browser import Browser, web_app
from token_service.crypto import authorization_codes as codes
from token_service.storage import authorization_codes


@pytest.fixture
def read(world):
    """A code as two readers have read it."""
    app, person, browser = web_app(world), world.person(world.tenant()), Browser(world)
    value = browser.sign_in(app, person).code
    keys = world.parts.configuration.current().keyring.opaque_keys(world.parts.clock.now())
    presented = codes.parse(keys.locator_keys, value)
    with world.database.reading() as tx:
        return authorization_codes.read(tx, presented.account_id, presented.code_id)


def use_up(world, code, now):
    with world.database.transaction() as tx:
        return authorization_codes.use_up(tx, code, now)


def test_whoever_read_it_before_it_was_used_comes_too_late(world, read):
    now = world.parts.clock.now()
    assert [use_up(world, read, now) for _ in range(2)] == [True, False]


def test_it_applies_to_exactly_this_code_while_it_is_good(world, read):
    now = world.parts.clock.now()
    for wrong in (
        replace(read, secret_hash="x"),
        replace(read, client_id="thief"),
        replace(read, code_id="0" * 32),
        replace(read, account_id="0" * 32),
    ):
        assert not use_up(world, wrong, now)
    assert not use_up(world, read, now + timedelta(seconds=60))
    assert use_up(world, read, now + timedelta(seconds=59))
