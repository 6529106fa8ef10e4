"""Each end of a session has one name and one sentence that its owner can read."""

import ast

import pytest

from tests.architecture.reading import PACKAGE, SOURCES, members_named, tree_of
from token_service.domain.refusals import SENTENCES, Refusal

ENDINGS = {"Cause", "Raised"}
"""What is made of a reason where something ends: `Cause(Refusal.REVOKED, ...)`."""


def called(node):
    return node.func.id if isinstance(node.func, ast.Name) else None


def causes_of_ends():
    """Every reason that some source file ends a session or a grant with."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and node.args and called(node) in ENDINGS:
                found |= set(members_named(node.args[0], "Refusal"))
    for name in ("domain/sessions.py", "services/endings.py"):
        found |= set(members_named(tree_of(PACKAGE / name), "Refusal"))
    return found


def test_the_reasons_of_ends_are_found_where_they_are_written():
    assert {"IDLE_TIMEOUT", "REPLAYED", "SIGNED_OUT", "PASSWORD_RESET"} <= causes_of_ends()


def test_every_end_of_a_session_has_a_sentence():
    assert {Refusal[name] for name in causes_of_ends()} <= SENTENCES.keys()


@pytest.mark.parametrize(("reason", "sentence"), SENTENCES.items())
def test_a_sentence_is_one_and_tells_no_internal_name(reason, sentence):
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "_" not in sentence


def test_no_two_ends_read_alike():
    assert len(set(SENTENCES.values())) == len(SENTENCES)
