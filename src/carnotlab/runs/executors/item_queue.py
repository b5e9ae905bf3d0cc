"""Which item is next, and what becomes of items that ran out of memory or lost their worker."""

from collections import Counter, deque

from carnotlab.core.errors import CarnotError
from carnotlab.runs.executors.attempts import Attempt, OutOfMemory, Refused
from carnotlab.runs.executors.base import Failed, Outcome

DEATHS = 3
"""Workers an item may lose before it has failed."""

LESS_MEMORY = "make packs smaller with --memory, or use fewer workers"


class ItemQueue:
    """Items that are not done yet, by number.

    An item that ran out of memory, or lost its worker twice (which is how the system ends a process
    when memory is short), waits until all others are done and is then tried with nothing beside it.

    >>> queue = ItemQueue(2)
    >>> queue.next(in_hand=0), queue.next(in_hand=1), queue.next(in_hand=2)
    (0, 1, None)
    >>> queue.settle(OutOfMemory(0, "MemoryError"))
    >>> queue.next(in_hand=1), queue.next(in_hand=0)
    (None, 0)
    >>> queue.settle(OutOfMemory(0, "MemoryError")).index
    0
    """

    def __init__(self, items: int) -> None:
        self._waiting = deque(range(items))
        self._last: deque[int] = deque()
        self._alone: set[int] = set()
        self._deaths: Counter[int] = Counter()
        self._refused: CarnotError | None = None

    @property
    def unfinished(self) -> bool:
        """Whether an item waits to be started."""
        return bool(self._waiting or self._last) and self._refused is None

    @property
    def waiting(self) -> int:
        """How many items may be started while others run."""
        return len(self._waiting) if self._refused is None else 0

    @property
    def only_alone(self) -> bool:
        """Whether what waits has to be tried with nothing beside it."""
        return self.unfinished and not self._waiting

    def next(self, in_hand: int) -> int | None:
        """Return the item to start now, while ``in_hand`` others run; None if none may start."""
        if not self.unfinished:
            return None
        if self._waiting:
            return self._waiting.popleft()
        if in_hand:
            return None
        index = self._last.popleft()
        self._alone.add(index)
        return index

    def settle(self, attempt: Attempt) -> Outcome | None:
        """Return the outcome that an attempt settles; None where there is none yet."""
        if isinstance(attempt, Refused):
            self._refused = self._refused or attempt.error
            return None
        if not isinstance(attempt, OutOfMemory):
            return attempt
        if attempt.index in self._alone:
            reason = f"out of memory with nothing else running ({attempt.reason}): {LESS_MEMORY}"
            return Failed(attempt.index, reason)
        self._last.append(attempt.index)
        return None

    def lost(self, index: int, how: str, deaths: int = 1) -> Failed | None:
        """Count a worker that died with an item in hand; return the item's failure at the third.

        ``how`` says how it died. Deaths that were not told one by one are counted together, and
        the item is tried alone before it has failed.
        """
        self._deaths[index] += deaths
        if self._deaths[index] >= DEATHS and index in self._alone:
            return Failed(
                index,
                f"its worker died {self._deaths[index]} times ({how}), the last time with nothing "
                f"else running; most likely memory ran out: {LESS_MEMORY}",
            )
        if self._deaths[index] >= DEATHS - 1 or index in self._alone:
            self._last.append(index)
        else:
            self._waiting.append(index)
        return None

    def raise_refusal(self) -> None:
        """Raise what the work refused with, if it did."""
        if self._refused is not None:
            raise self._refused
