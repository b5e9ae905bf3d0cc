"""The regressor against kernel dynamics, conditioning in numpy, and networks that were trained."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from carnotlab.core.errors import InputError
from carnotlab.estimators.base import BIAS_VARIANCE
from carnotlab.estimators.regressor import InfiniteNetworkRegressor
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.networks.architectures import mlp
from carnotlab.networks.convolutional_architectures import convolutional
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.theories.kernel_dynamics import kernel_system, mean_and_variance
from carnotlab.theories.kernel_regression.conjugate_gradients import ConjugateGradients
from carnotlab.theories.kernel_regression.leave_one_out import leave_one_out
from carnotlab.theories.kernel_regression.nystrom import Nystrom

N, M, NETWORK = 24, 6, mlp(3, (8, 8), 2, bias_variance=0.3)
PLAIN = {"network": NETWORK, "standardize": False}


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N + M, 3))
    y = np.stack([np.abs(x[:, 0]), x[:, 1] * x[:, 2]], axis=1) + 0.1 * rng.normal(size=(N + M, 2))
    return x[:N], y[:N], x[N:]


def _moments(data, rule, time, ridge):
    x, y, z = data
    seen, across = kernels(NETWORK, x), kernels(NETWORK, z, x)
    system = kernel_system(
        ntk_train=seen.ntk,
        ntk_test=across.ntk,
        nngp_train=seen.nngp,
        nngp_test=across.nngp,
        nngp_test_variance=np.diagonal(kernels(NETWORK, z).nngp),
        targets=y,
    )
    return mean_and_variance(system, rule, np.array([time]), ridge / N)


@pytest.mark.parametrize("ridge", [0.0, 0.2])
@pytest.mark.parametrize(
    ("time", "rate"), [(0.0, None), (3.0, None), (None, None), (50, 0.5), (1, 0.1)]
)
def test_any_time_is_that_of_kernel_dynamics(data, time, rate, ridge):
    x, y, z = data
    model = InfiniteNetworkRegressor(**PLAIN, ridge=ridge, time=time, learning_rate=rate)
    mean, std = model.fit(x, y).predict(z, return_std=True)
    rule = GradientFlow() if rate is None else GradientDescent(rate)
    expected = _moments(data, rule, np.inf if time is None else time, ridge)
    np.testing.assert_allclose(mean, expected.test_mean[0], atol=1e-9)
    np.testing.assert_allclose(std**2, expected.test_variance[0][:, None] + np.zeros(2), atol=1e-9)


@pytest.mark.parametrize(
    ("solver", "error"),
    [("exact", 1e-9), (ConjugateGradients(1e-11), 1e-7), (Nystrom(N, "uniform"), 1e-7)],
)
@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
def test_every_solver_gives_the_formulas_in_numpy(data, kernel, solver, error):
    x, y, z = data
    model = InfiniteNetworkRegressor(**PLAIN, kernel=kernel, ridge=0.2, solver=solver)
    mean, std = model.fit(x, y).predict(z, return_std=True)
    seen, across, own = kernels(NETWORK, x), kernels(NETWORK, z, x), kernels(NETWORK, z)
    theta, cross = getattr(seen, kernel), getattr(across, kernel)
    A = cross @ np.linalg.inv(theta + 0.2 * np.eye(N))
    if kernel == "nngp":
        covariance = own.nngp - A @ cross.T
    else:
        shared = A @ across.nngp.T
        covariance = own.nngp - shared - shared.T + A @ seen.nngp @ A.T
    np.testing.assert_allclose(mean, A @ y, atol=error)
    np.testing.assert_allclose(std[:, 0] ** 2, np.diagonal(covariance), atol=error)


@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
def test_few_landmarks_are_ridge_regression_on_nystroms_features(data, kernel):
    x, y, z = data
    model = InfiniteNetworkRegressor(**PLAIN, kernel=kernel, ridge=0.2, solver=Nystrom(7)).fit(x, y)
    S = model._trained.smoother.support
    seen, across, own = kernels(NETWORK, x), kernels(NETWORK, z, x), kernels(NETWORK, z)
    theta, cross = getattr(seen, kernel), getattr(across, kernel)
    inner = np.linalg.inv(theta[np.ix_(S, S)])
    known, new = theta[:, S] @ inner @ theta[S], cross[:, S] @ inner @ theta[S]
    A = new @ np.linalg.inv(known + 0.2 * np.eye(N))
    np.testing.assert_allclose(model.predict(z), A @ y, atol=1e-9)
    if kernel == "nngp":
        # The posterior of the low-rank process, plus the variance that landmarks do not explain.
        own_low = cross[:, S] @ inner @ cross[:, S].T
        variance = np.diagonal(own.nngp - own_low + (own_low - A @ new.T))
    else:
        shared = A @ across.nngp.T
        variance = np.diagonal(own.nngp - shared - shared.T + A @ seen.nngp @ A.T)
    np.testing.assert_allclose(model.predict_std(z)[:, 0] ** 2, variance, atol=1e-9)


@pytest.mark.parametrize("solver", ["exact", "nystrom"])
@pytest.mark.parametrize("kernel", ["ntk", "nngp"])
def test_the_ridge_is_that_of_leave_one_out(data, kernel, solver):
    x, y, z = data
    ridges = [1e-4, 1e-2, 0.1, 1.0, 100.0]
    model = InfiniteNetworkRegressor(**PLAIN, kernel=kernel, ridge=ridges, solver=solver).fit(x, y)
    theta = getattr(kernels(NETWORK, x), kernel)
    errors = [leave_one_out(theta, y, ridge).mean_squared_error for ridge in ridges]
    assert model.ridge_ == ridges[int(np.argmin(errors))]
    assert model.leave_one_out_error_ == pytest.approx(min(errors), rel=1e-7)
    fixed = InfiniteNetworkRegressor(**PLAIN, kernel=kernel, ridge=model.ridge_).fit(x, y)
    # Landmarks are all samples here, so both solvers invert the same kernel.
    np.testing.assert_allclose(model.predict(z), fixed.predict(z), atol=1e-7)
    np.testing.assert_allclose(model.predict_std(z), fixed.predict_std(z), atol=1e-6)


def test_standardizing_makes_units_irrelevant(data):
    x, y, z = data
    units, shift = np.array([1e3, 1.0, 1e-3]), np.array([5.0, -2.0, 0.0])
    one = InfiniteNetworkRegressor().fit(x, y)
    other = InfiniteNetworkRegressor().fit(x * units + shift, y * [10.0, 0.1] + [3.0, 7.0])
    mean, std = one.predict(z, return_std=True)
    again, spread = other.predict(z * units + shift, return_std=True)
    np.testing.assert_allclose(again, mean * [10.0, 0.1] + [3.0, 7.0], rtol=1e-8)
    np.testing.assert_allclose(spread, std * [10.0, 0.1], rtol=1e-6)


def test_the_default_network_is_a_rectifying_perceptron(data):
    x, y, z = data
    explicit = mlp(3, (16,) * 3, 2, bias_variance=BIAS_VARIANCE)
    by_depth = InfiniteNetworkRegressor(depth=3).fit(x, y).predict(z)
    np.testing.assert_allclose(
        by_depth, InfiniteNetworkRegressor(explicit).fit(x, y).predict(z), atol=1e-10
    )


def test_a_template_is_called_with_inputs_and_outputs(data):
    x, y, z = data
    seen = []

    def build(inputs, outputs):
        seen.append((inputs, outputs))
        return NETWORK

    built = InfiniteNetworkRegressor(build, ridge=0.1).fit(x, y).predict(z)
    given = InfiniteNetworkRegressor(NETWORK, ridge=0.1).fit(x, y).predict(z)
    np.testing.assert_array_equal(built, given)
    assert seen == [(3, 2)]


def test_images_are_samples_of_several_axes():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 4, 4, 2)), rng.normal(size=20)
    network = mlp(32, (8,), 1, bias_variance=0.1)
    settings = {"network": network, "standardize": False, "ridge": 0.1}
    flat = InfiniteNetworkRegressor(**settings).fit(x.reshape(20, -1), y)
    model = InfiniteNetworkRegressor(**settings).fit(x, y)
    assert model.input_shape_ == (4, 4, 2)
    assert model.n_features_in_ == 32
    np.testing.assert_array_equal(model.predict(x[:5]), flat.predict(x[:5].reshape(5, -1)))
    # Flat rows are taken too; other shapes of the same size are not.
    np.testing.assert_array_equal(model.predict(x[:5]), model.predict(x[:5].reshape(5, -1)))
    with pytest.raises(InputError, match="shape"):
        model.predict(x.reshape(20, 2, 8, 2))
    # Channels, not pixels, are standardized: shifting one channel everywhere changes nothing.
    shifted = x * [3.0, 0.5] + [1.0, -1.0]
    one = InfiniteNetworkRegressor(network, ridge=0.1).fit(x, y).predict(x[:5])
    other = InfiniteNetworkRegressor(network, ridge=0.1).fit(shifted, y).predict(shifted[:5])
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("solver", ["exact", "nystrom"])
def test_a_convolutional_network_takes_images_and_their_flat_rows(solver):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4, 4, 2)) * [1.0, 5.0], rng.normal(size=12)
    network = convolutional((4, 4, 2), (8,), 1, bias_variance=0.1)
    model = InfiniteNetworkRegressor(network, ridge=0.3, solver=solver).fit(x[:9], y[:9])
    z = (x - x[:9].mean(axis=(0, 1, 2))) / x[:9].std(axis=(0, 1, 2))
    both = kernels(network, z)
    A = both.ntk[9:, :9] @ np.linalg.inv(both.ntk[:9, :9] + 0.3 * np.eye(9))
    expected = y[:9].mean() + A @ (y[:9] - y[:9].mean())
    np.testing.assert_allclose(model.predict(x[9:]), expected, atol=1e-9)
    joint = np.concatenate([-A, np.eye(3)], axis=1)
    variance = np.diagonal(joint @ both.nngp @ joint.T) * y[:9].var()
    np.testing.assert_allclose(model.predict_std(x[9:]) ** 2, variance, atol=1e-9)
    flat = InfiniteNetworkRegressor(network, ridge=0.3, solver=solver)
    flat.fit(x[:9].reshape(9, -1), y[:9])
    np.testing.assert_allclose(flat.predict(x[9:].reshape(3, -1)), expected, atol=1e-9)


def test_without_ridge_it_fits_the_targets_and_is_sure_of_them(data):
    x, y, _ = data
    model = InfiniteNetworkRegressor(ridge=0.0).fit(x, y)
    np.testing.assert_allclose(model.predict(x), y, atol=1e-8)
    np.testing.assert_allclose(model.predict_std(x), 0.0, atol=1e-5)


def test_duplicated_samples_are_fitted_by_descent_and_refused_by_conditioning(data):
    x, y, _ = data
    twice, targets = np.concatenate([x, x]), np.concatenate([y, y + 1.0])
    model = InfiniteNetworkRegressor(**PLAIN, ridge=0.0).fit(twice, targets)
    np.testing.assert_allclose(model.predict(x), y + 0.5, atol=1e-6)
    with pytest.raises(InputError, match="ridge="):
        InfiniteNetworkRegressor(**PLAIN, ridge=0.0, kernel="nngp").fit(twice, targets)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kernel": "rbf"}, "'ntk' or 'nngp'"),
        ({"kernel": "nngp", "time": 1.0, "ridge": 0.1}, "posterior has no time"),
        ({"time": 1.0}, "leave-one-out"),
        ({"time": -1.0, "ridge": 0.1}, "at least 0"),
        ({"time": 1.5, "ridge": 0.1, "learning_rate": 0.1}, "whole steps"),
        ({"learning_rate": 0.1, "ridge": 0.1}, "time=None"),
        ({"time": 1.0, "ridge": 0.1, "solver": "nystrom"}, "exact"),
        ({"solver": "conjugate-gradients"}, "one number"),
        ({"solver": "nystrom", "ridge": 0.0}, "above 0"),
        ({"solver": "lu"}, "'exact'"),
        ({"ridge": "best"}, "'leave-one-out'"),
        ({"ridge": -1.0}, "at least 0"),
        ({"depth": 0}, "hidden layer"),
        ({"network": mlp(5, (8,), 1)}, r"\(5,\) inputs"),
        ({"network": mlp(3, (8,), 5)}, "5 outputs"),
        ({"network": "mlp"}, "a Network"),
        ({"time": 4000, "ridge": 0.0, "learning_rate": 100.0}, "diverges"),
    ],
)
def test_settings_that_exclude_each_other_are_refused(data, wrong, words):
    with pytest.raises(InputError, match=words):
        InfiniteNetworkRegressor(**wrong).fit(*data[:2])


def test_conjugate_gradients_that_do_not_converge_warn(data):
    solver = ConjugateGradients(1e-12, rank=0, max_iterations=2)
    with pytest.warns(ConvergenceWarning, match="after 2 steps"):
        InfiniteNetworkRegressor(ridge=1e-3, solver=solver).fit(*data[:2])


def test_landmarks_drawn_follow_the_random_state(data):
    x, y, z = data
    solver = Nystrom(5, "uniform")
    # A solver with settings carries its own seed; the name takes the estimator's.
    one = InfiniteNetworkRegressor(ridge=0.1, solver=solver).fit(x, y).predict(z)
    again = InfiniteNetworkRegressor(ridge=0.1, solver=solver, random_state=3).fit(x, y).predict(z)
    np.testing.assert_array_equal(one, again)
    assert clone(InfiniteNetworkRegressor(solver=solver)).solver == solver
