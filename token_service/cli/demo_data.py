"""`token-service demo-data`."""

import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from token_service.cli.answers import Output, json_option, refuse
from token_service.cli.opening import AUTHOR, open_parts
from token_service.services import demonstration
from token_service.services.demonstration import Demo

if TYPE_CHECKING:
    from token_service.web.parts import Parts


@click.command("demo-data")
@click.option(
    "--output",
    "path",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file for the ids and secrets; only you can read it.",
)
@json_option
def demo_data(path: Path, output: Output) -> None:
    """Make demo tenants, accounts and clients with random secrets.

    Where the file and the database belong together already, both stay as they are.
    """
    keep(open_parts(), path)
    output.show({"output": str(path)}, f"demo data: {path}")


def keep(parts: "Parts", path: Path) -> Demo:
    """The demo data in the file; made, stored and written where they are not there yet."""
    known = _read(path)
    database, clock, gate, issuer = (
        parts.database,
        parts.clock,
        parts.gate,
        parts.settings.issuer,
    )
    if known is not None and demonstration.is_stored(database, clock, gate, known):
        demo = replace(known, issuer=issuer)
        path.chmod(0o600)
    else:
        demo = demonstration.make(database, clock, gate, issuer, AUTHOR)
    if demo != known:
        _write(path, demo)
    return demo


def _read(path: Path) -> Demo | None:
    """What the file holds; None where there is nothing in it. Never overwrites anything else."""
    try:
        content = path.read_text(encoding="utf-8")
        return Demo.of_json(json.loads(content)) if content.strip() else None
    except FileNotFoundError:
        return None
    except OSError as error:
        refuse(f"{path}: cannot be read: {error.strerror}")
    except ValueError:
        refuse(f"{path}: holds something else than demo data; remove it or name another file")


def _write(path: Path, demo: Demo) -> None:
    """Puts a complete file in place; at no moment can anybody else read it."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(demo.as_json(), file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        refuse(f"{path}: cannot be written: {error.strerror}")
