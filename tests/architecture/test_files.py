"""Files that can be read: each says what it is, keeps to a size, and has a name of its own."""

import ast
import re

import pytest

from tests.architecture.reading import PACKAGE, SOURCES, name_of, tree_of

LONGEST = 400
LONGER = {
    "settings.py": "a table: one line for each setting",
    "web/errors.py": "the one table of refusals: what each means at each stage, and its words",
    "storage/tables.py": "the schema: one line for each column, and what the columns mean",
}
"""Files that may be longer, and why."""

SAYS_NOTHING = {"utils", "helpers", "common", "base", "misc", "manager", "managers", "shared"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_module_opens_with_what_it_is(path):
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("__init__.py")), ids=name_of)
def test_a_package_holds_no_code_of_its_own(path):
    (statement,) = tree_of(path).body
    assert isinstance(statement, ast.Expr)


def test_no_file_is_longer_than_one_sitting():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name for name, length in lengths.items() if length > LONGEST} <= LONGER.keys()


def test_every_exception_is_still_needed():
    for name in LONGER:
        assert len((PACKAGE / name).read_text().splitlines()) > LONGEST


def test_no_file_is_named_after_nothing():
    assert [name_of(path) for path in SOURCES if path.stem in SAYS_NOTHING] == []


def locked(name):
    """Each package of a lock file with its version and hashes."""
    text = re.sub(r"^ *#.*\n", "", (PACKAGE.parent / name).read_text(), flags=re.MULTILINE)
    return {" ".join(sorted(one.split())) for one in re.split(r"\n(?=\S)", text.strip())}


def test_what_operators_install_is_what_is_tested():
    """At the same versions, and without the tools of developers."""
    run, all_of_it = locked("requirements-run.lock"), locked("requirements.lock")
    assert run < all_of_it
    assert not any(re.search(r"\b(pytest|mypy|ruff|rich)==", one) for one in run)
