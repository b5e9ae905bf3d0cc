"""Progress on stderr: a bar in a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

Tell: TypeAlias = Callable[[str, float], None]

EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def progress(study: str) -> Generator[Tell, None, None]:
    """Show how far one study is; call the result with what is running and the fraction done."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _lines(study)
        return
    label = TextColumn(
        "{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
    )
    bar = Progress(
        label,
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        expand=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        task = bar.add_task(study, total=1.0)
        yield lambda what, part: bar.update(
            task, completed=part, description=f"{study}: {what}".replace("[", r"\[")
        )


def _lines(study: str) -> Tell:
    began = last = time.monotonic()
    print(f"{study}: started", file=sys.stderr, flush=True)

    def tell(what: str, part: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < EVERY:
            return
        last = now
        passed = now - began
        left = f", about {passed / part - passed:.0f} s left" if part > 0.0 else ""
        print(
            f"{study}: {what}: {100 * part:.0f} %, {passed:.0f} s{left}",
            file=sys.stderr,
            flush=True,
        )

    return tell
