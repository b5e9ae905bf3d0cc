"""Work on the workers of a Dask scheduler, on this machine or a cluster."""

import pickle
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from carnotlab.core.errors import InputError, UnfinishedError, require
from carnotlab.runs.atomic import unwritable
from carnotlab.runs.executors.attempts import one_line
from carnotlab.runs.executors.base import Executor, Outcome, SetUp
from carnotlab.runs.executors.dask_connection import (
    ANSWER,
    DaskConnection,
    SchedulerLostError,
    within,
)
from carnotlab.runs.executors.dask_worker import attempt_there, content
from carnotlab.runs.executors.item_queue import ItemQueue
from carnotlab.runs.executors.transport import Unsendable, pickled, unsendable

T = TypeVar("T")

IN_FLIGHT = 2
"""Items per thread that are sent ahead, so that no worker waits for the next one."""

GLANCE = 0.25
"""Seconds between looks at whether to stop."""

FETCH = 5.0
"""Seconds to wait for what an item returned, which may have been lost with its worker."""

ASK = 5.0
"""Seconds between questions to the scheduler, which also tell of workers that came or went."""

WITHOUT_WORKERS = 600.0
"""Seconds that a scheduler may be without workers, as when a cluster replaces its jobs."""


class DaskCluster(Executor):
    """Items carried out by the workers of a Dask scheduler.

    ``address`` is ``tcp://host:port`` or ``tls://host:port`` of a scheduler that runs, whose
    workers can import this library and see the folders that work writes to; or ``local:N``, which
    starts a scheduler and ``N`` workers of one core each on this machine and ends them on closing.

    An iterator closed early recalls items not yet started; those that run on workers of a scheduler
    of the user's are finished there.

    Raises:
        InputError: if Dask is not installed, or no scheduler answers, or it has no workers.
    """

    def __init__(self, address: str, setup: SetUp | None = None) -> None:
        self._connection = DaskConnection(address)
        self.workers = self._connection.threads()
        place = (
            f"Dask with {self.workers} workers of its own"
            if self._connection.cluster
            else f"Dask at {self._connection.address}, {self.workers} threads"
        )
        self.where = f"{place}, {self._connection.dashboard}"
        self._setup = self._pickled("the set-up of workers", setup)

    def run(
        self, work: Callable[[T], Any], items: Sequence[T], stop: threading.Event | None = None
    ) -> Iterator[Outcome]:
        """Yield the outcome of ``work`` for each item as it comes; see `Executor.run`.

        Raises:
            SchedulerLostError: if the scheduler goes away or no longer answers.
        """
        queue, job = ItemQueue(len(items)), self._pickled("the work", work)
        stop = stop or threading.Event()
        in_hand: dict[Any, int] = {}
        ready: SimpleQueue[Any] = SimpleQueue()
        asked = worked = time.monotonic()
        while True:
            while not stop.is_set() and len(in_hand) < IN_FLIGHT * max(self.workers, 1):
                index = queue.next(len(in_hand))
                if index is None:
                    break
                future = self._submitted(job, index, items[index])
                in_hand[future] = index
                future.add_done_callback(ready.put)
            if not in_hand:
                break
            for future in _arrived(ready):
                outcome = self._settled(queue, in_hand, future, ready)
                if outcome is not None:
                    yield outcome
            now = time.monotonic()
            if now - asked > ASK or self._connection.client.status != "running":
                asked = now
                self.workers = self._connection.threads()
                worked = now if self.workers else worked
                if now - worked >= WITHOUT_WORKERS:
                    raise UnfinishedError(
                        f"the scheduler at {self._connection.address} has lost all its workers; "
                        "start some and repeat the same command: what was finished is kept"
                    )
        queue.raise_refusal()

    def close(self) -> None:
        """Leave the scheduler; one of its own is ended with its workers."""
        self._connection.close()

    def require_shared_folder(self, folder: Path) -> None:
        """Raise `InputError` unless every worker reads what this process writes to ``folder``.

        Raises:
            InputError: if one does not, or if the folder cannot be written.
        """
        token = uuid.uuid4().hex
        file = folder.resolve() / f".shared-{token}"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(token, encoding="utf-8")
            ask = partial(self._connection.client.run, content, str(file), on_error="return")
            try:
                found = within(ANSWER, ask)
            except Exception as error:  # whatever keeps it from answering
                raise SchedulerLostError(self._connection.address) from error
        except OSError as error:
            raise unwritable(folder, error) from error
        finally:
            file.unlink(missing_ok=True)
        for answer in found.values():
            if isinstance(answer, BaseException):
                raise _lacking(one_line(answer))
        blind = [worker for worker, text in found.items() if text != token]
        require(
            not blind,
            f"the folder {folder}, which {len(blind)} of {len(found)} workers do not see "
            f"({', '.join(blind[:3])})",
            "a folder at the same path for this process and all workers",
            "choose one on a disk that they share with --out",
        )

    def _submitted(self, job: bytes, index: int, item: object) -> Any:
        sent = self._pickled(f"item {index}", item)
        return self._connection.client.submit(
            attempt_there,
            self._setup,
            job,
            index,
            sent,
            key=f"carnot-{uuid.uuid4().hex}",
            pure=False,
        )

    def _settled(
        self, queue: ItemQueue, in_hand: dict[Any, int], future: Any, ready: "SimpleQueue[Any]"
    ) -> Outcome | None:
        """Return the outcome that a finished future settles."""
        killed_worker = import_module("distributed").KilledWorker
        try:
            message = None
            if future.status != "pending":
                message = pickle.loads(future.result(timeout=FETCH))
        except TimeoutError:
            message = None
        except killed_worker as error:
            return queue.lost(in_hand.pop(future), "its process ended", error.allowed_failures + 1)
        except Exception as error:
            if future.status == "error":
                raise _lacking(one_line(error)) from error
            raise SchedulerLostError(self._connection.address) from error
        if message is None:
            # Its worker died once the item was done and before it told: the item is done again.
            future.add_done_callback(ready.put)
            return None
        del in_hand[future]
        if isinstance(message, Unsendable):
            raise unsendable(message.what, message.reason)
        return queue.settle(message)

    def _pickled(self, what: str, value: object) -> bytes:
        return pickled(what, value, import_module("cloudpickle").dumps)


def _lacking(reason: str) -> InputError:
    return InputError(
        f"workers that cannot carry out an item ({reason})",
        "workers with the same version of carnotlab and what it needs",
        "install it where they run, restart them and repeat the same command",
    )


def _arrived(ready: "SimpleQueue[Any]") -> list[Any]:
    """Return the futures that are done, waiting a little for the first."""
    try:
        arrived = [ready.get(timeout=GLANCE)]
    except Empty:
        return []
    while not ready.empty():
        arrived.append(ready.get())
    return arrived
