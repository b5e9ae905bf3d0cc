"""Whatever goes wrong: every member once, the same bits, only what was missing done again."""

import errno
import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sweep_commands import start_sweep, stored_chunks, succeeds, sweep_words, wait_for_packs
from sweep_toys import experiment, slow_down
from worker_processes import dying, workers

import carnotlab as carnot
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.executors.processes import LocalProcesses
from carnotlab.runs.sweeps import carry_out, chunks, packs
from carnotlab.runs.sweeps.archive import Archive
from carnotlab.runs.sweeps.packs import plan_sweep

STEPS = 7000
"""A member then takes some 35 ms, and 32 of them make a pack."""


@pytest.fixture
def several(monkeypatch):
    """A sweep cut into many small packs."""
    monkeypatch.setattr(packs, "SECONDS", 1e-6)
    rates = np.linspace(0.01, 0.2, 20).tolist()
    return carnot.sweep_over(experiment, carnot.grid(lr=rates), seeds=20)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packs, "SECONDS", 1e-6)
        rates = np.linspace(0.01, 0.2, 20).tolist()
        sweep = carnot.sweep_over(experiment, carnot.grid(lr=rates), seeds=20)
        return carnot.run_sweep(sweep, tmp_path_factory.mktemp("undisturbed"))


def test_a_full_disk_loses_nothing(several, undisturbed, tmp_path, monkeypatch):
    plan = plan_sweep(several)
    put, left = chunks.put, [40]

    def full(file, content):
        left[0] -= 1
        if left[0] < 0:
            raise carnot.InputError("output folder", "room on its disk", "free some space")
        put(file, content)

    archive = carry_out.open_archive(several, plan, tmp_path)
    with monkeypatch.context() as patch, InProcess(1) as executor:
        patch.setattr("carnotlab.runs.sweeps.archive.put", full)
        with pytest.raises(carnot.InputError, match="free some space"):
            carry_out.compute_missing(
                several, plan, archive, executor, carry_out.standing(plan, archive)
            )
    kept = archive.finished()
    assert 0 < len(kept) < len(plan.packs)
    _redone_only_what_was_missing(several, plan, tmp_path, kept, undisturbed)


def test_a_full_disk_is_said_in_one_line(several, tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    plan = plan_sweep(several)
    archive = carry_out.open_archive(several, plan, tmp_path)
    monkeypatch.setattr(Path, "write_bytes", no_room)
    with pytest.raises(carnot.InputError, match="No space left on device"):
        archive.write(0, 0, {name: np.zeros((32, *v.shape)) for name, v in
                             archive.layout.variables.items()})  # fmt: skip
    monkeypatch.undo()
    assert archive.finished() == []
    assert not list(tmp_path.rglob("*.part"))


def test_a_clock_that_jumps_changes_nothing(several, undisturbed, tmp_path, monkeypatch):
    now = time.time()
    jumps = random.Random(0)
    monkeypatch.setattr(time, "time", lambda: now + jumps.uniform(-1e9, 1e9))
    left = []
    result = carnot.run_sweep(several, tmp_path, tell=lambda s: left.append(s.seconds_left))
    assert result.dataset.identical(undisturbed.dataset)
    assert all(each >= 0.0 for each in left[1:])


def test_two_at_once_write_the_same(several, undisturbed, tmp_path):
    """Every pack is executed twice, by threads that race for the same files."""
    found = []

    def run():
        with InProcess(1) as executor:
            found.append(carnot.run_sweep(several, tmp_path, executor=executor))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    again = carnot.run_sweep(several, tmp_path)
    assert again.dataset.identical(undisturbed.dataset)
    assert not list(tmp_path.rglob("*.part"))


def test_a_stopped_sweep_goes_on_where_it_was(several, undisturbed, tmp_path):
    plan, stop = plan_sweep(several), threading.Event()
    part = carnot.run_sweep(
        several, tmp_path, stop=stop, tell=lambda s: stop.set() if s.done > 100 else None
    )
    assert 100 < part.tally.done < part.tally.members
    kept = Archive.open(tmp_path / "sweeps" / several.key).finished()
    _redone_only_what_was_missing(several, plan, tmp_path, kept, undisturbed)


@pytest.mark.slow
def test_workers_killed_at_random(several, undisturbed, tmp_path):
    """Eight SIGKILLs while 400 members are trained by two processes."""
    with LocalProcesses(2, slow_down) as executor, dying(workers, 8, 2.0) as kills:
        carnot.run_sweep(several, tmp_path, executor=executor)
    assert len(kills) == 8
    # A pack that lost three workers has failed, which is said; the next run does it.
    result = carnot.run_sweep(several, tmp_path)
    assert result.tally.failures == {}
    assert result.dataset.identical(undisturbed.dataset)


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """The command line of a sweep of 400 members in packs of a second, and its undisturbed bits."""
    folder = tmp_path_factory.mktemp("command")
    words = sweep_words(folder, steps=STEPS, width=48)

    def start(out, *more):
        return start_sweep(words, out, *more, cache=folder / "cache")

    succeeds(start(folder / "whole", "--jobs", "2"))
    return start, stored_chunks(folder / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("place", ["--jobs=2", "--scheduler=local:2", None])
def test_the_whole_process_killed(command, tmp_path, place):
    if place is not None and "local" in place:
        pytest.importorskip("distributed")
    start, expected = command
    more = [] if place is None else [place]
    for kills in range(2):
        process = start(tmp_path, *more)
        wait_for_packs(tmp_path, 3 * (kills + 1), process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        time.sleep(2)  # for workers in sessions of their own to notice
    kept = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("finished/c/*")}
    assert len(kept) >= 6
    succeeds(start(tmp_path, *more))
    assert stored_chunks(tmp_path) == expected
    assert all(file.stat().st_mtime_ns == stamp for file, stamp in kept.items())


@pytest.mark.slow
def test_control_c_once_finishes_what_is_in_hand(command, tmp_path):
    start, expected = command
    process = start(tmp_path, "--jobs", "2")
    wait_for_packs(tmp_path, 2, process)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "finishing what is in hand" in err
    assert "Traceback" not in err
    assert "missing" in out
    done = len(list(tmp_path.rglob("finished/c/*")))
    assert 2 <= done < 13
    succeeds(start(tmp_path))
    assert stored_chunks(tmp_path) == expected


@pytest.mark.slow
def test_control_c_twice_leaves_at_once(command, tmp_path):
    start, expected = command
    process = start(tmp_path, "--jobs", "2")
    wait_for_packs(tmp_path, 2, process)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.2)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert process.returncode == 3
    assert "resume with: carnot sweep" in err
    succeeds(start(tmp_path))
    assert stored_chunks(tmp_path) == expected


def _redone_only_what_was_missing(sweep, plan, out, kept, undisturbed):
    archive = Archive.open(out / "sweeps" / sweep.key)
    files = [archive.root / f"programs/{program:04d}/finished/c/{pack}" for program, pack in kept]
    stamps = [file.stat().st_mtime_ns for file in files]
    told = []
    result = carnot.run_sweep(sweep, out, tell=lambda state: told.append(state))
    assert told[0].done == sum(len(plan.programs[p].members_of(k)) for p, k in kept)
    assert result.tally.done == result.tally.members == 400
    assert result.dataset.identical(undisturbed.dataset)
    assert [file.stat().st_mtime_ns for file in files] == stamps
