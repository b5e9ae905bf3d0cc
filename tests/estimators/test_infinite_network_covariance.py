"""As scikit-learn's Gaussian processes use it."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

from carnotlab.core.errors import InputError
from carnotlab.estimators.infinite_network_covariance import InfiniteNetworkCovariance
from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.theories.kernel_regression.posterior import log_marginal_likelihood


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    return x, np.abs(x[:, 0] + 0.5) + 0.3 * x[:, 1] + 0.1 * rng.normal(size=40)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
def test_the_process_is_that_of_the_network(data, kind):
    x, y = data
    kernel = InfiniteNetworkCovariance(2, kind, 1.5, 0.2)
    process = GaussianProcessRegressor(kernel, alpha=0.1, optimizer=None).fit(x[:30], y[:30])
    network = mlp(3, (8, 8), 1, weight_variance=1.5, bias_variance=0.2)
    theta = getattr(kernels(network, x), kind)
    expected = theta[30:, :30] @ np.linalg.solve(theta[:30, :30] + 0.1 * np.eye(30), y[:30])
    np.testing.assert_allclose(process.predict(x[30:]), expected, rtol=1e-8)
    np.testing.assert_allclose(kernel.diag(x), np.diagonal(theta), rtol=1e-12)
    likelihood = log_marginal_likelihood(theta[:30, :30], y[:30, None], 0.1)
    assert process.log_marginal_likelihood_value_ == pytest.approx(likelihood, rel=1e-9)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("fixed", [(), ("weight_variance",), ("bias_variance", "weight_variance")])
def test_the_gradient_is_that_of_the_likelihood(data, kind, fixed):
    x, y = data
    bounds = {f"{name}_bounds": "fixed" for name in fixed}
    process = GaussianProcessRegressor(
        InfiniteNetworkCovariance(2, kind, **bounds), alpha=0.1, optimizer=None
    ).fit(x, y)
    theta = process.kernel_.theta
    assert len(theta) == 2 - len(fixed)
    slopes = process.log_marginal_likelihood(theta, eval_gradient=True)[1]
    if len(theta):
        # Forward differences err by half the curvature, at most about 100, times the step of 1e-7.
        differences = approx_fprime(theta, process.log_marginal_likelihood, 1e-7)
        np.testing.assert_allclose(slopes, differences, atol=1e-4)
    else:
        assert slopes.size == 0


def test_learning_finds_where_the_slope_is_zero(data):
    x, y = data
    kernel = ConstantKernel() * InfiniteNetworkCovariance(1) + WhiteKernel(0.1, (1e-4, 10.0))
    process = GaussianProcessRegressor(kernel).fit(x, y)
    before = process.log_marginal_likelihood(kernel.theta)
    assert process.log_marginal_likelihood_value_ > before + 1.0
    value, slopes = process.log_marginal_likelihood(process.kernel_.theta, eval_gradient=True)
    low, high = process.kernel_.bounds.T
    inside = (process.kernel_.theta > low + 1e-6) & (process.kernel_.theta < high - 1e-6)
    assert inside.sum() >= 2
    assert np.abs(slopes[inside]).max() < 1e-2 * abs(value - before)


def test_it_classifies(data):
    x, y = data
    labels = np.where(y > np.median(y), "high", "low")
    process = GaussianProcessClassifier(10.0 * InfiniteNetworkCovariance(1)).fit(x, labels)
    assert process.score(x, labels) > 0.95


def test_clone_and_settings():
    kernel = InfiniteNetworkCovariance(3, "ntk", weight_variance=1.2)
    assert clone(kernel) == kernel
    assert kernel.clone_with_theta(kernel.theta + 0.1).weight_variance == pytest.approx(
        1.2 * np.exp(0.1)
    )


def test_wrong_settings_are_refused():
    x = np.ones((2, 1))
    for wrong, words in (({"depth": 0}, "depth"), ({"kind": "other"}, "kernel 'other'")):
        with pytest.raises(InputError, match=words):
            InfiniteNetworkCovariance(**wrong)(x)
    with pytest.raises(InputError, match="one set"):
        InfiniteNetworkCovariance()(x, x, eval_gradient=True)
