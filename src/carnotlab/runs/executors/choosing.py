"""The executor that the command line asks for."""

import os

from carnotlab.core.errors import require
from carnotlab.runs.executors.base import Executor, SetUp
from carnotlab.runs.executors.transport import ONE_CORE


def executor_of(
    scheduler: str | None, jobs: int | None = None, setup: SetUp | None = None
) -> Executor:
    """Return the executor for a Dask scheduler's address, or for a number of processes.

    ``scheduler`` is ``tcp://host:port`` or ``tls://host:port`` of a running scheduler, or
    ``local:N`` for a scheduler of its own with ``N`` workers. With neither, work is done in this
    process. ``setup`` is called once in each worker.

    >>> executor_of(None, 2).where
    '2 processes'

    Raises:
        InputError: if an address or a number cannot be used, if both are given, or if no scheduler
            answers.
    """
    require_place(scheduler, jobs)
    if jobs is not None:
        from carnotlab.runs.executors.processes import LocalProcesses

        return LocalProcesses(jobs, setup)
    if scheduler is not None:
        from carnotlab.runs.executors.dask_cluster import DaskCluster

        return DaskCluster(scheduler, setup)
    from carnotlab.runs.executors.in_process import InProcess

    return InProcess(setup=setup)


def compute_as_workers() -> None:
    """Have this process compute as its workers do, before it first uses JAX.

    What it then reads back was filed under the keys that it gives itself.
    """
    os.environ.setdefault("XLA_FLAGS", ONE_CORE["XLA_FLAGS"])


def require_place(scheduler: str | None, jobs: int | None = None) -> None:
    """Raise `InputError` for a place that cannot be; nothing is started or asked.

    >>> require_place("local:2")

    Raises:
        InputError: if both are given, or the address is none.
    """
    require(
        scheduler is None or jobs is None,
        f"both a scheduler ({scheduler}) and {jobs} processes",
        "one place where work is done",
        "give --scheduler or --jobs",
    )
    require(
        scheduler is None or scheduler.startswith(("tcp://", "tls://", "local:")),
        f"the scheduler '{scheduler}'",
        "tcp://host:port, tls://host:port or local:N",
        "give the address that the scheduler printed when it started",
    )
