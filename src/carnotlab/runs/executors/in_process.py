"""Work in this process: a thread for each of JAX's devices."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from carnotlab.core.errors import require
from carnotlab.runs.executors.attempts import Attempt, attempt
from carnotlab.runs.executors.base import Executor, Outcome, SetUp
from carnotlab.runs.executors.item_queue import ItemQueue

T = TypeVar("T")

GLANCE = 0.5
"""Seconds between looks at whether Ctrl-C was pressed, on systems where a wait does not end."""


class InProcess(Executor):
    """Items carried out in this process, one at a time on each device that JAX has.

    ``jax_num_cpu_devices`` says how many devices a processor counts as. A single worker works in
    the thread that asks for outcomes.

    >>> with InProcess(1) as executor:
    ...     [(done.index, done.value) for done in executor.run(len, ["a", "bc"])]
    [(0, 1), (1, 2)]
    """

    def __init__(self, workers: int | None = None, setup: SetUp | None = None) -> None:
        import jax

        self._devices = jax.local_devices()
        self.workers = len(self._devices) if workers is None else workers
        require(
            self.workers >= 1,
            f"{self.workers} workers",
            "at least 1",
            "leave workers out for one on each device",
        )
        self.where = f"in this process, {self.workers} at a time"
        self._setup = setup

    def run(
        self, work: Callable[[T], Any], items: Sequence[T], stop: threading.Event | None = None
    ) -> Iterator[Outcome]:
        """Yield the outcome of ``work`` for each item as it comes; see `Executor.run`.

        Threads cannot be ended from outside: an iterator closed early first finishes the items in
        hand. Ctrl-C does not wait for them.
        """
        if self._setup is not None:
            self._setup()
            self._setup = None
        stop = stop or threading.Event()
        threads = min(self.workers, len(items))
        if threads <= 1:
            return self._in_turn(work, items, stop)
        return self._in_threads(work, items, stop, threads)

    def close(self) -> None:
        """Do nothing: threads end with the iterator that started them."""

    def require_shared_folder(self, folder: Path) -> None:
        """Do nothing: there is only this process."""

    def _in_turn(
        self, work: Callable[[T], Any], items: Sequence[T], stop: threading.Event
    ) -> Iterator[Outcome]:
        queue = ItemQueue(len(items))
        while not stop.is_set() and (index := queue.next(in_hand=0)) is not None:
            outcome = queue.settle(attempt(work, index, items[index]))
            if outcome is not None:
                yield outcome
        queue.raise_refusal()

    def _in_threads(
        self, work: Callable[[T], Any], items: Sequence[T], stop: threading.Event, count: int
    ) -> Iterator[Outcome]:
        queue = ItemQueue(len(items))
        tasks: SimpleQueue[int | None] = SimpleQueue()
        attempts: SimpleQueue[Attempt] = SimpleQueue()

        def carry_out(device: Any) -> None:
            import jax

            with jax.default_device(device):
                while (index := tasks.get()) is not None:
                    attempts.put(attempt(work, index, items[index]))

        # Daemons: an item in hand does not keep a process alive that was interrupted.
        threads = [
            threading.Thread(
                target=carry_out, args=(self._devices[k % len(self._devices)],), daemon=True
            )
            for k in range(count)
        ]
        for thread in threads:
            thread.start()
        in_hand, interrupted = 0, False
        try:
            while True:
                while in_hand < count and not stop.is_set():
                    index = queue.next(in_hand)
                    if index is None:
                        break
                    tasks.put(index)
                    in_hand += 1
                if not in_hand:
                    break
                outcome = queue.settle(_next(attempts))
                in_hand -= 1
                if outcome is not None:
                    yield outcome
        except KeyboardInterrupt:
            interrupted = True
            raise
        finally:
            for _ in threads:
                tasks.put(None)
            for thread in threads:
                thread.join(0 if interrupted else None)
        queue.raise_refusal()


def _next(attempts: "SimpleQueue[Attempt]") -> Attempt:
    while True:
        try:
            return attempts.get(timeout=GLANCE)
        except Empty:
            continue
