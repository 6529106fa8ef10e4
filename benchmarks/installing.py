"""The service and its peers are installed once, into the user's cache, from what is locked here."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

from benchmarks.plan import Stopped

PROGRAMS = Path(__file__).parent / "peers" / "programs"
ROOT = Path(__file__).parents[1]
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "token-service-benchmark")
_SECONDS = 600


def installed(name: str, lock: str, install: Callable[[Path], None]) -> Path:
    """The folder that `install` once filled for this text of the lock."""
    digest = hashlib.sha256(f"{sys.version}{lock}".encode()).hexdigest()[:16]
    folder = _CACHE / f"{name}-{digest}"
    complete = folder / ".complete"
    if not complete.exists():
        print(f"installing {name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            install(folder)
        except FileNotFoundError as missing:
            raise Stopped(f"{name} cannot be installed: there is no {missing.filename}") from None
        except Stopped as failed:
            raise Stopped(f"{name} cannot be installed: {failed}") from None
        complete.touch()
    return folder


def from_npm(name: str) -> Path:
    """All of the program's folder, with its `node_modules`."""
    program = PROGRAMS / name
    lock = (program / "package-lock.json").read_text()

    def install(folder: Path) -> None:
        for one in ("package.json", "package-lock.json"):
            shutil.copy(program / one, folder)
        run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)

    return installed(name, lock, install)


def from_pypi(name: str) -> Path:
    """The Python of an environment that holds the program's requirements and nothing else."""
    return _environment(name, PROGRAMS / name / "requirements.lock")


def service() -> Path:
    """The same for the service: an operator has no tools of developers, some of which libraries
    take up where they find them."""
    return _environment("token-service", ROOT / "requirements-run.lock")


def _environment(name: str, requirements: Path) -> Path:
    def install(folder: Path) -> None:
        venv.create(folder, with_pip=False)
        python = folder / "bin/python"
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        run([*pip, "--only-binary", ":all:", "--require-hashes", "-r", requirements], folder)

    return installed(name, requirements.read_text(), install) / "bin/python"


def run(command: list[str | Path], folder: Path, environ: dict[str, str] | None = None) -> None:
    """One step, in bounded time; stops with the end of what it said where it fails."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    if done.returncode:
        said = " / ".join(done.stdout.strip().splitlines()[-4:])
        raise Stopped(f"{' '.join(map(str, command))} failed ({done.returncode}): {said}")
