"""The source as these tests read it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "token_service"
SOURCES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """A file as the documentation calls it: `storage/grants.py`."""
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def members_named(node: ast.AST, enum: str) -> Iterator[str]:
    """The members of an enum that a piece of source names: `Refusal.REVOKED` is `REVOKED`."""
    for one in ast.walk(node):
        if (
            isinstance(one, ast.Attribute)
            and isinstance(one.value, ast.Name)
            and one.value.id == enum
            and one.attr.isupper()
        ):
            yield one.attr
