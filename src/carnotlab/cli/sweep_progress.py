"""Progress of a sweep on stderr: counts, time left, and the best course so far."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from carnotlab.cli.progress_lines import ProgressLines
from carnotlab.runs.sweeps.carry_out import State, Tell
from carnotlab.runs.sweeps.leading import Leader, Ranking

BARS = "▁▂▃▄▅▆▇█"
COURSE = 24
"""Most characters of a course."""


@contextmanager
def sweep_progress(name: str, where: str, ranking: Ranking) -> Generator[Tell, None, None]:
    """Show how far a sweep is, and who leads; call the result whenever something is done."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _lines(name, where, ranking)
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        yield lambda state: live.update(_panel(name, where, state, ranking))


def course_of(values: Any) -> str:
    """Return a course as one line of bars, the least the lowest; what is not finite is a dot.

    >>> course_of([4.0, 2.0, 1.0, float("nan")])
    '█▃▁·'
    """
    chosen = np.asarray(values, dtype=float)
    if len(chosen) > COURSE:
        chosen = chosen[np.linspace(0, len(chosen) - 1, COURSE).round().astype(int)]
    finite = chosen[np.isfinite(chosen)]
    if not len(finite):
        return "·" * len(chosen)
    low, high = float(finite.min()), float(finite.max())
    scaled = (chosen - low) / ((high - low) or 1.0) * (len(BARS) - 1)
    return "".join(BARS[round(v)] if np.isfinite(v) else "·" for v in scaled.tolist())


def counts_of(state: State) -> str:
    """Return what is done, failed and diverged in words."""
    return (
        f"{state.done} of {state.members} members done, "
        f"{state.failed} failed, {state.diverged} diverged"
    )


def best_of(name: str, best: Leader) -> str:
    """Return the leading setting in words."""
    return f"best so far: {best.words}, {name} {best.mean:.4g} (members: {best.members})"


def _panel(name: str, where: str, state: State, ranking: Ranking) -> Group:
    grid = Table.grid(padding=(0, 1))
    share = state.done + state.failed
    left = "" if state.seconds_left is None else f"{_span(state.seconds_left)} left"
    grid.add_row(
        Text(f"{name}:"), ProgressBar(state.members, share, width=24), Text(counts_of(state)), left
    )
    rows: list[Any] = [grid, Text(where, style="dim")]
    for best in ranking.best(1):
        rows.append(Text(f"{best_of(ranking.name, best)}  {course_of(best.course)}"))
    return Group(*rows)


def _span(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _lines(name: str, where: str, ranking: Ranking) -> Tell:
    lines = ProgressLines(name, where)

    def tell(state: State) -> None:
        first, last = state.seconds_left is None, state.done + state.failed == state.members
        if not (first or last or lines.are_due):
            return
        times = "" if first else lines.times(state.seconds_left or None)
        best = "".join(
            f"; {best_of(ranking.name, each)} {course_of(each.course)}" for each in ranking.best(1)
        )
        lines.write(f"{counts_of(state)}{times}{best}")

    return tell
