"""Statements of busy transactions: written once, and prepared by PostgreSQL's server.

SQLAlchemy builds a statement, looks its text up and adapts values and rows anew for each execution,
which takes many times the processor time of one call of libpq. A statement that is kept ready has
parameters instead of values, each by its name; what goes in and comes out is the same.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import BindParameter, Column, bindparam
from sqlalchemy.sql.selectable import ExecutableReturnsRows

from token_service.storage.compiled import Compiled, Flavour, compiled
from token_service.storage.database import InTransaction, Transaction
from token_service.storage.types import Instant, optional_moment


class Ready:
    """A statement with required parameters. What it returns is named by its columns."""

    def __init__(self, statement: ExecutableReturnsRows) -> None:
        self._statement = statement

    def rows(self, tx: Transaction, parameters: Mapping[str, object]) -> Sequence[Any]:
        """Run it; () where it returns nothing."""
        if tx.dialect.name == "sqlite":
            result = tx.execute(self._statement, parameters)
            return result.all() if result.returns_rows else ()
        return [self._row(found) for found in InTransaction(tx).run(self._prepared, parameters)]

    def row(self, tx: Transaction, parameters: Mapping[str, object]) -> Any:  # noqa: ANN401 - as above
        """The one row, or None: it is looked for by its primary key."""
        found = self.rows(tx, parameters)
        return found[0] if found else None

    @cached_property
    def _prepared(self) -> Compiled:
        return compiled(self._statement, Flavour("postgresql", "asked"))

    @cached_property
    def _row(self) -> Callable[[tuple[Any, ...]], Any]:
        columns = self._statement.exported_columns
        kind = namedtuple("Row", list(map(str, columns.keys())))  # type: ignore[misc]  # found here
        times = [place for place, one in enumerate(columns) if isinstance(one.type, Instant)]

        def row(found: tuple[Any, ...]) -> Any:  # noqa: ANN401 - a row of any statement
            values = list(found)
            for place in times:
                values[place] = optional_moment(values[place])
            return kind(*values)

        return row


def given(column: Column[Any], name: str | None = None) -> BindParameter[Any]:
    """A required parameter for a value of the column, by the column's name if not by another.

    In an UPDATE by another: there SQLAlchemy takes a column's name for what is to be set.
    """
    return bindparam(name or column.name, type_=column.type, required=True)
