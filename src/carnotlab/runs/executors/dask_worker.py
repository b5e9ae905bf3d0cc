"""What runs inside a Dask worker: one item a task."""

import pickle
import threading
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from carnotlab.runs.executors.transport import received_and_attempted, reply
from carnotlab.runs.executors.worker_process import leave_interrupts_to_parent

_lock = threading.Lock()
_set_up: set[bytes] = set()


def attempt_there(setup: bytes, work: bytes, index: int, item: bytes) -> bytes:
    """Return how the attempt at an item went, in bytes."""
    with _lock:  # a worker may have several threads
        if setup not in _set_up:
            call = pickle.loads(setup)
            if call is not None:
                call()
            _set_up.add(setup)
    return reply(
        received_and_attempted(lambda: _read(work), index, item), import_module("cloudpickle").dumps
    )


_read = lru_cache(maxsize=4)(pickle.loads)


def content(file: str) -> str | None:
    """Return what this process reads in a file; None if there is no such file."""
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError:
        return None


def dask_setup(worker: Any) -> None:
    """Prepare a worker that the executor itself started; Dask calls this by name."""
    if threading.current_thread() is threading.main_thread():
        leave_interrupts_to_parent()
