"""Orthogonal starts over depth, and the sign that stays, at a reduced size."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.studies.deep_linear.determinant_gaps import wrong_sign
from carnotlab.studies.deep_linear.determinant_run import DETERMINANT, STUCK_LOSS
from carnotlab.studies.deep_linear.orthogonal_initialisation import OrthogonalInitialisation
from carnotlab.studies.errors import observed
from carnotlab.studies.running import run_study

CHANGES = {
    "depths": "2,8,20",
    "square_depths": "2,4",
    "width": 8,
    "outputs": 2,
    "networks": 10,
    "square": 3,
    "steps": 200,
    "square_steps": 1000,
    "records": 30,
}


@pytest.fixture(scope="module")
def result():
    return run_study(OrthogonalInitialisation(), "smoke", CHANGES)


@pytest.mark.slow
def test_tests_agree_and_controls_do_not(result):
    wrong = [(v.arm, v.quantity, v.error, v.interval) for v in result.verdicts if not v.as_expected]
    assert not wrong
    assert {v.role for v in result.verdicts} == {"test", "control"}


@pytest.mark.slow
def test_signs_of_determinants_stay_as_they_start(result):
    run = result.results["square task, depth 4"]
    signs = observed(run, DETERMINANT)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    np.testing.assert_array_equal(signs, np.broadcast_to(signs[:, :1], signs.shape))
    assert 0 < wrong_sign(run).sum() < len(signs)
    assert float(run.prediction[STUCK_LOSS.name]) == pytest.approx(0.5 * 0.8**2)
    wide = result.results["orthogonal, depth 8"]
    assert (observed(wide, DETERMINANT) == 0.0).all()


@pytest.mark.slow
def test_two_layers_leave_the_saddle_and_change_their_sign(result):
    """The saddle is strict there, and finite steps break the balance that keeps the sign."""
    run = result.results["square task, depth 2"]
    signs = observed(run, DETERMINANT)[wrong_sign(run)]
    assert len(signs) > 0
    assert (signs[:, -1] != signs[:, 0]).all()


def _haar(random, size):
    """Return an orthogonal matrix, uniformly distributed."""
    basis, triangle = np.linalg.qr(random.normal(size=(size, size)))
    return basis * np.sign(np.diag(triangle))


def _steps_at_the_saddle(depth, rate, networks=24, size=4):
    """Return when each network of the wrong sign has half of what it could not learn, by hand."""
    random = np.random.default_rng(0)
    starts = np.array([[_haar(random, size) for _ in range(depth)] for _ in range(8 * networks)])
    starts = starts[np.prod(np.linalg.det(starts), axis=1) < 0][:networks]
    weights, one = [starts[:, layer] for layer in range(depth)], np.eye(size)
    goal = np.diag(np.linspace(1.4, 0.8, size))
    left = np.full(networks, np.inf)
    for step in range(40_000):
        before, after = [one], [one]
        for w, last in zip(weights, reversed(weights), strict=True):
            before.append(w @ before[-1])
            after.append(after[-1] @ last)
        error = goal - before[-1]
        out = (0.5 * (error**2).sum((1, 2)) < 0.25 * 0.8**2) & ~np.isfinite(left)
        left[out] = step
        if np.isfinite(left).mean() > 0.75:  # all that medians need; a few take very long
            return left
        weights = [
            w
            + rate
            * np.swapaxes(after[depth - 1 - k], -1, -2)
            @ error
            @ np.swapaxes(before[k], -1, -2)
            for k, w in enumerate(weights)
        ]
    raise AssertionError(f"{np.isinf(left).sum()} networks did not leave")


@pytest.mark.slow
def test_three_layers_leave_the_saddle_after_steps_of_the_power_of_minus_half_the_depth():
    rates = np.array([0.05, 0.025, 0.0125])
    steps = [np.median(_steps_at_the_saddle(3, rate)) for rate in rates]
    assert np.polyfit(np.log(rates), np.log(steps), 1)[0] == pytest.approx(-1.5, abs=0.2)


@pytest.mark.slow
def test_figure(result):
    assert isinstance(result.plot(), Figure)
