"""Names of tenants and clients: what people can read on one line; and domains of tenants."""

import pytest

from token_service.domain.tenants import domain_in, well_formed_name


@pytest.mark.parametrize("name", ["A", "Acme, Inc.", "Ünïcode 東京", "a" * 200])
def test_a_name_is_printable(name):
    assert well_formed_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", " Acme", "Acme ", "a" * 201, "a\nb", "a\0", "a\u202eb", "a\u200bb", "\ud800"]
)
def test_what_is_no_name(name):
    assert not well_formed_name(name)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("example.org", "example.org"),
        ("Mail.Example.ORG", "mail.example.org"),
        ("xn--nrd-sna.example", "xn--nrd-sna.example"),
        ("1.2", "1.2"),
        (f"{'a' * 63}.org", f"{'a' * 63}.org"),
        (f"{'a' * 64}.org", None),
        (f"{'a.' * 126}a", f"{'a.' * 126}a"),
        (f"{'a.' * 126}ab", None),
        *((wrong, None) for wrong in ("", "org", ".org", "a..b", "a.b.", "-a.b", "a-.b", "a b.c")),
        *((wrong, None) for wrong in ("nörd.example", "\u212aiosk.example", "a.b\n", "me@a.b")),
    ],
)
def test_a_domain_has_one_spelling(text, domain):
    assert domain_in(text) == domain
