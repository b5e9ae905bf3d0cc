"""Lines of progress on stderr, now and then, where there is no terminal to draw in."""

import sys
import time

EVERY = 10.0
"""Seconds between two lines."""


class ProgressLines:
    """Lines about one thing, each beginning with its name; the first is written at once."""

    def __init__(self, name: str, first: str) -> None:
        self._name = name
        self._began = time.monotonic()
        self.write(first)

    @property
    def are_due(self) -> bool:
        """Whether the last line is long enough ago for another."""
        return time.monotonic() - self._last >= EVERY

    def write(self, words: str) -> None:
        """Write a line now."""
        self._last = time.monotonic()
        print(f"{self._name}: {words}", file=sys.stderr, flush=True)

    def left(self, share: float) -> float | None:
        """Return the seconds left at the pace so far for the share that is done, None for none."""
        passed = time.monotonic() - self._began
        return passed / share - passed if share > 0.0 else None

    def times(self, left: float | None) -> str:
        """Say how many seconds have passed, and how many are left where that is known."""
        known = "" if left is None else f", about {left:.0f} s left"
        return f", {time.monotonic() - self._began:.0f} s{known}"
