"""Who may import whom, as pyproject.toml says."""

import subprocess
import sys
from pathlib import Path

from tests.architecture.reading import ROOT


def test_imports_keep_the_contracts():
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
