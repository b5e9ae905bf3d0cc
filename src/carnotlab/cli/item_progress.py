"""Progress of what an executor carries out: a line on stderr now and then."""

import sys
import time
from collections.abc import Iterable, Iterator

from carnotlab.runs.executors.base import Failed, Outcome

EVERY = 10.0
"""Seconds between two lines."""


def told(
    outcomes: Iterable[Outcome], total: int, name: str, units: str, where: str
) -> Iterator[Outcome]:
    """Yield outcomes as they come, and say how many of ``total`` there have been."""
    began = last = time.monotonic()
    print(f"{name}: {where}", file=sys.stderr, flush=True)
    failed = 0
    for count, outcome in enumerate(outcomes, start=1):
        failed += isinstance(outcome, Failed)
        now = time.monotonic()
        if count == 1 or now - last >= EVERY or count == total:
            last = now
            passed = now - began
            print(
                f"{name}: {count - failed} of {total} {units} done, {failed} failed, "
                f"{passed:.0f} s, about {passed * (total / count - 1):.0f} s left",
                file=sys.stderr,
                flush=True,
            )
        yield outcome
