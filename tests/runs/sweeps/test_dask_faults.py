"""Sweeps on Dask: workers killed at random, the scheduler killed and the command repeated."""

import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
from dask_processes import Scheduler
from sweep_toys import experiment, slow_down
from worker_processes import PROCESSES, dying, environment, workers

import carnotlab as carnot
from carnotlab.runs.executors.dask_cluster import DaskCluster
from carnotlab.runs.sweeps import packs

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROCESSES.is_dir(), reason="listing processes needs /proc"),
]

FILE = """
import carnotlab as carnot
TASK = carnot.GaussianRegression(inputs=4, samples=24)
def experiment(lr: float) -> carnot.Experiment:
    training = carnot.Training(
        carnot.GradientDescent(lr), 7000, carnot.Minibatch(8), record=carnot.Evenly(3)
    )
    return carnot.Experiment(TASK, carnot.mlp(4, (8,), 1), training)
"""
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
    file = folder / "toy.py"
    file.write_text(FILE)
    cache = str(folder / "cache")
    words = [sys.executable, "-m", "carnotlab.cli", "sweep", str(file), "lr=0.01..0.2:20"]

    def start(out, *more):
        return subprocess.Popen(
            [*words, "seeds=20", "--out", str(out), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment() | {"CARNOT_CACHE": cache},
        )

    whole = start(folder / "whole", "--jobs", "2")
    _, err = whole.communicate(timeout=300)
    assert whole.returncode == 0, err
    return start, chunks(folder / "whole"), cache


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
        process = start(out, "--scheduler", second.address)
        shown, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "400 of 400 members done" in shown
    assert chunks(out) == expected
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
    assert chunks(out) == chunks(tmp_path / "undisturbed")


def wait_for_packs(out, count, process):
    began = time.monotonic()
    while len(list(out.rglob("finished/c/[0-9]*"))) < count:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - began < 240
        time.sleep(0.05)


def chunks(out):
    """Return the content of every chunk by its place."""
    files = [file for file in out.rglob("c/*") if file.is_file()]
    return {file.relative_to(out).as_posix(): file.read_bytes() for file in files}
