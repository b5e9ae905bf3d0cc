"""Worker processes: killed at random, orphaned, unable to start, one core each."""

import os
import signal
import time

import pytest
import toy_work
from worker_processes import PROCESSES, alive, dying, gone, start_script, workers

from carnotlab.core.errors import CarnotError, InputError
from carnotlab.runs.executors.base import Done, Failed
from carnotlab.runs.executors.processes import LocalProcesses
from carnotlab.runs.executors.transport import ONE_CORE

pytestmark = pytest.mark.skipif(not PROCESSES.is_dir(), reason="listing processes needs /proc")

PROGRAM = """
import sys
from pathlib import Path
import toy_work
from carnotlab.runs.executors.processes import LocalProcesses
{guard}
for outcome in LocalProcesses(2).run({work}, range({items})):
    print(outcome, flush=True)
"""


def program(folder, work, items, guard="if __name__ == '__main__':"):
    """Start a script that carries out items in two processes."""
    text = PROGRAM.format(guard=guard, work=work, items=items)
    if guard:
        text = text.replace("\nfor", "\n  for").replace("\n    print", "\n    print")
    return start_script(folder, text)


@pytest.mark.parametrize(
    ("items", "kills"), [(80, 3), pytest.param(400, 8, marks=pytest.mark.slow)]
)
def test_items_survive_workers_killed_at_random(tmp_path, items, kills):
    with LocalProcesses(2) as executor, dying(workers, kills, mean_pause=0.3) as killed:
        outcomes = []
        for outcome in executor.run(toy_work.Write(tmp_path, 0.02), range(items)):
            outcomes.append(outcome)
            # Slower towards the end, so that all of the deaths fall into the run.
            if len(outcomes) > items - 20 and len(killed) < kills:
                time.sleep(0.2)
    assert len(killed) == kills
    assert sorted((done.index, done.value) for done in outcomes) == [
        (k, k * k) for k in range(items)
    ]
    assert toy_work.squares(tmp_path) == {k: k * k for k in range(items)}
    # Each death costs no more than the item in hand: started again, and no other.
    starts = len(list(tmp_path.glob("*.began")))
    assert items <= starts <= items + len(killed)
    assert gone(killed)


def test_an_item_that_takes_two_workers_with_it_is_done_by_the_third(tmp_path):
    with LocalProcesses(2) as executor:
        outcomes = list(executor.run(toy_work.KillItself(tmp_path, 2, times=2), range(5)))
    assert sorted(done.value for done in outcomes) == list(range(5))
    assert toy_work.began(tmp_path, 2) == 2
    assert outcomes[-1].index == 2  # alone, after the others


def test_an_item_that_takes_three_workers_with_it_has_failed(tmp_path):
    with LocalProcesses(2) as executor:
        outcomes = {
            o.index: o for o in executor.run(toy_work.KillItself(tmp_path, 2, 99), range(5))
        }
    failed = outcomes.pop(2)
    assert isinstance(failed, Failed)
    assert all(word in failed.reason for word in ("3 times", "signal 9", "memory", "--memory"))
    assert toy_work.began(tmp_path, 2) == 3
    assert sorted(done.value for done in outcomes.values()) == [0, 1, 3, 4]


def test_idle_workers_killed_between_runs_are_replaced():
    with LocalProcesses(2) as executor:
        before = {done.value for done in executor.run(toy_work.process, range(20))}
        for worker in workers():
            os.kill(worker, signal.SIGKILL)
        after = {done.value for done in executor.run(toy_work.process, range(20))}
    assert before
    assert not before & after


def test_workers_stay_between_runs_and_end_when_closed():
    with LocalProcesses(1) as executor:
        (first,) = executor.run(toy_work.process, [0])
        (second,) = executor.run(toy_work.process, [0])
        assert first.value == second.value != os.getpid()
        assert alive(first.value)
    assert not alive(first.value)


def test_closing_ends_workers_that_are_busy(tmp_path):
    executor = LocalProcesses(2)
    outcomes = executor.run(toy_work.Doze(tmp_path), [0.0, 60.0, 60.0])
    next(outcomes)
    busy = workers()
    assert len(busy) == 2
    began = time.monotonic()
    executor.close()
    assert time.monotonic() - began < 3
    assert not any(map(alive, busy))


def test_an_iterator_closed_early_leaves_no_process(tmp_path):
    executor = LocalProcesses(2)
    outcomes = executor.run(toy_work.Doze(tmp_path), [0.0, 60.0, 60.0])
    next(outcomes)
    busy = workers()
    outcomes.close()
    assert len(busy) == 2
    assert not any(map(alive, busy))


def test_workers_end_when_the_process_that_started_them_is_killed(tmp_path):
    parent = program(tmp_path, "toy_work.print_process", 2)
    with parent:
        found = {int(parent.stdout.readline()) for _ in range(2)}
        assert found == set(workers(parent.pid))
        assert all(map(alive, found))  # in the middle of an item that takes a minute
        parent.kill()
        assert gone(found, 5.0)


def test_interrupts_from_the_terminal_are_the_parents_to_decide(tmp_path):
    # The terminal sends Ctrl-C to the whole group. The parent here ignores it for a while.
    work = f"toy_work.Write(Path({str(tmp_path)!r}), 0.2)"
    guard = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nif __name__ == '__main__':"
    )
    with program(tmp_path, work, 6, guard) as parent:
        parent.stdout.readline()
        os.killpg(parent.pid, signal.SIGINT)
        # Not `communicate`, which loses what is buffered behind the first line.
        rest, errors = parent.stdout.read(), parent.stderr.read()
    assert len(rest.splitlines()) == 5
    assert errors == ""
    # No worker had to do an item again.
    assert len(list(tmp_path.glob("*.began"))) == 6


def test_an_interrupt_leaves_no_process_and_no_traceback_of_workers(tmp_path):
    with program(tmp_path, "toy_work.print_process", 2) as parent:
        found = {int(parent.stdout.readline()) for _ in range(2)}
        os.killpg(parent.pid, signal.SIGINT)
        _, errors = parent.communicate(timeout=20)
    assert errors.count("KeyboardInterrupt") == 1
    assert gone(found, 5.0)


def test_a_script_that_starts_workers_on_import_is_told_so_in_one_line(tmp_path):
    with program(tmp_path, "toy_work.square", 2, guard="") as parent:
        out, errors = parent.communicate(timeout=60)
    assert out == ""
    assert errors.count("Traceback") == 1
    assert "if __name__ == '__main__'" in errors.splitlines()[-1]


@pytest.mark.parametrize(
    ("work", "items", "what"),
    [
        (lambda number: number, [1], "the work"),
        (toy_work.square, [lambda: 1], "item 0"),
        (toy_work.square, [1, toy_work.Unreadable()], "item 1"),
        (toy_work.unsendable_result, [1], "what the work returned"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_one_line(work, items, what):
    with (
        LocalProcesses(1) as executor,
        pytest.raises(InputError, match="top level of a module") as e,
    ):
        list(executor.run(work, items))
    assert what in str(e.value)
    assert "\n" not in str(e.value)
    assert not workers()


def test_a_refusal_that_cannot_be_sent_comes_as_its_text():
    with LocalProcesses(1) as executor, pytest.raises(CarnotError, match=r"^no room for 3$") as e:
        list(executor.run(toy_work.refuse_oddly, [3]))
    assert type(e.value) is CarnotError


def test_set_up_is_called_once_in_each_worker(tmp_path):
    with LocalProcesses(2, setup=toy_work.SetUp(tmp_path)) as executor:
        used = {done.value for done in executor.run(toy_work.process, range(50))}
        list(executor.run(toy_work.process, range(50)))
    files = [int(file.name.split(".")[0]) for file in tmp_path.glob("*.setup")]
    assert len(files) == len(set(files))
    assert used <= set(files)


def test_a_set_up_that_fails_is_told_in_one_line():
    executor = LocalProcesses(2, toy_work.broken_setup)
    with pytest.raises(InputError, match="OSError: no cache"):
        list(executor.run(toy_work.square, [1]))
    assert not workers()


def test_workers_that_cannot_start_end_the_run():
    executor = LocalProcesses(1, toy_work.die)
    with pytest.raises(InputError, match=r"end before they start to work \(exit status 5\)"):
        list(executor.run(toy_work.square, [1]))
    assert not workers()


def test_a_worker_uses_one_core_unless_the_user_says_otherwise(monkeypatch):
    names = tuple(ONE_CORE)
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with LocalProcesses(1) as executor:
        (done,) = executor.run(toy_work.environment, [names])
    assert done.value == tuple({**ONE_CORE, "OMP_NUM_THREADS": "3"}.values())
    assert "JAX_NUM_CPU_DEVICES" not in os.environ


@pytest.mark.slow  # imports JAX in a worker
def test_a_worker_is_one_device_of_jax():
    with LocalProcesses(1) as executor:
        (done,) = executor.run(toy_work.jax_devices, [0])
    assert done.value == (1, "cpu")


def test_two_runs_at_a_time_are_refused():
    with LocalProcesses(1) as executor:
        first = executor.run(toy_work.square, range(3))
        next(first)
        with pytest.raises(InputError, match="one run at a time"):
            next(executor.run(toy_work.square, range(3)))
        assert all(isinstance(outcome, Done) for outcome in first)


def test_no_workers_are_refused():
    with pytest.raises(InputError, match="0 processes"):
        LocalProcesses(0)
