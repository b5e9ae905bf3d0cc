"""Posteriors against scikit-learn, conditioning by hand, and ensembles that were really trained."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

from carnotlab.core.errors import InputError
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.theories.kernel_dynamics import kernel_system
from carnotlab.theories.kernel_regression.posterior import (
    gaussian_process_posterior,
    log_marginal_likelihood,
)
from carnotlab.theories.kernel_regression.tangent_ensemble import tangent_ensemble

NOISE = 0.15


class Precomputed(Kernel):
    """Samples are indices into a kernel matrix."""

    def __init__(self, matrix):
        self.matrix = matrix

    def __call__(self, X, Y=None, eval_gradient=False):
        rows, columns = X[:, 0].astype(int), (X if Y is None else Y)[:, 0].astype(int)
        block = self.matrix[np.ix_(rows, columns)]
        return (block, np.empty((*block.shape, 0))) if eval_gradient else block

    def diag(self, X):
        return np.diagonal(self.matrix)[X[:, 0].astype(int)]

    def is_stationary(self):
        return False


@pytest.fixture
def joint(problem):
    return np.block([[problem.train, problem.test.T], [problem.test, problem.test_test]])


@pytest.fixture
def found(problem):
    return gaussian_process_posterior(
        nngp_train=problem.train,
        nngp_test=problem.test,
        nngp_test_test=problem.test_test,
        targets=problem.targets,
        noise_variance=NOISE,
    )


def test_equal_to_scikit_learn(problem, joint, found):
    indices = np.arange(len(joint), dtype=float)[:, None]
    n = len(problem.train)
    peer = GaussianProcessRegressor(Precomputed(joint), alpha=NOISE, optimizer=None)
    peer.fit(indices[:n], problem.targets)
    mean, covariance = peer.predict(indices[n:], return_cov=True)
    np.testing.assert_allclose(found.mean, mean, atol=1e-11)
    np.testing.assert_allclose(found.covariance, covariance[..., 0], atol=1e-11)
    np.testing.assert_allclose(found.std**2, np.diagonal(covariance[..., 0]), atol=1e-11)
    assert log_marginal_likelihood(problem.train, problem.targets, NOISE) == pytest.approx(
        peer.log_marginal_likelihood_value_, abs=1e-9
    )


def test_covariance_is_the_inverse_of_the_joint_precision(joint, found, problem):
    # Conditioning read off the other way: the block of the joint precision, inverted.
    n = len(problem.train)
    noisy = joint.copy()
    noisy[:n, :n] += NOISE * np.eye(n)
    precision = np.linalg.inv(noisy)
    covariance = np.linalg.inv(precision[n:, n:])
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-10)
    np.testing.assert_allclose(
        found.mean, -covariance @ precision[n:, :n] @ problem.targets, atol=1e-10
    )


def test_likelihood_is_the_density_of_the_targets(problem):
    n = len(problem.train)
    density = multivariate_normal(np.zeros(n), problem.train + NOISE * np.eye(n))
    expected = density.logpdf(problem.targets.T).sum()
    found = log_marginal_likelihood(problem.train, problem.targets, NOISE)
    assert found == pytest.approx(expected, abs=1e-9)


def test_likelihood_is_the_product_of_predictions_in_turn(problem):
    total, targets = 0.0, problem.targets[:, :1]
    for i in range(12):
        before = problem.train[:i, :i]
        alone = problem.train[i : i + 1, i : i + 1]
        if i == 0:
            mean, variance = 0.0, alone.item()
        else:
            post = gaussian_process_posterior(
                nngp_train=before,
                nngp_test=problem.train[i : i + 1, :i],
                nngp_test_test=alone,
                targets=targets[:i],
                noise_variance=NOISE,
            )
            mean, variance = post.mean.item(), post.covariance.item()
        spread = variance + NOISE
        total -= 0.5 * (np.log(2 * np.pi * spread) + (targets[i, 0] - mean) ** 2 / spread)
    found = log_marginal_likelihood(problem.train[:12, :12], targets[:12], NOISE)
    assert found == pytest.approx(total, abs=1e-10)


def test_a_singular_covariance_without_noise_is_refused():
    one = np.ones((2, 2))
    with pytest.raises(InputError, match="ridge="):
        log_marginal_likelihood(one, np.ones((2, 1)), 0.0)


def test_an_ensemble_of_linear_models_trained_step_by_step():
    # f(x) = prior features · v + tangent features · w: v drawn and fixed, w trained from 0.
    rng = np.random.default_rng(0)
    n, m, draws, steps, rate, ridge = 8, 5, 40_000, 60, 0.2, 0.4
    tangent, prior = rng.normal(size=(n + m, 6)), rng.normal(size=(n + m, 4)) / 2
    y = rng.normal(size=(n, 1))
    theta, K = tangent @ tangent.T, prior @ prior.T
    start = prior @ rng.normal(size=(4, draws))
    w = np.zeros((6, draws))
    for _ in range(steps):
        residual = start[:n] + tangent[:n] @ w - y
        w -= rate * (tangent[:n].T @ residual + ridge * w) / n
    trained = start[n:] + tangent[n:] @ w
    system = kernel_system(
        ntk_train=theta[:n, :n],
        ntk_test=theta[n:, :n],
        nngp_train=K[:n, :n],
        nngp_test=K[n:, :n],
        nngp_test_variance=np.diagonal(K)[n:],
        targets=y,
    )
    found = tangent_ensemble(system, GradientDescent(rate), steps, K[n:, n:], ridge)
    # Sampling errors: std/200 for a mean, sqrt(2)/200 of the spread for a covariance; 5 of them.
    spread = np.sqrt(np.diagonal(found.covariance))
    assert (np.abs(trained.mean(axis=1) - found.mean[:, 0]) < 5 * spread / 200).all()
    gap = np.abs(np.cov(trained) - found.covariance)
    assert (gap < 5 * np.sqrt(2) / 200 * np.outer(spread, spread)).all()
    # The middle of training, far from either end.
    end = tangent_ensemble(system, GradientFlow(), np.inf, K[n:, n:], ridge)
    assert np.abs(end.mean - found.mean).max() > 20 * spread.max() / 200


def test_an_ensemble_at_the_end_of_training_in_numpy(problem):
    theta, ridge, n = 2 * problem.train + 0.3, 0.2, len(problem.train)
    system = kernel_system(
        ntk_train=theta,
        ntk_test=2 * problem.test + 0.3,
        nngp_train=problem.train,
        nngp_test=problem.test,
        nngp_test_variance=np.diagonal(problem.test_test),
        targets=problem.targets,
    )
    found = tangent_ensemble(system, GradientFlow(), np.inf, problem.test_test, ridge)
    A = (2 * problem.test + 0.3) @ np.linalg.inv(theta + ridge * np.eye(n))
    shared = A @ problem.test.T
    covariance = problem.test_test - shared - shared.T + A @ problem.train @ A.T
    np.testing.assert_allclose(found.mean, A @ problem.targets, atol=1e-10)
    np.testing.assert_allclose(found.covariance, covariance, atol=1e-10)


def test_where_prior_and_tangent_kernel_agree_so_do_ensemble_and_posterior(problem):
    # Training the last layer alone, to the end and without noise, samples the posterior.
    system = kernel_system(
        ntk_train=problem.train,
        ntk_test=problem.test,
        nngp_train=problem.train,
        nngp_test=problem.test,
        nngp_test_variance=np.diagonal(problem.test_test),
        targets=problem.targets,
    )
    ensemble = tangent_ensemble(system, GradientFlow(), np.inf, problem.test_test)
    posterior = gaussian_process_posterior(
        nngp_train=problem.train,
        nngp_test=problem.test,
        nngp_test_test=problem.test_test,
        targets=problem.targets,
        noise_variance=0.0,
    )
    np.testing.assert_allclose(ensemble.mean, posterior.mean, atol=1e-10)
    np.testing.assert_allclose(ensemble.covariance, posterior.covariance, atol=1e-10)
