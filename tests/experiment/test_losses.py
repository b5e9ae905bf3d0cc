"""Losses by hand: means over samples, sums over outputs."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.experiment.losses import CrossEntropy, SquaredError, loss_function


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


def test_squared_error_by_hand():
    outputs, targets = jnp.array([[1.0, 2.0], [0.0, 0.0]]), jnp.array([[0.0, 4.0], [3.0, 0.0]])
    # Half the mean over samples of (1 + 4) and 9.
    assert float(loss_function(SquaredError())(outputs, targets)) == 0.5 * (5 + 9) / 2


def test_squared_error_against_a_mean_over_outputs_too():
    """The factor to the convention of libraries that average over outputs is outputs / 2."""
    random = np.random.default_rng(0)
    outputs, targets = random.normal(size=(2, 7, 3))
    mean_over_all = np.mean((outputs - targets) ** 2)
    value = float(loss_function(SquaredError())(jnp.asarray(outputs), jnp.asarray(targets)))
    assert value == pytest.approx(mean_over_all * 3 / 2, rel=1e-14)


def test_cross_entropy_by_hand():
    outputs = np.array([[1.0, -1.0, 0.5], [2.0, 2.0, 2.0]])
    targets = np.array([[0.0, 1.0, 0.0], [0.2, 0.3, 0.5]])
    total = 0.0
    for row, target in zip(outputs, targets, strict=True):
        norm = math.log(sum(math.exp(v) for v in row))
        total -= sum(t * (v - norm) for v, t in zip(row, target, strict=True))
    value = float(loss_function(CrossEntropy())(jnp.asarray(outputs), jnp.asarray(targets)))
    assert value == pytest.approx(total / 2, rel=1e-14)


def test_cross_entropy_of_large_outputs_stays_finite():
    outputs = jnp.array([[1000.0, 0.0]])
    assert float(loss_function(CrossEntropy())(outputs, jnp.array([[0.0, 1.0]]))) == 1000.0
    assert float(loss_function(CrossEntropy())(outputs, jnp.array([[1.0, 0.0]]))) == 0.0


def test_knowing_nothing_costs_the_logarithm_of_the_classes():
    value = loss_function(CrossEntropy())(jnp.zeros((4, 10)), jnp.eye(10)[:4])
    assert float(value) == pytest.approx(math.log(10), rel=1e-14)
