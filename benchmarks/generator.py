"""The load generator in `load/`, built with Go and run as a process of its own."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.plan import Stopped

_SOURCE = Path(__file__).with_name("load")


@dataclass(frozen=True)
class Generator:
    """A built generator."""

    executable: Path

    @classmethod
    def built(cls, folder: Path) -> "Generator":
        """Build it; it needs nothing but Go itself."""
        if shutil.which("go") is None:
            raise Stopped("Go is missing (the load generator is written in it): https://go.dev/dl/")
        print("building the load generator", flush=True)
        executable = folder / "load"
        done = subprocess.run(
            ["go", "build", "-o", executable, "."],
            cwd=_SOURCE,
            env={**os.environ, "GOPROXY": "off", "GOFLAGS": "-buildvcs=false"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Stopped(f"the load generator does not build: {done.stderr.strip()}")
        return cls(executable)

    def run(self, mode: str, url: str, **options: object) -> dict:
        """Run one mode; `max_seconds=5` becomes `-max-seconds 5`. Its line of JSON."""
        command = [str(self.executable), "-mode", mode, "-url", url]
        for name, value in options.items():
            command += [f"-{name.replace('_', '-')}", str(value)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Stopped(done.stderr.strip() or f"the load generator ended with {done.returncode}")
        return json.loads(done.stdout)
