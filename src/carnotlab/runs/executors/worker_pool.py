"""Worker processes: started, listened to, replaced when they die, ended."""

import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from carnotlab.core.errors import InputError
from carnotlab.runs.executors.attempts import Attempt, one_line
from carnotlab.runs.executors.transport import Unsendable, one_core_each, unsendable
from carnotlab.runs.executors.worker_process import Ready, SetUpFailed, serve

STILLBORN = 3
"""Workers that may leave before they are ready, with none getting ready in between."""

KILLED_AT_BIRTH = 30
"""Workers that may be killed so by others, who may yet leave the next one alone."""

UNGUARDED = 87
"""Exit status of a worker whose script starts workers when it is only imported."""

GRACE = 1.0
"""Seconds that an idle worker has to leave by itself."""


@dataclass(frozen=True)
class Lost:
    """A worker died with this item in hand."""

    index: int
    how: str


@dataclass(eq=False)
class Worker:
    """One process, its pipe, and the item it has in hand."""

    process: SpawnProcess
    connection: Connection
    ready: bool = False
    job: object = None
    index: int | None = None


class WorkerPool:
    """At most ``size`` worker processes."""

    def __init__(self, size: int, setup: bytes) -> None:
        self.size = size
        self._setup = setup
        self._workers: list[Worker] = []
        self._stillborn: Counter[bool] = Counter()

    @property
    def in_hand(self) -> int:
        """How many workers have an item in hand."""
        return sum(worker.index is not None for worker in self._workers)

    @property
    def free(self) -> list[Worker]:
        """Workers that are ready and have nothing to do."""
        return [worker for worker in self._workers if worker.ready and worker.index is None]

    def fill(self, count: int) -> None:
        """Start workers until there are ``count``, or as many as the pool may have."""
        for _ in range(min(count, self.size) - len(self._workers)):
            self._workers.append(self._started())

    def give(self, worker: Worker, index: int, job: bytes, item: bytes) -> None:
        """Send an item to a free worker, and the pickled work ``job`` if it has not got it yet."""
        worker.index = index
        try:
            worker.connection.send((index, None if worker.job is job else job, item))
        except OSError:
            return  # it has just died, which `hear` will tell
        worker.job = job

    def hear(self, timeout: float) -> list[Attempt | Lost]:
        """Return what workers have to say within ``timeout`` seconds.

        Raises:
            InputError: if workers cannot start, or if something cannot be sent to or from them.
        """
        voices: list[Connection | int] = []
        for worker in self._workers:
            voices += [worker.connection, worker.process.sentinel]
        spoken = set(wait(voices, timeout))
        heard: list[Attempt | Lost] = []
        for worker in list(self._workers):
            if worker.connection in spoken or worker.process.sentinel in spoken:
                news = self._heard(worker)
                if news is not None:
                    heard.append(news)
        return heard

    def end(self) -> None:
        """End all workers: idle ones leave, busy ones are killed."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.connection.close()
            if worker.index is not None or not worker.ready:
                worker.process.kill()
        _join(worker.process for worker in workers)

    def _heard(self, worker: Worker) -> Attempt | Lost | None:
        try:
            # A last word may wait in the pipe of a worker that has died since.
            message = worker.connection.recv() if worker.connection.poll() else None
        except (EOFError, OSError):
            message = None
        except Exception as error:
            raise unsendable("what the work returned", one_line(error)) from error
        match message:
            case None:
                return self._died(worker)
            case Ready():
                worker.ready = True
                self._stillborn.clear()
                return None
            case SetUpFailed():
                raise InputError(
                    f"a worker that could not be set up ({message.reason})",
                    "workers that start",
                    "mend what the error says and repeat the same command",
                )
            case Unsendable():
                raise unsendable(message.what, message.reason)
            case _:
                worker.index = None
                return message

    def _died(self, worker: Worker) -> Lost | None:
        self._workers.remove(worker)
        worker.connection.close()
        worker.process.join(GRACE)
        if worker.process.is_alive():  # it closed its end of the pipe and still runs
            worker.process.kill()
            worker.process.join()
        status = worker.process.exitcode
        worker.process.close()
        if worker.index is not None:
            return Lost(worker.index, _in_words(status))
        if not worker.ready:
            killed = status is not None and status < 0
            self._stillborn[killed] += 1
            limit = KILLED_AT_BIRTH if killed else STILLBORN
            if status == UNGUARDED or self._stillborn[killed] > limit:
                raise _cannot_start(status)
        return None

    def _started(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        refuse_to_start_while_imported()
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, self._setup), daemon=True)
        try:
            with one_core_each(), _interrupts_held():
                process.start()
        except OSError as error:
            here.close()
            raise InputError(
                f"{self.size} worker processes ({error})",
                "processes that the system can start",
                "use fewer with --jobs",
            ) from error
        finally:
            there.close()
        return Worker(process, here)


def refuse_to_start_while_imported() -> None:
    """End a process that is itself a worker, importing a script that starts workers.

    It would start workers without end; the process that started it tells the user what to mend.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(UNGUARDED)


def _cannot_start(status: int | None) -> InputError:
    if status == UNGUARDED:
        return InputError(
            "a script that starts worker processes whenever it is imported, as each of them does",
            "a script that starts them only when it is run",
            "put what it does under if __name__ == '__main__':",
        )
    return InputError(
        f"worker processes that end before they start to work ({_in_words(status)})",
        "processes that can import what this one has imported, and memory for each",
        "see what they printed, or use fewer workers",
    )


def _in_words(status: int | None) -> str:
    """Say how a process ended."""
    if status is not None and status < 0:
        return f"killed by signal {-status}, {signal.strsignal(-status)}"
    return f"exit status {status}"


@contextmanager
def _interrupts_held() -> Generator[None]:
    """Let a process start without hearing Ctrl-C, which it ignores once it runs."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would let interrupts through when started in the body
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _join(processes: Iterable[SpawnProcess]) -> None:
    for process in processes:
        process.join(GRACE)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
