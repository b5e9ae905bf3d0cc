"""Progress of what an executor carries out: a line on stderr now and then."""

from collections.abc import Iterable, Iterator

from carnotlab.cli.progress_lines import ProgressLines
from carnotlab.runs.executors.base import Failed, Outcome


def told(
    outcomes: Iterable[Outcome], total: int, name: str, units: str, where: str
) -> Iterator[Outcome]:
    """Yield outcomes as they come, and say how many of ``total`` there have been."""
    lines = ProgressLines(name, where)
    failed = 0
    for count, outcome in enumerate(outcomes, start=1):
        failed += isinstance(outcome, Failed)
        if count in (1, total) or lines.are_due:
            times = lines.times(lines.left(count / total))
            lines.write(f"{count - failed} of {total} {units} done, {failed} failed{times}")
        yield outcome
