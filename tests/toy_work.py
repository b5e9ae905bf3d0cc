"""Work that executors carry out in tests; workers import it, so it imports nothing heavy."""

import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from carnotlab.core.errors import CarnotError, InputError


@dataclass(frozen=True)
class Write:
    """Write the square of a number to a file of its own, and note who started on it and when."""

    folder: Path
    seconds: float = 0.0

    def __call__(self, number: int) -> int:
        (self.folder / f"{number}.{os.getpid()}.{time.time_ns()}.began").touch()
        time.sleep(self.seconds)
        temporary = self.folder / f"{number}.{os.getpid()}.part"
        temporary.write_text(str(number**2))
        temporary.replace(self.folder / f"{number}.txt")
        return number**2


def began(folder: Path, number: int) -> int:
    """Return how often an item was started."""
    return len(list(folder.glob(f"{number}.*.began")))


def squares(folder: Path) -> dict[int, int]:
    """Return what was written."""
    return {int(file.stem): int(file.read_text()) for file in folder.glob("*.txt")}


def square(number: int) -> int:
    return number**2


def nothing(number: int) -> None:
    """Return nothing, quickly."""


def process(number: int) -> int:
    return os.getpid()


def environment(names: tuple[str, ...]) -> tuple[str | None, ...]:
    return tuple(os.environ.get(name) for name in names)


def jax_devices(number: int) -> tuple[int, str]:
    import jax

    return len(jax.devices()), jax.devices()[0].platform


def print_process(number: int) -> int:
    print(os.getpid(), flush=True)
    time.sleep(60)
    return number


@dataclass(frozen=True)
class KillItself:
    """Die without a word on one item, as a process does that the system ends for its memory."""

    folder: Path
    fatal: int
    times: int

    def __call__(self, number: int) -> int:
        if number == self.fatal and began(self.folder, number) < self.times:
            (self.folder / f"{number}.{os.getpid()}.{time.time_ns()}.began").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number


@dataclass(frozen=True)
class Hungry:
    """Run out of memory on some items unless nothing else runs; on ``insatiable`` always."""

    folder: Path
    hungry: tuple[int, ...]
    insatiable: int = -1
    message: str | None = None

    def __call__(self, number: int) -> int:
        mine = self.folder / f"{os.getpid()}.{number}.running"
        mine.touch()
        try:
            time.sleep(0.05)
            beside = len(list(self.folder.glob("*.running"))) > 1
            first = not (self.folder / f"{number}.tried").exists()
            (self.folder / f"{number}.tried").touch()
            if number == self.insatiable or (number in self.hungry and (beside or first)):
                if self.message is not None:
                    raise RuntimeError(self.message)
                raise MemoryError
            return number
        finally:
            mine.unlink()


@dataclass(frozen=True)
class Refuse:
    """Refuse one item; write the others."""

    folder: Path
    refused: int

    def __call__(self, number: int) -> int:
        if number == self.refused:
            raise InputError("a full disk", "room", "free some")
        return Write(self.folder, 0.1)(number)


def raise_on_three(number: int) -> int:
    if number == 3:
        raise ValueError("three\nis too many")
    return number


def leave(number: int) -> int:
    sys.exit(number)


class SetUp:
    """A set-up that leaves a file for every process that it ran in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self) -> None:
        (self.folder / f"{os.getpid()}.{random.random()}.setup").touch()


def broken_setup() -> None:
    raise OSError("no cache")


class Unreadable:
    """An item that can be sent and not be received."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return int, ("not a number",)


def unsendable_result(number: int) -> object:
    return lambda: number


def die() -> None:
    os._exit(5)


@dataclass(frozen=True)
class Doze:
    """Sleep for as many seconds as the item says, once another process works too."""

    folder: Path

    def __call__(self, seconds: float) -> float:
        (self.folder / f"{os.getpid()}.here").touch()
        while len(list(self.folder.glob("*.here"))) < 2:
            time.sleep(0.01)
        time.sleep(seconds)
        return seconds


class OddError(CarnotError):
    """A refusal that pickles and does not come back."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"no {what} for {number}")


def refuse_oddly(number: int) -> int:
    raise OddError(number, "room")


def process_slowly(number: int) -> int:
    time.sleep(0.2)
    return os.getpid()


def limit_memory() -> None:
    """Let this process have 2 GiB more of addresses than it has now."""
    import resource

    import jax

    jax.block_until_ready(jax.numpy.zeros(1))  # what JAX takes to start is not the items'
    status = Path("/proc/self/status").read_text()
    now = int(status.partition("VmSize:")[2].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**31, now + 2**31))


@dataclass(frozen=True)
class TakeMemory:
    """Take and hold memory: 1.2 GiB on some items, 3 GiB on ``insatiable``, from NumPy or JAX."""

    taker: str
    hungry: tuple[int, ...]
    insatiable: int

    def __call__(self, number: int) -> float:
        if number not in (*self.hungry, self.insatiable):
            return float(number)
        size = int((3.0 if number == self.insatiable else 1.2) * 2**28)
        if self.taker == "jax":
            import jax

            held = jax.block_until_ready(jax.numpy.full(size, number, "float32"))
        else:
            import numpy as np

            held = np.full(size, number, "float32")
        time.sleep(0.5)
        return float(held[-1])
