"""What holds of each executor that needs nothing but this machine."""

import threading
import time

import pytest
import toy_work

from carnotlab.core.errors import InputError
from carnotlab.runs.executors.base import Done, Failed
from carnotlab.runs.executors.dask_cluster import DaskCluster
from carnotlab.runs.executors.in_process import InProcess
from carnotlab.runs.executors.processes import LocalProcesses


def on_dask():
    pytest.importorskip("distributed")
    return DaskCluster("local:2")


PLACES = {
    "one thread": lambda: InProcess(1),
    "two threads": lambda: InProcess(2),
    "two processes": lambda: LocalProcesses(2),
    "Dask": on_dask,
}


@pytest.fixture(scope="module", params=PLACES)
def executor(request):
    with PLACES[request.param]() as executor:
        yield executor


def test_every_item_has_one_outcome(executor, tmp_path):
    outcomes = list(executor.run(toy_work.Write(tmp_path), range(20)))
    assert sorted((done.index, done.value) for done in outcomes) == [(k, k * k) for k in range(20)]
    assert all(isinstance(done, Done) and done.seconds >= 0 for done in outcomes)
    assert toy_work.squares(tmp_path) == {k: k * k for k in range(20)}


def test_outcomes_name_places_in_the_sequence_and_not_items(executor):
    outcomes = list(executor.run(toy_work.square, (5, 5, 7)))
    assert sorted((done.index, done.value) for done in outcomes) == [(0, 25), (1, 25), (2, 49)]


def test_no_items_no_outcomes(executor):
    assert list(executor.run(toy_work.square, [])) == []


def test_an_error_fails_its_item_in_one_line_and_no_other(executor):
    outcomes = {
        outcome.index: outcome for outcome in executor.run(toy_work.raise_on_three, range(6))
    }
    assert outcomes.pop(3) == Failed(3, "ValueError: three is too many")
    assert [done.value for done in outcomes.values()] == [done.index for done in outcomes.values()]
    assert len(outcomes) == 5


def test_leaving_the_program_fails_the_item(executor):
    assert list(executor.run(toy_work.leave, [4])) == [Failed(0, "SystemExit: 4")]


def test_a_refusal_ends_the_run_and_loses_nothing_in_hand(executor, tmp_path):
    outcomes = []
    with pytest.raises(InputError, match="Got a full disk; required: room; free some"):
        outcomes.extend(executor.run(toy_work.Refuse(tmp_path, 4), range(100)))
    written = toy_work.squares(tmp_path)
    assert set(range(4)) <= set(written)
    assert len(written) < 20
    # The refusal also ended what extends the list; every item begun was finished and not left half.
    assert not list(tmp_path.glob("*.part"))
    assert len(written) == len(list(tmp_path.glob("*.began")))


def test_stop_finishes_what_is_in_hand_and_starts_nothing_more(executor, tmp_path):
    stop = threading.Event()
    outcomes = []
    for outcome in executor.run(toy_work.Write(tmp_path, 0.05), range(1000), stop):
        outcomes.append(outcome.index)
        if len(outcomes) == 4:
            stop.set()
    assert sorted(outcomes) == sorted(toy_work.squares(tmp_path))
    assert len(outcomes) <= 4 + 2 * executor.workers
    assert len(list(tmp_path.glob("*.began"))) == len(outcomes)


def test_stopped_before_it_began_nothing_runs(executor, tmp_path):
    stop = threading.Event()
    stop.set()
    assert list(executor.run(toy_work.Write(tmp_path), range(5), stop)) == []
    assert not list(tmp_path.iterdir())


def test_closed_early_nothing_goes_on(executor, tmp_path):
    outcomes = executor.run(toy_work.Write(tmp_path, 0.05), range(1000))
    next(outcomes)
    outcomes.close()
    if isinstance(executor, DaskCluster):
        time.sleep(1.0)  # it recalls what it sent ahead
    begun = sorted(tmp_path.glob("*.began"))
    assert len(begun) < 50
    time.sleep(0.2)
    assert sorted(tmp_path.glob("*.began")) == begun
    assert len(list(executor.run(toy_work.square, range(3)))) == 3  # and it can be used again


@pytest.mark.parametrize("message", [None, "RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"])
def test_an_item_out_of_memory_is_tried_again_alone(executor, tmp_path, message):
    work = toy_work.Hungry(tmp_path, (1, 3), insatiable=5, message=message)
    outcomes = list(executor.run(work, range(8)))
    by_index = {outcome.index: outcome for outcome in outcomes}
    assert len(outcomes) == len(by_index) == 8
    failed = by_index.pop(5)
    assert isinstance(failed, Failed)
    assert "--memory" in failed.reason
    assert all(isinstance(done, Done) for done in by_index.values())
    # The three hungry ones come after all the others.
    assert {outcome.index for outcome in outcomes[-3:]} == {1, 3, 5}


def test_workers_of_this_machine_see_its_folders(executor, tmp_path):
    executor.require_shared_folder(tmp_path / "new")
    assert not list(tmp_path.glob("new/*"))


def test_where_says_how_many(executor):
    assert "1" in executor.where or "2" in executor.where
    assert executor.workers in (1, 2)
