"""Rows by the million: copies of a real one, made by SQL."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

_COPY = """
INSERT INTO {table} SELECT {values}
FROM (SELECT * FROM {table} WHERE {like} LIMIT 1) AS one, generate_series(%s::int, %s::int) AS n
"""


def key(prefix: str, number: str = "n") -> str:
    """The SQL of an identifier; `number` is SQL too. Four hexadecimal digits tell kinds apart.

    With `f` in front they come after all real ones, in order: indexes grow at their end, as they do
    by the identifiers that the service makes.
    """
    return f"('{prefix}' || lpad(to_hex({number}), 28, '0'))::uuid"


def identifier(prefix: str, number: int) -> str:
    """The same identifier, as the service writes it."""
    return f"{prefix}{number:028x}"


def multiply(
    connection: psycopg.Connection,
    table: str,
    numbers: range,
    like: Mapping[str, str],
    changed: Mapping[str, str],
) -> None:
    """Copy the row that is `like` these identifiers, once for each of the numbers.

    `changed` has, by column, the SQL of what is different in copy `n`.
    """
    columns = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND table_name = %s ORDER BY ordinal_position",
        [table],
    ).fetchall()
    values = [
        sql.SQL(changed[name]) if name in changed else sql.Identifier("one", name)
        for (name,) in columns
    ]
    conditions = [sql.SQL("{} = %s::uuid").format(sql.Identifier(column)) for column in like]
    copy = sql.SQL(_COPY).format(
        table=sql.Identifier(table),
        values=sql.SQL(", ").join(values),
        like=sql.SQL(" AND ").join(conditions),
    )
    connection.execute(copy, [*like.values(), numbers.start, numbers.stop - 1])
