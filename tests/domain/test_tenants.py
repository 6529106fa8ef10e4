"""Names of tenants and clients: what people can read on one line."""

import pytest

from token_service.domain.tenants import well_formed_name


@pytest.mark.parametrize("name", ["A", "Acme, Inc.", "Ünïcode 東京", "a" * 200])
def test_a_name_is_printable(name):
    assert well_formed_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", " Acme", "Acme ", "a" * 201, "a\nb", "a\0", "a\u202eb", "a\u200bb", "\ud800"]
)
def test_what_is_no_name(name):
    assert not well_formed_name(name)
