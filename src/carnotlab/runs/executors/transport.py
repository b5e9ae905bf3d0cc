"""Work, items and attempts on their way to another process and back."""

import os
import pickle
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from carnotlab.core.errors import CarnotError, InputError
from carnotlab.runs.executors.attempts import Attempt, Refused, attempt, one_line

# Pickle is the language between a process and its own workers; no file is ever read with it.

Dumps = Callable[[Any], bytes]

ONE_CORE = {
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "VECLIB_MAXIMUM_THREADS",
            "NUMBA_NUM_THREADS",
            "NPROC",  # XLA's pools of threads
            "JAX_NUM_CPU_DEVICES",
        ),
        "1",
    ),
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
"""Variables with which a process keeps one core busy and not all of them."""

_environment = threading.Lock()


@dataclass(frozen=True)
class Unsendable:
    """Work, an item or a result that does not go from one process to another."""

    index: int
    what: str
    reason: str


def one_core() -> dict[str, str]:
    """Return the variables of `ONE_CORE` about which the user has not said otherwise."""
    return {name: value for name, value in ONE_CORE.items() if name not in os.environ}


@contextmanager
def one_core_each() -> Generator[None]:
    """Let processes started in the body use one core, where the user has not said otherwise."""
    with _environment:
        added = one_core()
        os.environ.update(added)
        try:
            yield
        finally:
            for name in added:
                os.environ.pop(name, None)


def pickled(what: str, value: object, dumps: Dumps = pickle.dumps) -> bytes:
    """Return ``value`` as it is sent to a worker.

    Raises:
        InputError: if it cannot be sent.
    """
    try:
        return dumps(value)
    except Exception as error:
        raise unsendable(what, one_line(error)) from error


def unsendable(what: str, reason: str) -> InputError:
    """Say that something cannot be sent to another process, and what would be."""
    return InputError(
        f"{what}, which cannot be sent to another process ({reason})",
        "functions and classes defined at the top level of a module",
        "define them there and import them, or work in one process",
    )


def received_and_attempted(
    work: Callable[[], Callable[[Any], Any]], index: int, item: bytes
) -> Attempt | Unsendable:
    """Attempt an item that came as bytes; ``work`` reads what is to be done with it."""
    what = "the work"
    try:
        call = work()
        what = f"item {index}"
        value = pickle.loads(item)
    except Exception as error:
        return Unsendable(index, what, one_line(error))
    return attempt(call, index, value)


def reply(message: Attempt | Unsendable, dumps: Dumps = pickle.dumps) -> bytes:
    """Return an attempt as it is sent back, or what keeps it from being sent."""
    if isinstance(message, Refused):
        try:
            sent = dumps(message)
            pickle.loads(sent)  # exceptions may pickle and yet not come back
        except Exception:
            return dumps(Refused(message.index, CarnotError(str(message.error))))
        return sent
    try:
        return dumps(message)
    except Exception as error:
        return dumps(Unsendable(message.index, "what the work returned", one_line(error)))
