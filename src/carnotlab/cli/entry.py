"""From arguments to an exit code: every refusal is one line on stderr."""

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from carnotlab.cli.app import app
from carnotlab.cli.interruption import leave_when_told
from carnotlab.cli.output import ExitCode, OutputError, emit, say
from carnotlab.core.errors import CarnotError, UnfinishedError

TOO_LARGE = "RESOURCE_EXHAUSTED"
"""What XLA says when a device's memory does not suffice."""


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    leave_when_told(sys.argv[1:])
    # Figures are only ever written to files, from a thread that may not open windows.
    os.environ.setdefault("MPLBACKEND", "agg")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # pyright: ignore
    code = invoke(sys.argv[1:])
    # Help is written by Typer itself, and what is left in the buffer may fail only now.
    try:
        emit("")
    except OutputError as error:
        if code == ExitCode.AS_EXPECTED:
            say(str(error))
            code = ExitCode.BAD_INPUT
    sys.exit(code)


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; signals and streams stay as they are."""
    try:
        code = app(list(arguments), prog_name="carnot", standalone_mode=False)
    except SystemExit:
        # So Rich leaves when the reader of a help text went away (``carnot --help | head -1``).
        return ExitCode.AS_EXPECTED
    except typer.TyperException as error:
        message = error.format_message().strip()
        stop = "" if message.endswith((".", "?", "!")) else "."
        say(f"{message}{stop} See `carnot --help`.")
    except UnfinishedError as error:
        say(str(error))
        return ExitCode.UNFINISHED
    except (CarnotError, OutputError) as error:
        say(str(error))
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        say(f"{error.strerror or error}{place}; mend that and repeat the same command")
    except MemoryError:
        say("out of memory; choose smaller settings or fewer seeds")
    except Exception as error:
        if TOO_LARGE not in str(error):
            traceback.print_exc()
            say(f"a fault in Carnot, not in your input: {type(error).__name__}; please report it")
            return ExitCode.FAULT
        say("out of memory on the device; choose smaller settings or fewer seeds")
    else:
        return int(code or 0)
    return ExitCode.BAD_INPUT
