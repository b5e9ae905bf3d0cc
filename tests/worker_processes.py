"""Processes below a process: which there are, whether they still run, and random deaths."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

TESTS = Path(__file__).parent
PROCESSES = Path("/proc")


def workers(parent: int | None = None) -> list[int]:
    """Return the running children of a process (this one) that were spawned to work."""
    found = []
    for status in PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError):
            state, above = status.read_text().rpartition(")")[2].split()[:2]
            command = (status.parent / "cmdline").read_text()
            ours = int(above) == (parent or os.getpid()) and "spawn_main" in command
            if ours and state != "Z":
                found.append(int(status.parent.name))
    return found


def alive(process: int) -> bool:
    try:
        return (PROCESSES / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(processes: Iterable[int], seconds: float = 10.0) -> bool:
    """Wait until none of the processes runs; return whether it came to that in time."""
    processes, until = list(processes), time.monotonic() + seconds
    while any(map(alive, processes)):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def dying(victims: Callable[[], list[int]], times: int, mean_pause: float):
    """Kill a random one of ``victims`` every so often while the body runs; list who was killed."""
    chance, over, killed = random.Random(0), threading.Event(), []

    def go_on():
        while len(killed) < times and not over.wait(chance.expovariate(1 / mean_pause)):
            if found := victims():
                victim = chance.choice(found)
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)

    killer = threading.Thread(target=go_on)
    killer.start()
    try:
        yield killed
    finally:
        over.set()
        killer.join()


def environment(**changes: str) -> dict[str, str]:
    """Return this process's environment, for others that import the library and the tests' work."""
    before = filter(None, [os.environ.get("PYTHONPATH")])
    path = os.pathsep.join([str(TESTS.parent / "src"), str(TESTS), *before])
    return {**os.environ, "PYTHONPATH": path, **changes}


def start_python(*arguments: str, **options) -> "subprocess.Popen[str]":
    """Start Python with the library and the tests' modules at hand; what it writes is kept."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        **options,
    )


def start_script(folder: Path, text: str) -> "subprocess.Popen[str]":
    """Start a script in a session of its own, as from another terminal."""
    script = folder / "script.py"
    script.write_text(text)
    return start_python(str(script), start_new_session=True)
