"""`token-service dev`."""

import os
import sys

import click

from token_service import settings
from token_service.cli import db, demo_data
from token_service.cli.answers import Output, Refusing, json_option
from token_service.cli.opening import open_bare, open_parts

_LOOPBACK = "127.0.0.1"


@click.command()
@json_option
def dev(output: Output) -> None:
    """Migrate, make demo data, print what to try, and serve on this machine only."""
    from token_service.web.demo_lines import curl_lines

    configured = settings.load()
    if configured.environment == "production":
        raise Refusing("this prints secrets: not in production")
    db.upgrade_and_ensure_keys(open_bare())
    path = configured.data_folder / "demo.json"
    demo = demo_data.keep(open_parts(), path)
    lines = curl_lines(demo.as_json())
    output.show(
        {"output": str(path), "lines": [{"title": title, "line": line} for title, line in lines]},
        f"Demo data: {path}",
        *(f"\n# {title}\n{line}" for title, line in lines),
        "",
    )
    sys.stdout.flush()
    arguments = ["serve", "--host", _LOOPBACK, "--port", str(configured.server.port)]
    # A fresh process: the server carries nothing of what migrating needed.
    os.execv(sys.executable, [sys.executable, sys.argv[0], *arguments])  # noqa: S606
