"""Memory that really ends, below a limit that the system sets, and not only an error of that name.

Two items at a time do not fit below the limit, one alone does, and one never.
"""

import sys

import pytest
import toy_work
from worker_processes import start_python

from carnotlab.runs.executors.base import Done, Failed
from carnotlab.runs.executors.processes import LocalProcesses

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's"),
]

TAKERS = ["numpy", "jax"]
IN_THREADS = """
import toy_work
from carnotlab.runs.executors.in_process import InProcess
toy_work.limit_memory()
work = toy_work.TakeMemory("{taker}", (0, 1, 2), 4)
for outcome in InProcess(2).run(work, range(6)):
    print(type(outcome).__name__, outcome.index, getattr(outcome, "reason", ""))
"""


@pytest.mark.parametrize("taker", TAKERS)
def test_items_that_fit_alone_are_done_and_the_others_named(taker):
    process = start_python("-c", IN_THREADS.format(taker=taker))
    said, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    lines = said.splitlines()
    outcomes = {int(line.split()[1]): line for line in lines}
    assert len(lines) == len(outcomes) == 6
    failed = outcomes.pop(4)
    assert failed.startswith("Failed")
    assert "--memory" in failed
    assert all(line.startswith("Done") for line in outcomes.values())
    # Of the three that fit alone, at least one met the end of memory beside another: it came later.
    assert [int(line.split()[1]) for line in lines] != [0, 1, 2, 3, 5, 4]


@pytest.mark.parametrize("taker", TAKERS)
def test_workers_outlive_the_end_of_their_memory(taker):
    work = toy_work.TakeMemory(taker, (0, 1, 2), 4)
    with LocalProcesses(2, toy_work.limit_memory) as executor:
        outcomes = {outcome.index: outcome for outcome in executor.run(work, range(6))}
    failed = outcomes.pop(4)
    assert isinstance(failed, Failed)
    assert "--memory" in failed.reason
    assert sorted(outcomes) == [0, 1, 2, 3, 5]
    assert all(isinstance(each, Done) and each.value == k for k, each in outcomes.items())
