"""Closed forms against fits that were really made without the sample."""

import numpy as np
import pytest
from scipy.stats import norm

from carnotlab.core.errors import InputError
from carnotlab.theories.kernel_regression.leave_one_out import (
    leave_one_out,
    ridge_by_leave_one_out,
)
from carnotlab.theories.kernel_regression.low_rank import low_rank_of
from carnotlab.theories.kernel_regression.spectrum import low_rank_spectrum, spectrum


def _refit(kernel, targets, ridge):
    """Return mean and predictive variance for each sample from the others."""
    means, variances = np.empty_like(targets), np.empty(len(targets))
    for i in range(len(targets)):
        others = np.delete(np.arange(len(targets)), i)
        C = kernel[np.ix_(others, others)] + ridge * np.eye(len(others))
        row = kernel[i, others]
        means[i] = row @ np.linalg.solve(C, targets[others])
        variances[i] = kernel[i, i] + ridge - row @ np.linalg.solve(C, row)
    return means, variances


@pytest.mark.parametrize("ridge", [0.0, 1e-3, 0.5])
def test_equal_to_refitting(problem, ridge):
    found = leave_one_out(problem.train, problem.targets, ridge)
    means, variances = _refit(problem.train, problem.targets, ridge)
    np.testing.assert_allclose(found.predictions, means, atol=1e-10)
    np.testing.assert_allclose(found.residuals, problem.targets - means, atol=1e-10)
    np.testing.assert_allclose(found.variance, variances, atol=1e-10)
    density = norm.logpdf(problem.targets, means, np.sqrt(variances)[:, None])
    np.testing.assert_allclose(found.log_density, density, atol=1e-9)


def test_residuals_follow_from_the_hat_matrix(problem):
    n = len(problem.train)
    hat = problem.train @ np.linalg.inv(problem.train + 0.3 * np.eye(n))
    expected = (problem.targets - hat @ problem.targets) / (1 - np.diagonal(hat))[:, None]
    found = leave_one_out(problem.train, problem.targets, 0.3)
    np.testing.assert_allclose(found.residuals, expected, atol=1e-10)


def test_a_low_rank_kernel_is_refitted_with_its_landmarks_kept(problem):
    approximation = low_rank_of(problem.train, 8)
    found = leave_one_out(low_rank_spectrum(approximation), problem.targets, 0.1)
    L = approximation.factor
    means, variances = _refit(L @ L.T, problem.targets, 0.1)
    np.testing.assert_allclose(found.predictions, means, atol=1e-10)
    np.testing.assert_allclose(found.variance, variances, atol=1e-10)


def test_the_ridge_chosen_has_the_smallest_error_of_refits(problem):
    ridges = np.logspace(-3, 2, 6)
    x = problem.train[:, :1]
    targets = x + np.random.default_rng(0).normal(size=x.shape) * 0.2
    errors = [
        np.mean(np.sum((targets - _refit(problem.train, targets, ridge)[0]) ** 2, axis=1))
        for ridge in ridges
    ]
    found = ridge_by_leave_one_out(spectrum(problem.train), targets, ridges)
    np.testing.assert_allclose(found.errors, errors, rtol=1e-9)
    assert found.ridge == ridges[np.argmin(errors)]
    assert ridges[0] < found.ridge < ridges[-1]


def test_a_singular_kernel_without_ridge_is_refused():
    with pytest.raises(InputError, match="ridge="):
        leave_one_out(np.ones((4, 4)), np.ones((4, 1)), 0.0)
    with pytest.raises(InputError, match="ridge="):
        leave_one_out(low_rank_spectrum(low_rank_of(np.eye(4), 2)), np.ones((4, 1)), 0.0)
