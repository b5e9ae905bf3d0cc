"""Courses, starts and labels at a few networks: tests near theory, controls beyond."""

import numpy as np
import pytest

from carnotlab.measures.losses import TEST_LOSS
from carnotlab.studies.regression.course_run import CourseRun
from carnotlab.studies.regression.deep_start_run import FROZEN, DeepStartRun
from carnotlab.studies.regression.important_structure_first import (
    DIGITS,
    IMAGES,
    ImportantStructureFirst,
)
from carnotlab.studies.regression.speed_against_generalization import SpeedAgainstGeneralization
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style

SPEED = {"seeds": 8, "networks": 4, "inputs": 100, "steps": 60, "starts": "0,1"}
STRUCTURE = {"seeds": 2, "networks": 16, "inputs": 100, "steps": 60}


@pytest.fixture(scope="module")
def speed():
    changes = {**SPEED, "scales": "0.01,0.1", "deep_inputs": 40, "deep_steps": 600}
    return run_study(SpeedAgainstGeneralization(), "smoke", changes)


@pytest.fixture(scope="module")
def structure(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # Without a data folder the images are left out, and said to be.
        patch.setenv("CARNOT_DATA", str(tmp_path_factory.mktemp("empty")))
        changes = {**STRUCTURE, "width": 64}
        return run_study(ImportantStructureFirst(), "smoke", changes)


@pytest.mark.parametrize("name", ["speed", "structure"])
def test_controls_are_beyond_and_tests_far_below_them(name, request):
    result = request.getfixturevalue(name)
    for verdict in result.verdicts:
        if verdict.role == "control":
            assert verdict.error > verdict.tolerance, verdict.arm
        else:
            # Fewer and smaller networks than the tolerances were argued for.
            assert verdict.error < 2.5 * verdict.tolerance, (verdict.arm, verdict.error)


@pytest.mark.parametrize("name", ["speed", "structure"])
def test_figures_are_drawn(name, request, tmp_path):
    with style("dark"):
        request.getfixturevalue(name).plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_images_that_are_not_there_are_said_to_be(structure):
    assert IMAGES not in structure.results
    assert DIGITS in structure.results
    assert "fashion" in structure.skipped[0]


def test_the_held_out_loss_is_that_of_the_population():
    run = CourseRun(20, 15, noise=0.3, start=0.5, steps=5, draws=2)
    result = run.compute()
    task = run.experiment().task
    batch = run.data()
    for draw in range(2):
        w = np.asarray(run.experiment().model.factors(run.experiment().start((draw,)))[0])[0]
        x, y = batch.train.x[draw, 0], batch.train.y[draw, 0]
        for _ in range(5):
            w = w - run.rate * (x @ w.T - y).T @ x / 15
        error = 0.5 * float(np.sum(task.variances * (w - task.teacher) ** 2))
        seen = result.observation[TEST_LOSS.name].transpose("seed", "time").values[draw, -1]
        assert seen == pytest.approx(error, rel=1e-4)


def test_keys_tell_runs_apart():
    keys = {
        CourseRun(20, 15).key,
        CourseRun(20, 15, ignorant=True).key,
        CourseRun(20, 16).key,
        DeepStartRun().key,
        DeepStartRun(hidden=8).key,
    }
    assert len(keys) == 5


def test_what_is_frozen_is_what_the_start_held_outside_the_span():
    """Weights outside the span of samples never move, whatever is learned inside."""
    run = DeepStartRun(inputs=20, samples=10, hidden=6, scales=(0.01, 0.02), draws=6, steps=500)
    seen = run.compute().observation[FROZEN.name].transpose("seed", "scale").values
    # Twice the start, four times what is kept: the second layer ends at the same length.
    np.testing.assert_allclose(seen[:, 1] / seen[:, 0], 4.0, rtol=0.05)
