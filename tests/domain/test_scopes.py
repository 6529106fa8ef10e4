"""Scopes: their syntax, their one spelling, and that a refresh never widens them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_service.domain.scopes import canonical, names, narrowed, well_formed

NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'))
NAME_SETS = st.frozensets(NAMES.filter(bool), max_size=6)


@pytest.mark.parametrize(
    "scope",
    [
        "a",
        "a b",
        "b a",
        "a a",
        "read:x",
        "https://x.test/a",
        "!",
        "~",
        "a" * 128,
        " ".join("a" * 64),
    ],
)
def test_well_formed(scope):
    assert well_formed(scope)


@pytest.mark.parametrize(
    "scope",
    [
        "",
        " ",
        " a",
        "a ",
        "a  b",
        "a\tb",
        "a\nb",
        "a\n",
        'a"',
        "a\\",
        "a\0",
        "a\x7f",
        "é",
        "a\u00a0b",
        "\ud800",
        "a" * 129,
        " ".join("a" * 65),
    ],
)
def test_malformed(scope):
    assert not well_formed(scope)


@pytest.mark.parametrize(
    ("requested", "granted", "allowed", "expected"),
    [
        (None, "a b", {"a", "b", "c"}, "a b"),
        (None, "b a", {"a", "b"}, "a b"),
        (None, "a b", {"b"}, "b"),
        (None, "a b", set(), ""),
        (None, "", {"a"}, ""),
        ("a", "a b", {"a", "b"}, "a"),
        ("b a", "a b", {"a", "b"}, "a b"),
        ("a a", "a b", {"a", "b"}, "a"),
        ("a b", "a b", {"a", "b"}, "a b"),
        ("c", "a b", {"a", "b", "c"}, None),
        ("a c", "a b", {"a", "b", "c"}, None),
        ("b", "a b", {"a"}, None),
        ("A", "a b", {"a", "b"}, None),
        ("", "a b", {"a", "b"}, None),
        ("a  b", "a b", {"a", "b"}, None),
        ("a\n", "a b", {"a", "b"}, None),
    ],
)
def test_a_refresh_narrows_and_never_widens(requested, granted, allowed, expected):
    assert narrowed(requested, granted, frozenset(allowed)) == expected


@given(NAME_SETS | st.none(), NAME_SETS, NAME_SETS)
def test_what_is_given_was_granted_and_is_still_allowed(requested, granted, allowed):
    request = None if requested is None else canonical(requested)
    given_scope = narrowed(request, canonical(granted), allowed)
    if given_scope is not None:
        assert names(given_scope) <= granted & allowed
        assert given_scope == canonical(names(given_scope))


@given(NAME_SETS.filter(bool))
def test_the_canonical_spelling_is_well_formed_and_means_the_same(members):
    assert well_formed(canonical(members))
    assert names(canonical(members)) == members
