"""What tests of several folders share."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment with the library's source on the path."""
    path = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **changes}


@pytest.fixture(scope="session")
def python() -> Callable[..., str]:
    """Run Python code in a fresh process and return what it prints."""

    def run(code: str, **changes: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            env=environment(**changes),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
