"""Sign-in names: every spelling meets one key, and no kind of name can pose as another."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.domain.accounts import (
    MAX_NAME_LENGTH,
    Account,
    Membership,
    NameKind,
    normalised,
    sign_in_name,
    tenant_for,
    well_formed_id,
)

ONE, TWO, THREE = "1" * 32, "2" * 32, "3" * 32


def fullwidth(text):
    """As East Asian keyboards write ASCII."""
    return "".join(char if char == " " else chr(ord(char) + 0xFEE0) for char in text)


def of_tenants(*tenant_ids, default=None):
    memberships = tuple(
        Membership(tenant_id, number, ()) for number, tenant_id in enumerate(tenant_ids, start=1)
    )
    return Account("a" * 32, True, 1, "hash", default, memberships)


@pytest.mark.parametrize(
    ("key", "spellings"),
    [
        (
            "ann@example.test",
            [
                "ann@example.test",
                "Ann@Example.TEST",
                "  ann@example.test\n",
                "\u00a0ann@example.test\u2003",
                fullwidth("ann") + "@example.test",
                "ann" + fullwidth("@") + "example.test",
                "ann\u200b@example.test",
                "\ufeffann@example.test",
                "\u202aann@example.test\u202c",
                "an\u00adn@example.test",
            ],
        ),
        ("josé", ["josé", "JOSÉ", "jose\u0301", "JOSE\u0301"]),
        ("strasse", ["Straße", "STRASSE", "strasse", "STRAẞE"]),
        ("file", ["ﬁle", "FILE"]),
        ("ολος", ["ΟΛΟΣ", "ολοσ", "ολος"]),
        (
            "+41791234567",
            [
                "+41791234567",
                "+41 79 123 45 67",
                "+41 (79) 123-45-67",
                "+41.79.123.45.67",
                "+41/79/1234567",
                fullwidth("+41 79 123 45 67"),
                "+41\u00a079\u00a0123\u202f45\u202f67",
                "\u202a+41 79 123 45 67\u202c",
            ],
        ),
    ],
)
def test_every_spelling_meets_the_same_key(key, spellings):
    expected = unicodedata.normalize("NFKC", key.casefold())
    assert {normalised(spelling) for spelling in spellings} == {expected}


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u00a0\u2003",
        "\u200b",
        "ann\0",
        "ann\x00@example.test",
        "ann\x1b[31m",
        "ann\x7f",
        "ann\x85smith",
        "ann\r\nsmith",
        "\ud800",
        "ann\udfff",
        "ann\ufdd0",
        "ann\U0010ffff",
        "a" * (MAX_NAME_LENGTH + 1),
        "\ufdfa" * 20,
        " " * 1_000_000,
    ],
)
def test_what_can_be_no_name_has_no_key(text):
    assert normalised(text) is None
    assert all(sign_in_name(kind, text) is None for kind in NameKind)


def test_the_longest_name_still_has_a_key():
    assert normalised("a" * MAX_NAME_LENGTH) == "a" * MAX_NAME_LENGTH


@given(st.text(max_size=40))
def test_a_key_is_its_own_key_and_fits_its_column(text):
    key = normalised(text)
    if key is not None:
        assert normalised(key) == key
        assert 0 < len(key) <= MAX_NAME_LENGTH
        assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Cn"} for char in key)
        key.encode()


@given(st.text(max_size=20))
def test_case_and_composition_make_no_difference(text):
    keys = {
        normalised(unicodedata.normalize(form, spelling))
        for form in ("NFC", "NFD", "NFKC", "NFKD")
        for spelling in (text, text.casefold(), f" {text} ")
    }
    assert len(keys) == 1


EMAILS = ["ann@example.test", "a@b", "ann+tag@example.test", '"odd"@example.test', "ann@[::1]"]
USERNAMES = ["ann", "ann.smith", "a+b", "41791234567", "アン", "a" * 128, "-ann", "_", "0"]
PHONES = ["+1234567", "+41 79 123 45 67", "+123456789012345", fullwidth("+") + "41791234567"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((NameKind.EMAIL, text) for text in EMAILS),
        *((NameKind.USERNAME, text) for text in USERNAMES),
        *((NameKind.PHONE, text) for text in PHONES),
    ],
)
def test_a_name_is_of_exactly_one_kind(kind, text):
    assert [one for one in NameKind if sign_in_name(one, text)] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "@",
        "@example.test",
        "ann@",
        "ann@b@example.test",
        "ann @example.test",
        "ann@exam ple.test",
        "ann\u2028@example.test",
        "ann smith",
        "ann\u3000smith",
        "a" * 129,
        "+",
        "+ann",
        "+ann@example.test",
        "+123456",
        "+1234567890123456",
        "+0123456789",
        "+41x791234567",
        "+٤١٧٩١٢٣٤٥٦٧",
        "++41791234567",
        "+41+791234567",
    ],
)
def test_a_name_of_no_kind(text):
    assert [one for one in NameKind if sign_in_name(one, text)] == []


@given(st.text(max_size=30))
def test_no_name_is_of_two_kinds(text):
    assert sum(sign_in_name(kind, text) is not None for kind in NameKind) <= 1


def test_a_name_keeps_what_its_owner_wrote_but_for_what_nobody_sees():
    name = sign_in_name(NameKind.EMAIL, " Ann\u200b@Example.test\u202e ")
    assert name is not None
    assert (name.normalised, name.display) == ("ann@example.test", "Ann@Example.test")


@pytest.mark.parametrize(
    ("account", "requested", "tenant"),
    [
        (of_tenants(ONE), None, ONE),
        (of_tenants(ONE), ONE, ONE),
        (of_tenants(ONE), TWO, TWO),
        (of_tenants(ONE, default=TWO), None, ONE),
        (of_tenants(ONE, TWO), None, None),
        (of_tenants(ONE, TWO), TWO, TWO),
        (of_tenants(ONE, TWO, default=TWO), None, TWO),
        (of_tenants(ONE, TWO, default=TWO), ONE, ONE),
        (of_tenants(), None, None),
    ],
)
def test_the_tenant_of_a_sign_in(account, requested, tenant):
    assert tenant_for(account, requested) == tenant


def test_membership_is_looked_up_by_tenant():
    account = of_tenants(ONE, TWO)
    assert account.membership_in(TWO) == Membership(TWO, 2, ())
    assert account.membership_in(THREE) is None


def test_an_account_never_prints_its_password_hash():
    account = of_tenants(ONE)
    assert account.password_hash == "hash"
    assert "hash" not in repr(account).replace("password_hash", "")


@pytest.mark.parametrize("text", [ONE, "0123456789abcdef" * 2])
def test_an_id_is_32_lowercase_hexadecimal_characters(text):
    assert well_formed_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "1" * 31, "1" * 33, "A" * 32, "g" * 32, ONE + "\n", " " + ONE, "\u0661" * 32, "\0" * 32],
)
def test_what_is_no_id(text):
    assert not well_formed_id(text)
