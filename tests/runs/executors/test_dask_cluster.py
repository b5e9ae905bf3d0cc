"""A Dask cluster: workers killed, schedulers lost or frozen, folders that are not shared."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
import toy_work
from dask_processes import Scheduler
from worker_processes import PROCESSES, alive, dying, gone, start_script, workers

from carnotlab.core.errors import InputError, UnfinishedError
from carnotlab.runs.executors import dask_cluster, dask_connection
from carnotlab.runs.executors.base import Failed
from carnotlab.runs.executors.dask_cluster import DaskCluster
from carnotlab.runs.executors.dask_connection import SchedulerLostError

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(not PROCESSES.is_dir(), reason="listing processes needs /proc")


@pytest.fixture
def scheduler(tmp_path_factory):
    scheduler = Scheduler(tmp_path_factory.mktemp("scheduler"))
    yield scheduler
    scheduler.end()


@pytest.fixture(scope="module")
def executor():
    with DaskCluster("local:2") as executor:
        yield executor


def check_killed_at_random(executor, folder, items, seconds, kills, mean_pause):
    with dying(workers, kills, mean_pause) as killed:
        outcomes = []
        for outcome in executor.run(toy_work.Write(folder, seconds), range(items)):
            outcomes.append(outcome)
            # Slower towards the end, so that all of the deaths fall into the run.
            if len(outcomes) > 0.9 * items and len(killed) < kills:
                time.sleep(1.0)
    assert len(killed) == kills
    assert sorted((done.index, done.value) for done in outcomes) == [
        (k, k * k) for k in range(items)
    ]
    assert toy_work.squares(folder) == {k: k * k for k in range(items)}


def test_items_survive_workers_killed_at_random(executor, tmp_path):
    check_killed_at_random(executor, tmp_path, items=60, seconds=0.02, kills=2, mean_pause=0.3)


@pytest.mark.slow
def test_items_survive_many_workers_killed_at_random(executor, tmp_path):
    check_killed_at_random(executor, tmp_path, items=400, seconds=0.1, kills=8, mean_pause=1.5)


@pytest.mark.slow
def test_an_item_that_takes_its_workers_with_it_has_failed_and_no_other(executor, tmp_path):
    work = toy_work.KillItself(tmp_path, 2, times=99)
    outcomes = {outcome.index: outcome for outcome in executor.run(work, range(6))}
    failed = outcomes.pop(2)
    assert isinstance(failed, Failed)
    assert all(word in failed.reason for word in ("3 times", "memory", "--memory"))
    assert toy_work.began(tmp_path, 2) == 3
    assert sorted(done.value for done in outcomes.values()) == [0, 1, 3, 4, 5]


def test_a_scheduler_that_is_killed_loses_nothing_finished(scheduler, tmp_path):
    scheduler.add_worker()
    work = toy_work.Write(tmp_path, 0.05)
    finished = set()
    with DaskCluster(scheduler.address) as executor:
        assert scheduler.address in executor.where
        assert "1 thread" in executor.where
        outcomes = executor.run(work, range(200))
        finished.update(next(outcomes).index for _ in range(5))
        scheduler.process.kill()
        killed = time.monotonic()
        with pytest.raises(SchedulerLostError, match="went away; what was finished is kept"):
            finished.update(outcome.index for outcome in outcomes)
        assert time.monotonic() - killed < 15
    assert time.monotonic() - killed < 25
    assert 5 <= len(finished) < 200
    assert finished <= set(toy_work.squares(tmp_path))


@pytest.mark.slow
def test_a_scheduler_that_freezes_is_given_up_in_time(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_connection, "ANSWER", 1.0)
    monkeypatch.setattr(dask_connection, "CONNECT", 3.0)
    monkeypatch.setattr(dask_cluster, "FETCH", 1.0)
    monkeypatch.setattr(dask_cluster, "ASK", 0.5)
    scheduler.add_worker()
    with DaskCluster(scheduler.address) as executor:
        outcomes = executor.run(toy_work.Write(tmp_path, 0.05), range(200))
        next(outcomes)
        scheduler.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(SchedulerLostError):
            list(outcomes)
    assert time.monotonic() - began < 15


@pytest.mark.slow
def test_a_scheduler_without_workers_is_told_in_time(scheduler, monkeypatch):
    monkeypatch.setattr(dask_connection, "FIRST_WORKER", 0.5)
    with pytest.raises(InputError, match=r"has no workers.*dask worker tcp://"):
        DaskCluster(scheduler.address)


@pytest.mark.slow
def test_a_scheduler_that_loses_its_workers_for_long_is_given_up(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cluster, "ASK", 0.2)
    monkeypatch.setattr(dask_cluster, "WITHOUT_WORKERS", 1.0)
    scheduler.add_worker()
    with DaskCluster(scheduler.address) as executor:
        outcomes = executor.run(toy_work.Write(tmp_path, 0.05), range(200))
        next(outcomes)
        for worker in scheduler.workers:
            worker.terminate()  # the nanny, which ends its worker
        with pytest.raises(UnfinishedError, match="lost all its workers"):
            list(outcomes)


@pytest.mark.slow
def test_workers_that_see_other_folders_are_told(scheduler, tmp_path):
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    cover = f'mount -t tmpfs tmpfs "{hidden}" && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", cover, "sh")
    with contextlib.suppress(OSError):
        if subprocess.run([*before, "true"], capture_output=True, check=False).returncode == 0:
            scheduler.add_worker(*before)
    if not scheduler.workers:
        pytest.skip("a worker with other folders needs root")
    with DaskCluster(scheduler.address) as executor:
        executor.require_shared_folder(tmp_path)
        with pytest.raises(InputError, match="1 of 1 workers do not see"):
            executor.require_shared_folder(hidden)
    assert not list(hidden.iterdir())


def test_what_cannot_be_sent_is_refused(executor):
    with pytest.raises(InputError, match="item 1, which cannot be sent"):
        list(executor.run(toy_work.square, [1, toy_work.Unreadable()]))
    with pytest.raises(InputError, match="item 0, which cannot be sent"):
        list(executor.run(toy_work.square, [threading.Lock()]))


PROGRAM = """
import toy_work
from carnotlab.runs.executors.dask_cluster import DaskCluster
if __name__ == "__main__":
    with DaskCluster("local:2") as executor:
        for outcome in executor.run({work}, range({items})):
            print(outcome.value, flush=True)
"""


def program(folder, work, items):
    return start_script(folder, PROGRAM.format(work=work, items=items))


@pytest.mark.slow
def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path):
    with program(tmp_path, "toy_work.print_process", 2) as parent:
        found = {int(parent.stdout.readline()) for _ in range(2)}
        assert all(map(alive, found))
        parent.kill()
        assert gone(found, 5.0)


@pytest.mark.slow
def test_deaths_and_interrupts_of_workers_say_nothing_on_the_terminal(tmp_path):
    with program(tmp_path, "toy_work.process_slowly", 20) as parent:
        parent.stdout.readline()
        both = workers(parent.pid)
        for worker in both:
            os.kill(worker, signal.SIGINT)  # which the terminal sends to them, too
        second = int(parent.stdout.readline())
        os.kill(second, signal.SIGKILL)
        rest, errors = parent.communicate(timeout=60)
    assert errors == ""
    assert len(rest.splitlines()) == 18
    assert second in both
    assert {*both} - {second} <= {*map(int, rest.split())}  # interrupted, the other one went on


def certificates(certificate, key):
    """What a client's configuration says of a certificate that is its own authority."""
    tls = "distributed.comm.tls"
    return {
        f"{tls}.ca-file": certificate, f"{tls}.client.cert": certificate, f"{tls}.client.key": key,
    }  # fmt: skip


def test_an_encrypted_scheduler_asks_for_certificates():
    with pytest.raises(InputError, match=r"tls://127.0.0.1:1' with no certificates.*ca-file"):
        DaskCluster("tls://127.0.0.1:1")


def test_certificates_that_are_not_there_are_told(tmp_path):
    with (
        dask.config.set(certificates(str(tmp_path / "none.pem"), str(tmp_path / "none.pem"))),
        pytest.raises(InputError, match=r"certificates that cannot be used \(.*No such file"),
    ):
        DaskCluster("tls://127.0.0.1:1")


CERTIFICATE = (
    "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="making a certificate needs openssl")
def test_items_on_an_encrypted_scheduler(tmp_path):
    key, certificate = (str(tmp_path / name) for name in ("key.pem", "certificate.pem"))
    command = [*CERTIFICATE, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    tls = {"ca-file": certificate}
    tls |= {who: {"cert": certificate, "key": key} for who in ("scheduler", "worker", "client")}
    # As an administrator would write it down for all of them.
    (tmp_path / "tls.json").write_text(
        json.dumps({"distributed": {"comm": {"default-scheme": "tls", "tls": tls}}})
    )
    scheduler = Scheduler(tmp_path, DASK_CONFIG=str(tmp_path / "tls.json"))
    try:
        scheduler.add_worker()
        assert scheduler.address.startswith("tls://")
        with (
            dask.config.set(certificates(certificate, key)),
            DaskCluster(scheduler.address) as executor,
        ):
            found = {each.index: each.value for each in executor.run(toy_work.square, range(20))}
        assert found == {k: k * k for k in range(20)}
        with pytest.raises(InputError, match="no certificates"):
            DaskCluster(scheduler.address)
    finally:
        scheduler.end()
