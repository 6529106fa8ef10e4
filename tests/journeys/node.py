"""Node.js and what npm has locked, for scripts in `tests/journeys/javascript`."""

import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent / "javascript"
INSTALLED = Path(sys.prefix) / "javascript"
"""Beside what pip has installed: `make clean` removes both."""


def program(name: str, package: str) -> str:
    """Where a program is; what to install if it is nowhere."""
    found = shutil.which(name, path="/usr/bin:/usr/local/bin:/usr/sbin:/snap/bin") or (
        shutil.which(name)
    )
    if found is None:
        pytest.fail(f"{name} is missing; run: apt-get install {package}", pytrace=False)
    return found


def installed() -> Path:
    """The folder with the locked packages, filled once for all processes that test."""
    npm = program("npm", "npm")
    INSTALLED.mkdir(exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (SCRIPTS / "package-lock.json").read_bytes()
        stamp = INSTALLED / "installed-lock.json"
        if not stamp.exists() or stamp.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(SCRIPTS / name, INSTALLED / name)
            done = subprocess.run(
                [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                cwd=INSTALLED,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            stamp.write_bytes(wanted)
        for script in SCRIPTS.glob("*.mjs"):
            copy, text = INSTALLED / script.name, script.read_bytes()
            # Another process may be reading it: it is written only where it has changed.
            if not copy.exists() or copy.read_bytes() != text:
                copy.write_bytes(text)
    return INSTALLED


def run(script: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Run a script with a JSON object; answers the one that it prints."""
    node, folder = program("node", "nodejs"), installed()
    done = subprocess.run(
        [node, folder / script, json.dumps(given)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
