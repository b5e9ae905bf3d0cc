"""Sweeps on Dask: workers killed at random, the scheduler killed and the command repeated."""

import time
from contextlib import contextmanager

import numpy as np
import pytest
from dask_processes import Scheduler
from sweep_commands import start_sweep, stored_chunks, succeeds, sweep_words, wait_for_packs
from sweep_toys import experiment, slow_down
from worker_processes import PROCESSES, dying, workers

import carnotlab as carnot
from carnotlab.runs.executors.dask_cluster import DaskCluster
from carnotlab.runs.sweeps import packs

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROCESSES.is_dir(), reason="listing processes needs /proc"),
]

ONE_CORE = {
    "OMP_NUM_THREADS": "1",
    "JAX_NUM_CPU_DEVICES": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


@contextmanager
def scheduler(folder, cache):
    """Give a scheduler with two workers while the body runs."""
    folder.mkdir()
    started = Scheduler(folder, CARNOT_CACHE=cache, **ONE_CORE)
    try:
        for _ in range(2):
            started.add_worker()
        yield started
    finally:
        started.end()


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """A sweep of 400 members in packs of a second, undisturbed: how to start it, its bytes."""
    folder = tmp_path_factory.mktemp("command")
    words, cache = sweep_words(folder, steps=7000), str(folder / "cache")

    def start(out, *more):
        return start_sweep(words, out, *more, cache=cache)

    succeeds(start(folder / "whole", "--jobs", "2"))
    return start, stored_chunks(folder / "whole"), cache


def test_the_scheduler_killed_and_the_command_repeated(command, tmp_path):
    start, expected, cache = command
    out = tmp_path / "out"
    with scheduler(tmp_path / "first", cache) as first:
        process = start(out, "--scheduler", first.address)
        wait_for_packs(out, 3, process)
        first.process.kill()
        killed = time.monotonic()
        shown, err = process.communicate(timeout=90)
        assert time.monotonic() - killed < 60
    assert process.returncode == 3
    assert shown == ""
    assert "Traceback" not in err, err
    told = [line for line in err.splitlines() if line.startswith("carnot: ")]
    assert told == [
        f"carnot: the scheduler at {first.address} went away; what was finished is kept: "
        "repeat the same command"
    ]
    kept = {file: file.stat().st_mtime_ns for file in out.rglob("finished/c/*")}
    assert 3 <= len(kept) < len([place for place in expected if "finished/c/" in place])
    with scheduler(tmp_path / "second", cache) as second:
        shown = succeeds(start(out, "--scheduler", second.address))
    assert "400 of 400 members done" in shown
    assert stored_chunks(out) == expected
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in kept.items())


def test_workers_killed_at_random(tmp_path, monkeypatch):
    """Eight SIGKILLs while 400 members are trained by two workers."""
    monkeypatch.setattr(packs, "SECONDS", 1e-6)
    settings = carnot.grid(lr=np.linspace(0.01, 0.2, 20).tolist())
    sweep = carnot.sweep_over(experiment, settings, seeds=20)
    undisturbed = carnot.run_sweep(sweep, tmp_path / "undisturbed")
    seen = []

    def tell(state):
        seen.append(state)
        # Slower towards the end, so that all of the deaths fall into the run.
        if state.done > 300 and len(killed) < 8:
            time.sleep(2.0)

    out = tmp_path / "out"
    with (
        DaskCluster("local:2", slow_down) as executor,
        dying(workers, 8, 2.0) as killed,
    ):
        disturbed = carnot.run_sweep(sweep, out, executor=executor, tell=tell)
    assert len(killed) == 8
    # A pack that lost three workers has failed, which is said; the next run does it.
    assert disturbed.tally.done + seen[-1].failed == 400
    result = carnot.run_sweep(sweep, out)
    assert result.tally.failures == {}
    assert result.dataset.identical(undisturbed.dataset)
    assert stored_chunks(out) == stored_chunks(tmp_path / "undisturbed")
