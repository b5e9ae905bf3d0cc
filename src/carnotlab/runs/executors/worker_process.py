"""What runs inside a worker process: items come in through a pipe, attempts go out."""

import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

from carnotlab.runs.executors.attempts import Attempt, one_line
from carnotlab.runs.executors.transport import Unsendable, received_and_attempted, reply


@dataclass(frozen=True)
class Ready:
    """The worker is set up and waits for an item."""


@dataclass(frozen=True)
class SetUpFailed:
    """The worker could not be set up."""

    reason: str


Message = Attempt | Ready | SetUpFailed | Unsendable


def serve(connection: Connection, setup: bytes) -> None:
    """Attempt the items that come through ``connection`` until its other end is closed."""
    leave_interrupts_to_parent()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):  # the parent has closed its end, or is gone
        try:
            call = pickle.loads(setup)
            if call is not None:
                call()
        except Exception as error:
            connection.send(SetUpFailed(one_line(error)))
            return
        connection.send(Ready())
        work = b""
        while True:
            index, new_work, item = connection.recv()
            if new_work is not None:
                _read.cache_clear()
                work = new_work
            message = received_and_attempted(lambda work=work: _read(work), index, item)
            _flush()
            connection.send_bytes(reply(message))


_read = cache(pickle.loads)


def leave_interrupts_to_parent() -> None:
    """Ignore Ctrl-C, which the terminal sends to every process and the parent decides about."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _end_with_parent() -> None:
    """End this process when its parent is gone, even in the middle of an item."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _flush() -> None:
    """Write out what the work printed: a worker may be ended at any time."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
