"""Work in processes of this machine, which may die without harm to the others."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from carnotlab.core.errors import require
from carnotlab.runs.executors.base import Executor, Outcome, SetUp
from carnotlab.runs.executors.item_queue import ItemQueue
from carnotlab.runs.executors.transport import pickled
from carnotlab.runs.executors.worker_pool import Lost, WorkerPool

T = TypeVar("T")

GLANCE = 0.25
"""Seconds between looks at whether to stop."""


class LocalProcesses(Executor):
    """Items carried out by ``workers`` processes of this machine, one core each.

    A process starts Python anew, so work and items are functions and classes at the top level of
    modules. Variables such as ``OMP_NUM_THREADS`` and ``XLA_FLAGS`` that the user has set are left
    as they are; else each process uses one core and is one JAX device. Processes stay between runs,
    with what they have compiled, until the executor is closed, and end when this process does.

    >>> with LocalProcesses(1) as executor:
    ...     [(done.index, done.value) for done in executor.run(len, ["a", "bc"])]
    [(0, 1), (1, 2)]
    """

    def __init__(self, workers: int, setup: SetUp | None = None) -> None:
        require(
            workers >= 1,
            f"{workers} processes",
            "at least 1",
            "use about as many as there are cores",
        )
        self.workers = workers
        self.where = "1 process" if workers == 1 else f"{workers} processes"
        self._pool = WorkerPool(workers, pickled("the set-up of workers", setup))
        self._running = False

    def run(
        self, work: Callable[[T], Any], items: Sequence[T], stop: threading.Event | None = None
    ) -> Iterator[Outcome]:
        """Yield the outcome of ``work`` for each item as it comes; see `Executor.run`."""
        require(
            not self._running,
            "an executor that carries out items already",
            "one run at a time",
            "finish or close the first iterator, or make another executor",
        )
        self._running = True
        finished = False
        try:
            yield from self._outcomes(work, items, stop or threading.Event())
            finished = True
        finally:
            self._running = False
            if not finished:
                self._pool.end()

    def close(self) -> None:
        """End the processes at once; items in hand are lost."""
        self._pool.end()

    def require_shared_folder(self, folder: Path) -> None:
        """Do nothing: processes of one machine see the same folders."""

    def _outcomes(
        self, work: Callable[[T], Any], items: Sequence[T], stop: threading.Event
    ) -> Iterator[Outcome]:
        queue, pool, job = ItemQueue(len(items)), self._pool, pickled("the work", work)
        alone = False
        while True:
            if queue.unfinished and not stop.is_set():
                if queue.only_alone and not pool.in_hand and not alone:
                    # All memory to the item: other workers hold what they have compiled.
                    pool.end()
                    alone = True
                pool.fill(1 if queue.only_alone else pool.in_hand + queue.waiting)
                for worker in pool.free:
                    index = queue.next(pool.in_hand)
                    if index is None:
                        break
                    pool.give(worker, index, job, pickled(f"item {index}", items[index]))
            elif not pool.in_hand:
                break
            for news in pool.hear(GLANCE):
                lost = isinstance(news, Lost)
                outcome = queue.lost(news.index, news.how) if lost else queue.settle(news)
                if outcome is not None:
                    yield outcome
        queue.raise_refusal()
