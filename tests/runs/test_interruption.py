"""Runs killed at any moment: the same command again computes what is missing, to the same bits."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from worker_processes import environment

from carnotlab.runs.store import Store

# A small study: some runs, one after the other. The tasks differ only in what the programs do
# not depend on, and a line is printed for each run that is computed.
RUNS = 4
STUDY = """
import sys
from pathlib import Path
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned
from carnotlab.runs.run import Run, execute
from carnotlab.runs import run as module
from carnotlab.runs.store import Store
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.modes import DeepLinearModes

# The files of the library may be edited while this runs; here the program stays the same.
module.code_digest = lambda: "this program"
store = Store(Path(sys.argv[1]))
store.prepare()
print("ready", flush=True)
for number in range(RUNS):
    training = Training(GradientDescent(0.02), 20, record=Evenly(3))
    network = deep_linear(3, (4,), 2, initialisation=Aligned(0.1))
    task = LinearMap(3, 2, (2.0, 1.0), held_out=4, seed=number)
    run = Run(Experiment(task, network, training), DeepLinearModes(), (0, 1))
    result = execute(run, store)
    print("cached" if result.cached else "computed", flush=True)
"""


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", STUDY.replace("RUNS", str(RUNS)), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def finish(folder):
    process = start(folder)
    lines, _ = process.communicate()
    assert process.returncode == 0
    return lines.split()[1:]


def arrays(folder):
    """Return a digest of each entry's arrays and labels, and not of how long it took."""
    digests = {}
    for entry in sorted(folder.glob("*.zarr")):
        digest = hashlib.sha256()
        tree = Store(folder).load(entry.stem)
        # Groups come in the order in which the disk lists them.
        for node in sorted(tree.subtree, key=lambda node: node.path):
            for name, array in sorted(node.variables.items()):
                digest.update(f"{node.path}/{name}{array.dims}{array.shape}{array.dtype}".encode())
                numbers = array.dtype.kind in "biuf"
                content = array.values.tobytes() if numbers else str(array.values.tolist()).encode()
                digest.update(content)
        digests[entry.stem] = digest.hexdigest()
    return digests


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert finish(folder) == ["computed"] * RUNS
    found = arrays(folder)
    assert len(set(found.values())) == RUNS
    return found


def kill_after(folder, lines, pause):
    """Kill the study a moment after its n-th line; return how many runs it said were computed."""
    process = start(folder)
    seen = [process.stdout.readline().strip() for _ in range(lines)]
    time.sleep(pause)
    os.kill(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    return [*seen, *rest.split()]


def disturb(folder, undisturbed, moments):
    present = 0
    for lines, pause in moments:
        said = kill_after(folder, lines, pause)
        # Whatever is present is whole: the store verifies every entry it reads.
        now = arrays(folder)
        assert now.items() <= undisturbed.items()
        # What was there is read, and what was said to be computed is there; one more may be whole
        # without having been announced.
        assert said.count("cached") == min(present, len(said) - 1)
        assert present + said.count("computed") <= len(now) <= present + said.count("computed") + 1
        present = len(now)
    last = finish(folder)
    assert last == ["cached"] * present + ["computed"] * (RUNS - present)
    assert arrays(folder) == undisturbed
    assert sorted(os.listdir(folder)) == sorted(f"{key}.zarr" for key in undisturbed)


def test_a_study_killed_while_it_works_is_resumed(undisturbed, tmp_path):
    disturb(tmp_path, undisturbed, [(2, 0.05)])


@pytest.mark.slow
def test_a_study_killed_again_and_again_at_random_moments_is_resumed(undisturbed, tmp_path):
    moments = random.Random(0)
    for attempt in range(4):
        folder = tmp_path / str(attempt)
        lines = sorted(moments.sample(range(1, RUNS), 2))
        disturb(folder, undisturbed, [(n, moments.uniform(0.0, 0.15)) for n in lines])
