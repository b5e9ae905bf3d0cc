"""Averages over Gaussian fields against quadrature and Monte Carlo."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from carnotlab.core.errors import OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.theories.online_learning.field_averages import (
    fourth_averages,
    pair_averages,
    third_averages,
)

FUNCTIONS = {
    "erf": (lambda x: erf(x / np.sqrt(2)), lambda x: np.sqrt(2 / np.pi) * np.exp(-(x**2) / 2)),
    "linear": (lambda x: x, np.ones_like),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float)),
}


def covariance(seed: int, fields: int = 4) -> np.ndarray:
    root = np.random.default_rng(seed).standard_normal((fields, fields + 1))
    return root @ root.T / 3.0


def drawn(c: np.ndarray, n: int = 400_000) -> np.ndarray:
    return np.random.default_rng(9).standard_normal((n, len(c))) @ np.linalg.cholesky(c).T


def close(samples: np.ndarray, value: float) -> None:
    """Within four standard errors: 40 comparisons here exceed that in one of 400 runs."""
    error = float(samples.std() / np.sqrt(len(samples)))
    assert abs(float(samples.mean()) - value) < 4.0 * error + 1e-12


@pytest.mark.parametrize("kind", ["erf", "linear", "relu"])
@pytest.mark.parametrize("seed", [0, 1])
def test_pairs_against_monte_carlo(kind, seed):
    c = covariance(seed)
    x = drawn(c)
    g, slope = FUNCTIONS[kind]
    with precision("float64"):
        found = pair_averages(c, kind)
    close(g(x[:, 0]) * g(x[:, 2]), float(found.value[0, 2]))
    close(slope(x[:, 0]) * slope(x[:, 2]), float(found.derivative[0, 2]))


@pytest.mark.parametrize("kind", ["erf", "linear"])
@pytest.mark.parametrize("seed", [0, 1])
def test_third_and_fourth_against_monte_carlo(kind, seed):
    c = covariance(seed)
    x = drawn(c)
    g, slope = FUNCTIONS[kind]
    with precision("float64"):
        third = np.asarray(third_averages(c, 2, kind))
        outer = np.array([0, 0, 1]), np.array([0, 1, 1])
        inner = np.array([0, 1, 2, 3]), np.array([0, 3, 2, 2])
        fourth = np.asarray(fourth_averages(c, outer, inner, kind))
    for i, b, a in ((0, 1, 2), (1, 1, 3), (1, 2, 1), (0, 0, 0)):
        close(slope(x[:, i]) * x[:, b] * g(x[:, a]), third[i, b, a])
    for row, (i, k) in enumerate(zip(*outer, strict=True)):
        for column, (a, b) in enumerate(zip(*inner, strict=True)):
            seen = slope(x[:, i]) * slope(x[:, k]) * g(x[:, a]) * g(x[:, b])
            close(seen, fourth[row, column])


def test_one_field_four_times_against_quadrature():
    g, slope = FUNCTIONS["erf"]

    def mean(function, power: float) -> float:
        def density(x: float) -> float:
            return function(x) * np.exp(-(x**2) / (2 * power)) / np.sqrt(2 * np.pi * power)

        return quad(density, -np.inf, np.inf, epsabs=1e-13, epsrel=1e-12)[0]

    for power in (0.2, 1.0, 3.0):
        with precision("float64"):
            c = np.array([[power]])
            one = np.zeros(1, int), np.zeros(1, int)
            fourth = float(fourth_averages(c, one, one, "erf")[0, 0])
            third = float(third_averages(c, 1, "erf")[0, 0, 0])
        assert fourth == pytest.approx(mean(lambda x: (slope(x) * g(x)) ** 2, power), rel=1e-10)
        assert third == pytest.approx(mean(lambda x: slope(x) * x * g(x), power), rel=1e-10)


def test_rectifiers_are_refused():
    one = np.zeros(1, int), np.zeros(1, int)
    with pytest.raises(OutOfReachError, match="generalization_error"):
        fourth_averages(np.eye(1), one, one, "relu")
    with pytest.raises(OutOfReachError, match="erf or linear"):
        third_averages(np.eye(1), 1, "relu")
