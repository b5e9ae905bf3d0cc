"""Writing to the terminal: results on stdout, everything else on stderr, exit codes."""

import os
import sys
from enum import IntEnum
from typing import Any

from rich.console import Console

PIPE_WIDTH = 140
"""Columns of a table that goes to a file or a pipe, where nothing says how wide it may be."""


class ExitCode(IntEnum):
    """What the process says to a script."""

    AS_EXPECTED = 0
    CONTRADICTED = 1
    BAD_INPUT = 2
    UNFINISHED = 3
    FAULT = 70


class OutputError(Exception):
    """Stdout that cannot be written, such as a file on a full disk."""


def emit(text: str) -> None:
    """Write to stdout at once. A reader that went away (``| head``) is no error.

    Raises:
        OutputError: if stdout cannot be written for another reason.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
    except OSError as error:
        _silence_stdout()
        raise OutputError(
            f"stdout cannot be written ({error.strerror or error}); "
            "send it elsewhere, or free some space"
        ) from error


def say(line: str) -> None:
    """Write one line to stderr, whatever line breaks the text came with."""
    print(f"carnot: {' '.join(line.split())}", file=sys.stderr, flush=True)


def show(*things: Any) -> None:
    """Write text and tables to stdout as the terminal can show them."""
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(width=PIPE_WIDTH if wide else None, highlight=False)
    with console.capture() as written:
        for thing in things:
            console.print(thing)
    emit(written.get())


def _silence_stdout() -> None:
    """Point stdout at nothing, so that Python's own flush at the end does not complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
