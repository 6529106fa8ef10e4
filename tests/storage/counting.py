"""What a service says to its database, as the driver sees it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.world.world import World
from token_service.storage.compiled import Prepared
from token_service.storage.driver_session import Session


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    """The first words of every statement that this thread's calls run meanwhile.

    Connections must be open already: what opening one says would be counted too.
    """
    heard: list[str] = []
    if world.database.is_sqlite:
        with world.database.query() as pinned:
            connection = pinned._connection
        connection.set_trace_callback(lambda sql: heard.append(first_words(sql)))
        yield heard
        connection.set_trace_callback(None)
        return
    execute, answer, answers = psycopg.Cursor.execute, Session.answer, Session.answers

    def hearing(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        heard.append(first_words(str(query)))
        return execute(cursor, query, *arguments, **options)

    def hearing_prepared(session: Session, prepared: Prepared, values: Any) -> Any:
        heard.append(first_words(prepared.sql.decode()))
        return answer(session, prepared, values)

    def hearing_several(session: Session, prepared: Prepared, values: Any) -> Any:
        heard.extend(first_words(prepared.sql.decode()) for _ in values)
        return answers(session, prepared, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", hearing)
        patch.setattr(Session, "answer", hearing_prepared)
        patch.setattr(Session, "answers", hearing_several)
        yield heard


def first_words(sql: str) -> str:
    """`UPDATE grants` of a long statement, `SELECT` of a query."""
    words = sql.split()
    return " ".join(words[:2]) if words[0] in ("UPDATE", "INSERT", "DELETE") else words[0]
