"""What tests of several folders share."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # modules that tests of several folders share


def pytest_configure(config: pytest.Config) -> None:
    """Let interrupts through, and compile quickly rather than well, unless slow tests run too.

    Programs here are small and each is compiled once: most of the time of the quick tests would go
    into optimizing them. With ``-m "slow or not slow"`` all run as users' programs do.
    """
    # A shell's background jobs ignore Ctrl-C, and so would the programs that tests interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if config.option.markexpr == "not slow":
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
        jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session")
def python() -> Callable[..., str]:
    """Run Python code in a fresh process and return what it prints."""
    # Its folder is on the path only from here on.
    from worker_processes import environment

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
