"""One store under several processes: writers of one key, readers, killed and starved writers."""

import multiprocessing
import os
import random
import signal
import time

import numpy as np
import pytest
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.runs.entries import DamagedError
from carnotlab.runs.store import Store

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="needs processes of Unix"
)
workers = pytest.importorskip("store_workers", reason="needs limits of Unix")


@pytest.fixture(scope="module")
def context():
    """Processes forked from one that has imported the store, which takes seconds."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["store_workers"])
    return made


@pytest.fixture
def begin(context, tmp_path):
    """Start processes that all begin at once."""
    started = []

    def start(*work):
        gate = context.Event()
        processes = [
            context.Process(target=function, args=(tmp_path, gate, *rest))
            for function, *rest in work
        ]
        for process in processes:
            process.start()
            started.append((process, gate))  # a gate has to outlive its processes
        gate.set()
        return processes

    yield start
    for process, _ in started:
        process.kill()
        process.join()


def finish(processes):
    for process in processes:
        process.join(120)
        assert process.exitcode == 0


def test_writers_of_one_key_at_once_leave_one_sound_entry(begin, tmp_path):
    finish(begin(*((workers.save_each, number, 3) for number in (1, 2))))
    assert sorted(os.listdir(tmp_path)) == [f"k{key}.zarr" for key in range(3)]
    found = {workers.number_in(Store(tmp_path).load(f"k{key}")) for key in range(3)}
    assert found <= {1.0, 2.0}


def test_writers_who_replace_a_damaged_entry_at_once_leave_a_sound_one(begin, tmp_path):
    finish(begin((workers.damage_and_save, 4), (workers.damage_and_save, 4)))
    # The other may have damaged what the first saved last; whoever saves once more mends it.
    Store(tmp_path).save("k", workers.numbered(1))
    assert workers.number_in(Store(tmp_path).load("k")) == 1.0
    assert os.listdir(tmp_path) == ["k.zarr"]


def test_a_reader_sees_an_entry_whole_or_not_at_all_while_it_is_exchanged(begin, tmp_path):
    store = Store(tmp_path)
    (writer,) = begin((workers.exchange, 15))
    seen = []
    while writer.is_alive():
        try:
            seen.append(workers.number_in(store.load("k")))
        except DamagedError:
            raise  # never: what is exchanged is not damaged
        except InputError:
            continue  # between the two moves, or before the first, there is none
    finish([writer])
    assert set(seen) == {1.0, 2.0}
    assert workers.number_in(store.load("k")) == 1.0


def test_killed_writers_leave_temporaries_alone_and_these_are_cleared(begin, tmp_path):
    store, moments = Store(tmp_path), random.Random(0)
    interrupted = 0
    for _ in range(2):
        (writer,) = begin((workers.save_on_and_on,))
        # Until something is half-written: killed there.
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".*.part")) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.02))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        interrupted += bool(list(tmp_path.glob(f".*.{writer.pid}-*.part")))
        # What is there is whole, every entry of it.
        for entry in tmp_path.glob("k*.zarr"):
            assert workers.number_in(store.load(entry.stem)) == float(entry.stem[1:])
        store.prepare()
        assert [name for name in os.listdir(tmp_path) if not name.startswith("k")] == []
    assert interrupted >= 1


def test_a_writer_that_may_write_no_more_is_told_in_one_line_and_loses_nothing(
    begin, context, tmp_path
):
    store = Store(tmp_path)
    store.save("k", xr.DataTree.from_dict({"a": xr.Dataset({"u": ("n", np.ones(3))})}))
    ours, theirs = context.Pipe()
    finish(begin((workers.save_with_little_room, theirs)))
    line = ours.recv()
    assert "File too large" in line
    assert "free some space" in line
    assert "\n" not in line
    assert ours.recv() == "done"
    assert sorted(os.listdir(tmp_path)) == ["k.zarr", "small.zarr"]
    assert store.load("k")["a/u"].values.tolist() == [1.0, 1.0, 1.0]
    assert store.load("small")["a/u"].values.tolist() == [2.0]
