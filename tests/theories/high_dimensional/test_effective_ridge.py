"""The effective ridge against its own equation, closed forms and random matrices."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.high_dimensional.effective_ridge import degrees_of_freedom, effective_ridge


@pytest.mark.parametrize(("samples", "ridge"), [(3.5, 0.0), (20, 0.7), (500, 1e-6), (99.9, 0.0)])
def test_it_solves_its_equation(samples, ridge):
    values = np.geomspace(1e-6, 10.0, 100)
    kappa = effective_ridge(values, samples, ridge)
    assert np.sum(values / (values + kappa)) + ridge / kappa == pytest.approx(samples, rel=1e-11)


@pytest.mark.parametrize(("samples", "ridge"), [(30, 0.0), (30, 2.0), (200, 5.0)])
def test_equal_eigenvalues_give_a_quadratic(samples, ridge):
    """n k (1 + k) = d k + r (1 + k): the Marchenko-Pastur resolvent."""
    d = 80
    b = samples - d - ridge
    expected = (-b + np.sqrt(b**2 + 4.0 * samples * ridge)) / (2.0 * samples)
    assert effective_ridge(np.ones(d), samples, ridge) == pytest.approx(expected, rel=1e-10)


def test_it_is_the_inverse_trace_of_a_random_kernel():
    """1/kappa is the mean of the trace of (XX' + ridge)^-1, to corrections of order 1/n^2."""
    random, n, ridge = np.random.default_rng(0), 150, 0.3
    values = np.arange(1.0, 301.0) ** -0.8
    traces = []
    for _ in range(40):
        x = random.standard_normal((n, 300)) * np.sqrt(values)
        traces.append(np.trace(np.linalg.inv(x @ x.T + ridge * np.eye(n))))
    kappa = effective_ridge(values, n, ridge)
    assert np.mean(traces) == pytest.approx(1.0 / kappa, rel=0.01)


def test_it_vanishes_where_samples_resolve_all():
    values = np.array([1.0, 0.5, 0.0, 1e-18])
    assert effective_ridge(values, 2) == 0.0
    assert effective_ridge(values, 1.9) > 0.0
    assert degrees_of_freedom(values, 0.0) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("values", "samples", "ridge", "match"),
    [
        (np.zeros(3), 2, 0.0, "largest 0"),
        (np.array([1.0, -0.5]), 2, 0.0, "eigenvalue of -0.5"),
        (np.ones(3), 0, 0.0, "samples = 0"),
        (np.ones(3), 2, -1.0, "ridge = -1"),
    ],
)
def test_refusals(values, samples, ridge, match):
    with pytest.raises(InputError, match=match):
        effective_ridge(values, samples, ridge)
