"""Writing to the terminal: results on stdout, everything else on stderr, exit codes."""

import io
import json
import os
import shutil
import sys
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from rich.console import Console

PIPE_WIDTH = 160
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


def as_text(record: Mapping[str, Any]) -> str:
    """Return a record as one JSON object and a line break."""
    return json.dumps(record, indent=2, allow_nan=False) + "\n"


def say(line: str) -> None:
    """Write one line to stderr, whatever line breaks the text came with."""
    print(f"carnot: {' '.join(line.split())}", file=sys.stderr, flush=True)


def show(*things: Any) -> None:
    """Write text and tables to stdout as the terminal can show them."""
    paper = _Paper()
    # None leaves it to FORCE_COLOR; NO_COLOR is respected either way.
    console = Console(
        file=paper, width=width(), force_terminal=sys.stdout.isatty() or None, highlight=False
    )
    for thing in things:
        console.print(thing)
    emit(paper.getvalue())


def width() -> int:
    """Return how many columns stdout has."""
    if sys.stdout.isatty() or "COLUMNS" in os.environ:
        return shutil.get_terminal_size().columns
    return PIPE_WIDTH


class _Paper(io.StringIO):
    """What is going to stdout, collected first so that one place deals with its failures."""

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The encoding of stdout, by which Rich chooses the lines of its tables."""
        return sys.stdout.encoding


def _silence_stdout() -> None:
    """Point stdout at nothing, so that Python's own flush at the end does not complain."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
