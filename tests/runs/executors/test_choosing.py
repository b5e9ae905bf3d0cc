"""Executors by the words of the command line."""

import socket

import pytest

from carnotlab.core.errors import InputError
from carnotlab.runs.executors import dask_connection
from carnotlab.runs.executors.choosing import executor_of
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.executors.processes import LocalProcesses


def test_nothing_said_is_this_process_and_jobs_are_processes():
    assert isinstance(executor_of(None), InProcess)
    with executor_of(None, 3) as executor:
        assert isinstance(executor, LocalProcesses)
        assert executor.workers == 3
        assert executor.where == "3 processes"


@pytest.mark.parametrize(
    ("scheduler", "jobs", "said"),
    [
        ("tcp://a:1", 2, "--scheduler or --jobs"),
        ("http://a:1", None, "tcp://host:port"),
        ("", None, "tcp://host:port"),
        ("local", None, "local:N"),
        (None, 0, "at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(scheduler, jobs, said):
    with pytest.raises(InputError, match=said):
        executor_of(scheduler, jobs)


@pytest.mark.parametrize("count", ["0", "-1", "two", "", "1.5"])
def test_a_scheduler_of_its_own_needs_a_number_of_workers(count):
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match="local:N with a whole number"):
        executor_of(f"local:{count}")


def test_a_scheduler_that_does_not_answer_is_told_in_time(monkeypatch):
    pytest.importorskip("distributed")
    assert dask_connection.CONNECT <= 10
    monkeypatch.setattr(dask_connection, "CONNECT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for place in (
            "127.0.0.1:9",
            "127.0.0.1:nine",
            f"127.0.0.1:{port}",
            "no-such-host.invalid:1",
        ):
            with pytest.raises(InputError, match="does not answer") as error:
                executor_of(f"tcp://{place}")
            assert "\n" not in str(error.value)


def test_without_dask_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(dask_connection, "import_module", missing)
    with pytest.raises(InputError, match=r"pip install 'carnotlab\[dask\]'"):
        executor_of("local:2")
