"""Ctrl-C and SIGTERM while compiled code runs: leave at once and say how to go on."""

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from carnotlab.cli.output import ExitCode

T = TypeVar("T")

WAIT = 0.1
STACK = 64 * 2**20
"""Bytes of stack for the worker: compiling recurses deeply, and not every system's default does."""


def leave_when_told(arguments: Sequence[str]) -> None:
    """On SIGINT or SIGTERM write one line that names the command to repeat, and end with code 3.

    Results appear whole or not at all, so nothing has to be tidied; waiting for compiled code to
    return could take minutes.
    """
    again = shlex.join(["carnot", *arguments])
    text = f"carnot: interrupted; whatever was finished is kept; resume with: {again}\n"
    shown = sys.stderr.isatty()

    def leave(_number: int, _frame: FrameType | None) -> None:
        # os.write rather than print: the signal may have come in the middle of a print.
        # A progress bar is wiped, and the cursor it hid is shown again.
        os.write(2, (("\r\x1b[2K\x1b[?25h" if shown else "") + text).encode(errors="replace"))
        os._exit(ExitCode.UNFINISHED)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, leave)


@contextmanager
def first_finish() -> Generator[threading.Event, None, None]:
    """Give what the first Ctrl-C sets; the second leaves at once, as it does elsewhere.

    To be called in the main thread; a program that calls the command line from another one keeps
    its own ways.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and callable(before):
            before(number, frame)
        stop.set()
        os.write(2, b"carnot: finishing what is in hand; press Ctrl-C again to leave at once\n")

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)


def in_worker(work: Callable[[], T]) -> T:
    """Carry out ``work`` in a thread of its own, and return or raise what it did.

    Python handles signals in the main thread between two of its own instructions. While that
    thread is inside compiled code there is none; while it waits in short steps there always is.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def carry_out() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # handed to the main thread, which raises it
            failure.append(error)

    before = threading.stack_size(STACK)
    thread = threading.Thread(target=carry_out, name="carnot-work", daemon=True)
    thread.start()
    threading.stack_size(before)
    while thread.is_alive():
        thread.join(WAIT)
    if failure:
        raise failure[0]
    return outcome[0]
