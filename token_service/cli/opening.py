"""How a command gets at the service: the settings, and the parts made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from token_service import settings
from token_service.cli.answers import Unready
from token_service.domain.failures import StaleConfiguration, Unavailable
from token_service.services.changes import Author
from token_service.services.configuration import Snapshot
from token_service.storage import schema

if TYPE_CHECKING:
    from flask import Flask

    from token_service.web.parts import Parts

Answer = TypeVar("Answer")

AUTHOR = Author("cli")
_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Bare:
    """A Flask application without views, and its parts."""

    app: "Flask"
    parts: "Parts"


def open_bare() -> Bare:
    """The parts on a database whose schema may be of another release."""
    # Not at the top: a worker process forks from this one, and its metrics must find the folder
    # that they share when the modules that count are loaded.
    from flask import Flask

    from token_service.app import compose

    app = Flask("token_service")
    parts = compose(app, settings.load())
    if context := click.get_current_context(silent=True):
        context.call_on_close(parts.database.close)
    return Bare(app, parts)


def open_parts() -> "Parts":
    """The parts on a database with this release's schema; raises `Unready` for an older one."""
    parts = open_bare().parts
    require_schema(parts)
    return parts


def require_schema(parts: "Parts") -> None:
    """Raises `Unready` where the database has an older schema than this release's, or none."""
    found = schema.revision(parts.database)
    if not schema.is_enough(found):
        raise Unready(
            f"the database has {f'schema {found}' if found else 'no schema'}, this release needs "
            f"{schema.SCHEMA_REVISION}: run token-service db upgrade"
        )


def with_snapshot(parts: "Parts", use: Callable[[Snapshot], Answer]) -> Answer:
    """What `use` makes of the configuration in force."""
    snapshot = parts.configuration.current()
    for _ in range(_ROUNDS):
        try:
            return use(snapshot)
        except StaleConfiguration:
            snapshot = parts.configuration.reload(snapshot)
    raise Unavailable("configuration: changes faster than it is read")
