"""The machine, the versions, and what /proc says of processes."""

import importlib.metadata
import os
import platform
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.plan import Stopped

_NAMELESS = 5
"""So many words has a line of /proc/PID/smaps about memory that belongs to no file."""

_PACKAGES = (
    "flask",
    "authlib",
    "uvloop",
    "httptools",
    "psycopg",
    "sqlalchemy",
    "pyjwt",
    "cryptography",
)


def described(folder: Path) -> dict:
    """What the figures depend on; `folder` is where the databases are."""
    file_system = _file_system(folder)
    if file_system == "tmpfs":
        raise Stopped(f"{folder} is in memory, so nothing there is durable: set TMPDIR to a disk")
    return {
        "processor": _first(r"model name\s*: (.*)", "/proc/cpuinfo"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(_first(r"MemTotal:\s*(\d+)", "/proc/meminfo")) / 2**20, 1),
        "system": platform.platform(),
        "file_system": file_system,
        "fsync_ms": _fsync_ms(folder),
        "load_at_start": os.getloadavg()[0],
    }


def versions() -> dict:
    """Of what takes part."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    found |= {name: importlib.metadata.version(name) for name in _PACKAGES}
    found["go"] = _output("go", "env", "GOVERSION").removeprefix("go")
    found["commit"] = _output("git", "describe", "--always", "--dirty")
    return found


def memory(root: int) -> dict:
    """PSS in MiB of all processes under `root`, together.

    This process has some of the same files mapped (Python, the C library) and so takes its part of
    their pages off the service's bill: `at_most_mib` adds what is on ours for these.
    """
    pids = tree(root)
    total = sum(_pss(pid, "Pss") for pid in pids)
    theirs = {file for pid in pids for file in _files(pid)}
    own = sum(pss for file, pss in _files(os.getpid()).items() if file in theirs)
    return {
        "processes": len(pids),
        "pss_mib": round(total / 1024, 1),
        "at_most_mib": round((total + own) / 1024, 1),
    }


def tree(root: int) -> list[int]:
    """A process and all that descend from it."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):  # it ended meanwhile
                found += [int(child) for child in task.read_text().split()]
    return found


def cpu_ms(root: int) -> float:
    """CPU time so far of a process and all that descend from it, those that ended included."""
    ticks = 0
    for pid in tree(root):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def said(failed: subprocess.SubprocessError) -> str:
    """What a command that failed wrote to its standard error, and how it failed."""
    output = getattr(failed, "stderr", None) or b""
    text = output.decode() if isinstance(output, bytes) else output
    return f"{failed} {text.strip()}".strip()


def _output(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _files(pid: int) -> dict[str, int]:
    """The PSS in KiB of each file that a process has mapped."""
    found: dict[str, int] = {}
    file = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            file = words[5] if len(words) > _NAMELESS else ""
        elif words[0] == "Pss:" and file.startswith("/"):
            found[file] = found.get(file, 0) + int(words[1])
    return found


def _pss(pid: int, kind: str) -> int:
    return int(_first(rf"^{kind}:\s*(\d+) kB", f"/proc/{pid}/smaps_rollup"))


def _first(pattern: str, path: str) -> str:
    found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    return found[1].strip() if found else "unknown"


def _file_system(folder: Path) -> str:
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    under = [(place, kind) for place, kind in mounts if folder.resolve().is_relative_to(place)]
    return max(under, key=lambda mount: len(mount[0]))[1] if under else sys.platform


def _fsync_ms(folder: Path) -> float:
    """Median of a hundred: what a durable commit costs here at least."""
    times = []
    with (folder / "fsync").open("wb") as file:
        for _ in range(100):
            file.write(bytes(8192))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return round(1000 * sorted(times)[50], 3)
