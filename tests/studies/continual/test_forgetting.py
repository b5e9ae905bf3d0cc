"""Forgetting at a few networks: tests within their tolerances, controls beyond."""

import numpy as np
import pytest

from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.studies.continual.alternating_run import FORGOTTEN, AlternatingRun
from carnotlab.studies.continual.forgetting import Forgetting
from carnotlab.studies.continual.random_task_run import DISTANCE, RandomTaskRun
from carnotlab.studies.continual.task_switch_run import TaskSwitchRun
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.theories.continual.random_tasks import teachers_with_overlap

QUICK = {"seeds": 2, "size": 40, "samples": 16, "tasks": 4, "networks": 24, "rounds": 3}


@pytest.fixture(scope="module")
def quick():
    return run_study(Forgetting(), "smoke", {**QUICK, "step": 0.04, "depths": "2"})


def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)
        assert verdict.in_regime == (verdict.role == "test"), verdict.checks


def test_the_figure_is_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_trained_networks_end_at_the_nearest_weights():
    """Gradient descent from the last task's weights against the pseudo-inverse, draw by draw."""
    run = RandomTaskRun(12, 5, 3, 0.2, noise=0.1, networks=2, steps=3000)
    seen = observed(run.compute(), DISTANCE)
    teachers = teachers_with_overlap(3, 12, 0.2)
    x, y = run._samples(teachers)
    for network in range(2):
        w = np.zeros(12)
        for task in range(3):
            a, b = x[network, task], y[network, task, :, 0]
            w = w + np.linalg.pinv(a) @ (b - a @ w)
            np.testing.assert_allclose(
                seen[network, task + 1], np.sum((w - teachers) ** 2, axis=1), rtol=1e-4
            )


def test_each_network_has_angles_of_its_own():
    result = AlternatingRun(12, 4, 2, 0.5, networks=3, steps=400).compute()
    assert len(set(predicted(result, FORGOTTEN)[:, 0])) == 3
    np.testing.assert_allclose(observed(result, FORGOTTEN), predicted(result, FORGOTTEN), rtol=1e-3)


def test_results_are_kept_and_keys_differ(tmp_path):
    store = Store(tmp_path / "arrays")
    store.prepare()
    run = RandomTaskRun(10, 4, 2, 0.0, networks=2, steps=20)
    execute(run, store)
    assert execute(run, store).cached
    assert run.remaining(store) == 0.0
    keys = {
        run.key,
        RandomTaskRun(10, 4, 2, 0.0, repeated=True, networks=2, steps=20).key,
        AlternatingRun(10, 4, 2, 0.0).key,
        AlternatingRun(10, 4, 2, 0.1).key,
        TaskSwitchRun(2).key,
        TaskSwitchRun(2, ignorant=True).key,
    }
    assert len(keys) == 6
