"""A connection to a Dask scheduler: opened, asked if it is still there, closed, all in time."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from carnotlab.core.errors import InputError, UnfinishedError, require
from carnotlab.runs.executors.transport import one_core
from carnotlab.runs.executors.worker_pool import refuse_to_start_while_imported

CONNECT = 8.0
"""Seconds that a scheduler has to answer at first."""

FIRST_WORKER = 60.0
"""Seconds that a scheduler has to show a worker."""

ANSWER = 30.0
"""Seconds that a scheduler has to answer later, when it may be busy."""

PORT = 8786
"""Where Dask's schedulers listen unless told otherwise."""

PRELOAD = "carnotlab.runs.executors.dask_worker"


class SchedulerLostError(UnfinishedError):
    """The scheduler went away while items were carried out."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"the scheduler at {address} went away; what was finished is kept: "
            "repeat the same command"
        )
        self.address = address

    def __reduce__(self) -> tuple[type["SchedulerLostError"], tuple[str]]:
        return type(self), (self.address,)


class DaskConnection:
    """A client of a scheduler, and the cluster where the scheduler is one of our own."""

    def __init__(self, address: str) -> None:
        self._distributed = _distributed()
        self._closing = ExitStack()
        try:
            # First, so that it ends last: a client that lost its scheduler has its say on closing.
            self._closing.enter_context(_quiet())
            self.cluster = self._own_cluster(address) if address.startswith("local:") else None
            self.client = self._closing.enter_context(self._connected(address))
            self._closing.enter_context(_quiet())
            self.address: str = self.client.scheduler.address
            self.dashboard = self._dashboard()
            self._wait_for_worker()
        except BaseException:
            self.close()
            raise

    def threads(self) -> int:
        """Return how many threads all workers have together; zero while there is no worker.

        Raises:
            SchedulerLostError: if the scheduler does not say in time.
        """
        if self.client.status != "running":
            raise SchedulerLostError(self.address)
        try:
            each = within(ANSWER, self.client.nthreads)
        except Exception as error:  # whatever keeps it from answering
            raise SchedulerLostError(self.address) from error
        return sum(each.values())

    def close(self) -> None:
        """Leave the scheduler, and end the cluster if it is our own."""
        self._closing.close()

    def _own_cluster(self, address: str) -> Any:
        count = address.removeprefix("local:")
        require(
            count.isdecimal() and int(count) >= 1,
            f"the scheduler '{address}'",
            "local:N with a whole number N of workers, at least 1",
            "use local:2, say",
        )
        refuse_to_start_while_imported()
        self._closing.enter_context(_quiet())
        settings = import_module("dask.config")
        # Set before a worker starts, and left as they are where the user has set them.
        name = "distributed.nanny.pre-spawn-environ"
        with settings.set({name: settings.get(name) | one_core()}):
            try:
                cluster = self._distributed.LocalCluster(
                    n_workers=int(count),
                    threads_per_worker=1,
                    processes=True,
                    # No limit of Dask's own: it would pause workers, or end them, at a share of it.
                    memory_limit=0,
                    dashboard_address="127.0.0.1:0",  # a free port; without bokeh it shows nothing
                    silence_logs=logging.CRITICAL,
                    preload=[PRELOAD],
                    # Deaths are told one by one; who is long in an item is not taken for dead.
                    scheduler_kwargs={"allowed_failures": 0, "worker_ttl": "30 days"},
                )
            except (OSError, RuntimeError) as error:
                raise InputError(
                    f"the scheduler '{address}', whose workers do not start ({error})",
                    "workers that the system can start, by a script that does so only when run",
                    "use fewer, and put what a script does under if __name__ == '__main__':",
                ) from error
        self._closing.callback(_close, cluster, ANSWER)
        return cluster

    @contextmanager
    def _connected(self, address: str) -> Generator[Any]:
        if self.cluster is None:
            self._require_certificates(address)
            _await_answer(address)
        try:
            client = within(
                2 * CONNECT,
                lambda: self._distributed.Client(
                    self.cluster or address, timeout=CONNECT, set_as_default=False
                ),
            )
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise _unanswered(address, error) from error
        try:
            yield client
        finally:
            _close(client, CONNECT)

    def _require_certificates(self, address: str) -> None:
        """Refuse an encrypted connection for which Dask was given no certificates.

        Dask's client would find that out too late to be closed again in silence.
        """
        if urlsplit(address).scheme != "tls":
            return
        try:
            context = self._distributed.Security().get_connection_args("client")["ssl_context"]
        except OSError as error:
            raise _uncertified(address, f"certificates that cannot be used ({error})") from error
        if context is None:
            raise _uncertified(address, "no certificates")

    def _wait_for_worker(self) -> None:
        until = time.monotonic() + FIRST_WORKER
        while not self.threads():
            require(
                time.monotonic() < until,
                f"the scheduler at {self.address}, which has no workers",
                "at least one worker",
                f"start some with 'dask worker {self.address}' and repeat the same command",
            )
            time.sleep(0.1)

    def _dashboard(self) -> str:
        """Return the address of the dashboard in words."""
        try:
            link = self.client.dashboard_link
        except KeyError:
            link = None
        if not link or not _answers(link):
            return "no dashboard (its scheduler lacks bokeh: pip install bokeh)"
        return f"dashboard {link}"


def _await_answer(address: str) -> None:
    """Wait until something accepts connections there.

    Dask's client is not made before: one that could not connect may stop the next one from starting
    when it is collected as garbage.
    """
    until = time.monotonic() + CONNECT
    while True:
        try:
            place = urlsplit(address)
            with socket.create_connection((place.hostname, place.port or PORT), timeout=CONNECT):
                return
        except ValueError as error:
            raise _unanswered(address, error) from error
        except OSError as error:
            if time.monotonic() > until:
                raise _unanswered(address, error) from error
        time.sleep(0.1)


def _uncertified(address: str, lack: str) -> InputError:
    return InputError(
        f"the scheduler '{address}' with {lack}",
        "the certificates that its scheduler and workers trust",
        "name them in Dask's configuration: distributed.comm.tls.ca-file, client.cert, client.key",
    )


def _unanswered(address: str, error: Exception) -> InputError:
    why = " ".join(str(error).split())
    return InputError(
        f"the scheduler '{address}', which does not answer ({why})",
        "a Dask scheduler that runs and can be reached",
        "start one with 'dask scheduler' and give the address that it prints",
    )


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ImportError as error:
        raise InputError(
            "a Dask scheduler without Dask being installed",
            "Dask and its distributed scheduler",
            "pip install 'carnotlab[dask]'",
        ) from error


def _answers(link: str) -> bool:
    """Return whether a dashboard is shown; without bokeh there is a page that says so."""
    try:
        with build_opener(ProxyHandler({})).open(link, timeout=2.0) as page:
            return b"Dask needs" not in page.read(1000)
    except (OSError, ValueError):
        return False


@contextmanager
def _quiet() -> Generator[None]:
    """Keep Dask's own words about lost workers and schedulers off the terminal.

    What they mean for the user is said by the executor.
    """
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    loggers = [(logger, logger.level) for logger in map(logging.getLogger, names)]
    for logger, _ in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what ``call`` returns, or raise what it raises.

    Dask bounds most of its waiting, but not where the other side accepts and then says nothing.

    Raises:
        TimeoutError: if it takes longer; it is then left to itself.
    """
    ended: list[tuple[Any, BaseException | None]] = []

    def answer() -> None:
        try:
            ended.append((call(), None))
        except BaseException as error:
            ended.append((None, error))

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise TimeoutError(f"no word within {seconds:g} s")
    value, error = ended[0]
    if error is not None:
        raise error
    return value


def _close(what: Any, seconds: float) -> None:
    """Close something of Dask's that may be half closed already."""
    with suppress(Exception):
        within(seconds, what.close)
