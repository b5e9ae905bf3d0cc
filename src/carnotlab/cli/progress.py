"""Progress on stderr: a bar in a terminal, a line now and then elsewhere."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Column
from rich.text import Text

from carnotlab.cli.progress_lines import ProgressLines

Tell: TypeAlias = Callable[[str, float], None]


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
        _TimeLeft(),
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


class _TimeLeft(ProgressColumn):
    """Time left at the mean pace so far; Rich's own needs more updates than compiled runs give."""

    def render(self, task: Task) -> Text:
        done, elapsed = task.percentage / 100.0, task.elapsed
        if done <= 0.0 or elapsed is None:
            return Text("")
        return Text(f"{timedelta(seconds=round(elapsed / done - elapsed))} left")


def _lines(study: str) -> Tell:
    lines = ProgressLines(study, "started")

    def tell(what: str, part: float) -> None:
        if lines.are_due:
            lines.write(f"{what}: {100 * part:.0f} %{lines.times(lines.left(part))}")

    return tell
