"""Closed forms against integration in weight space, which knows no kernel and no eigenvectors."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from carnotlab.core.errors import InputError
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.theories.kernel_dynamics import (
    course,
    covariance,
    expected_loss,
    kernel_system,
    mean_and_variance,
    outputs,
)

N, M, K, P = 6, 4, 2, 20
FLOW = GradientFlow()


class LinearModel:
    """f(x) = f0(x) + features · (w - w0), with a free start f0 ~ N(0, prior)."""

    def __init__(self, seed=0, features=P):
        rng = np.random.default_rng(seed)
        self.x, self.z = rng.normal(size=(N, features)), rng.normal(size=(M, features))
        self.y = rng.normal(size=(N, K))
        mix = rng.normal(size=(N + M, N + M))
        self.prior = mix @ mix.T / (N + M)
        self.start = rng.normal(size=(N + M, K))

    @property
    def system(self):
        return kernel_system(
            ntk_train=self.x @ self.x.T,
            ntk_test=self.z @ self.x.T,
            nngp_train=self.prior[:N, :N],
            nngp_test=self.prior[N:, :N],
            nngp_test_variance=np.diagonal(self.prior)[N:],
            targets=self.y,
        )

    def gradient(self, w, start, ridge):
        """Of ½⟨|y - f|²⟩ + ½ ridge |w|², w counted from the start."""
        residual = start[:N] + self.x @ w - self.y
        return self.x.T @ residual / N + ridge * w

    def read(self, w, start):
        return start[:N] + self.x @ w, start[N:] + self.z @ w

    def flow(self, time, start, ridge=0.0):
        shape = (self.x.shape[1], K)

        def velocity(_, w):
            return -self.gradient(w.reshape(shape), start, ridge).ravel()

        path = solve_ivp(
            velocity, (0, time), np.zeros(shape).ravel(), rtol=1e-11, atol=1e-12, method="DOP853"
        )
        return self.read(path.y[:, -1].reshape(shape), start)

    def descend(self, steps, rule, start, ridge=0.0):
        w = velocity = np.zeros((self.x.shape[1], K))
        for _ in range(steps):
            gradient = self.gradient(w, start, ridge)
            velocity = rule.momentum * velocity + gradient
            change = gradient + rule.momentum * velocity if rule.nesterov else velocity
            w = w - rule.learning_rate * change
        return self.read(w, start)


@pytest.fixture
def model():
    return LinearModel()


def _predicted(model, rule, time, ridge=0.0):
    got = outputs(model.system, rule, np.array([time]), model.start[:N], model.start[N:], ridge)
    return got.train[0], got.test[0]


@pytest.mark.parametrize("features", [P, 3])  # 3: a singular kernel, not all can be fitted
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("time", [0.0, 0.05, 1.0, 20.0])
def test_flow_matches_integration_in_weight_space(features, ridge, time):
    model = LinearModel(features=features)
    expected = model.flow(time, model.start, ridge)
    for mine, theirs in zip(_predicted(model, FLOW, time, ridge), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-8)


RULES = [
    GradientDescent(0.05),
    GradientDescent(0.3),  # oscillates: the largest eigenvalue over n is about 6
    GradientDescent(0.05, momentum=0.9),
    GradientDescent(0.05, momentum=0.7, nesterov=True),
]


@pytest.mark.parametrize("features", [P, 3])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_descent_matches_the_loop(features, ridge, rule):
    model = LinearModel(features=features)
    for steps in (0, 1, 2, 7, 400):
        expected = model.descend(steps, rule, model.start, ridge)
        for mine, theirs in zip(_predicted(model, rule, steps, ridge), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("rule", [FLOW, RULES[0], RULES[2]], ids=str)
@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_moments_match_many_starts(model, rule, ridge):
    times, draws = np.array([0.0, 3.0, 40.0]), 20_000
    rng = np.random.default_rng(1)
    starts = np.linalg.cholesky(model.prior) @ rng.normal(size=(draws, N + M, K))
    got = outputs(model.system, rule, times, starts[:, :N], starts[:, N:], ridge)
    moments = mean_and_variance(model.system, rule, times, ridge)
    # Means of 20 000 draws err by std/141, variances by √2/141 = 1 %, with two outputs pooled
    # less; five of those errors over some hundred numbers are never seen.
    for sample, mean, variance in (
        (got.train, moments.train_mean, moments.train_variance),
        (got.test, moments.test_mean, moments.test_variance),
    ):
        error = np.sqrt(variance / draws)[..., None]
        assert (np.abs(sample.mean(axis=0) - mean) <= 5 * error + 1e-12).all()
        np.testing.assert_allclose(
            sample.var(axis=0).mean(axis=-1), variance, rtol=5 * np.sqrt(1 / draws), atol=1e-15
        )


def test_expected_loss_is_the_mean_of_losses(model):
    rng = np.random.default_rng(2)
    starts = np.linalg.cholesky(model.prior) @ rng.normal(size=(20_000, N + M, K))
    times = np.array([0.0, 2.0])
    got = outputs(model.system, FLOW, times, starts[:, :N], starts[:, N:])
    losses = 0.5 * np.mean(np.sum((got.train - model.y) ** 2, axis=-1), axis=-1)
    moments = mean_and_variance(model.system, FLOW, times)
    expected = expected_loss(model.y, moments.train_mean, moments.train_variance)
    error = losses.std(axis=0) / np.sqrt(20_000)
    assert (np.abs(losses.mean(axis=0) - expected) < 5 * error).all()


def test_covariance_extends_the_variance_and_matches_linear_algebra(model):
    prior = model.prior[N:, N:]
    found = covariance(model.system, FLOW, 2.0, prior, ridge=0.1)
    variance = mean_and_variance(model.system, FLOW, np.array([2.0]), 0.1).test_variance[0]
    np.testing.assert_allclose(np.diagonal(found), variance, rtol=1e-12)
    # f_t(z) is linear in the start; its matrix column by column, from starts of one 1 each.
    basis = np.repeat(np.eye(N + M)[:, :, None], K, axis=-1)
    zero = np.zeros((N + M, K))
    read = [
        outputs(model.system, FLOW, np.array([2.0]), s[:N], s[N:], 0.1).test[0, :, 0]
        for s in (zero, *basis)
    ]
    linear = np.stack([column - read[0] for column in read[1:]], axis=1)
    np.testing.assert_allclose(found, linear @ model.prior @ linear.T, atol=1e-12)


@pytest.mark.parametrize("rule", [FLOW, *RULES[::2]], ids=str)
def test_the_end_of_time_is_kernel_regression(model, rule):
    end = np.array([np.inf])
    theta, cross = model.x @ model.x.T, model.z @ model.x.T
    start_train, start_test = model.start[:N], model.start[N:]
    for ridge in (0.0, 0.2):
        got = outputs(model.system, rule, end, start_train, start_test, ridge)
        solved = np.linalg.solve(theta + N * ridge * np.eye(N), model.y - start_train)
        np.testing.assert_allclose(got.test[0], start_test + cross @ solved, rtol=1e-9)
        np.testing.assert_allclose(got.train[0], start_train + theta @ solved, rtol=1e-9)
    moments = mean_and_variance(model.system, rule, end)
    np.testing.assert_allclose(moments.train_mean[0], model.y, rtol=1e-12)
    assert moments.train_variance.max() < 1e-20
    late = mean_and_variance(model.system, rule, np.array([1e7]))
    np.testing.assert_allclose(late.test_variance, moments.test_variance, rtol=1e-6)


def test_ridge_goes_to_none(model):
    end, values = np.array([5.0, np.inf]), []
    for ridge in (1e-3, 1e-5, 0.0):
        values.append(mean_and_variance(model.system, FLOW, end, ridge).test_mean)
    gaps = [np.abs(value - values[-1]).max() for value in values[:2]]
    assert gaps[1] < gaps[0] / 50 < 1e-2


def test_flow_only_lowers_the_training_residual(model):
    times = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, 60), [np.inf]])
    train = outputs(model.system, FLOW, times, model.start[:N], model.start[N:]).train
    norms = np.linalg.norm(model.y - train, axis=(1, 2))
    assert (np.diff(norms) <= 1e-12).all()
    assert norms[-1] < 1e-12


def test_descent_tends_to_flow_at_first_order_in_the_rate(model):
    flow = mean_and_variance(model.system, FLOW, np.array([1.0])).test_mean
    rates = np.array([1e-2, 3e-3, 1e-3, 3e-4]) / 3
    steps = np.rint(1.0 / rates)
    gaps = [
        np.abs(
            mean_and_variance(model.system, GradientDescent(1.0 / n), np.array([n])).test_mean
            - flow
        ).max()
        for n in steps
    ]
    order = np.polyfit(np.log(1.0 / steps), np.log(gaps), 1)[0]
    assert order == pytest.approx(1.0, abs=0.05)


def test_small_steps_lose_no_digits(model):
    # η λ / n = 1e-12 a step: 1 - (1 - ηλ/n)^k needs more digits than 1 - ηλ/n holds.
    rule = GradientDescent(1e-12)
    slow = course(model.system, rule, np.array([10.0]))
    np.testing.assert_allclose(slow.learned, 10.0 * 1e-12 / N, rtol=1e-9)
    with_momentum = course(model.system, GradientDescent(1e-12, 0.5), np.array([2.0]))
    np.testing.assert_allclose(with_momentum.learned, 2.5e-12 / N, rtol=1e-9)


@pytest.mark.parametrize(
    "rule", [GradientDescent(5.0), GradientDescent(50.0, 0.9), GradientDescent(50.0, 0.9, True)]
)
def test_divergence_is_reported_as_infinite(model, rule):
    times = np.array([0.0, 5.0, 6.0, 1e5, np.inf])
    moments = mean_and_variance(model.system, rule, times)
    assert np.isfinite(moments.test_mean[:3]).all()
    for part in moments:
        assert not np.isnan(part).any()
        assert np.isinf(part[3:]).all()
    for steps in (5, 6):
        expected = model.descend(steps, rule, model.start)[1]
        np.testing.assert_allclose(_predicted(model, rule, steps)[1], expected, rtol=1e-7)
    got = outputs(model.system, rule, times, model.start[:N], model.start[N:])
    assert np.isinf(got.train[3:]).all()


def test_duplicated_samples_learn_the_mean_of_their_targets():
    x = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    y = np.array([[1.0], [3.0], [5.0]])
    theta = x @ x.T
    system = kernel_system(
        ntk_train=theta, ntk_test=theta, nngp_train=theta, nngp_test=theta,
        nngp_test_variance=np.diagonal(theta), targets=y,
    )  # fmt: skip
    moments = mean_and_variance(system, FLOW, np.array([0.0, 1e3, np.inf]))
    np.testing.assert_allclose(moments.test_mean[0], 0.0)
    for late in (1, 2):
        np.testing.assert_allclose(moments.test_mean[late].ravel(), [2.0, 2.0, 5.0], rtol=1e-12)
        np.testing.assert_allclose(moments.train_mean[late].ravel(), [2.0, 2.0, 5.0], rtol=1e-12)
        assert moments.test_variance[late].max() < 1e-12


def test_zero_kernel_learns_nothing():
    zero, one = np.zeros((2, 2)), np.ones((2, 1))
    system = kernel_system(
        ntk_train=zero, ntk_test=zero, nngp_train=np.eye(2), nngp_test=np.eye(2),
        nngp_test_variance=np.ones(2), targets=one,
    )  # fmt: skip
    for rule in (FLOW, GradientDescent(0.1), GradientDescent(0.1, 0.9)):
        for ridge in (0.0, 0.5):
            moments = mean_and_variance(system, rule, np.array([0.0, 10.0, np.inf]), ridge)
            assert np.abs(moments.train_mean).max() == 0.0
            np.testing.assert_allclose(moments.test_variance, 1.0)


def test_a_kernel_of_rank_one_less_is_the_pseudo_inverse():
    model = LinearModel(features=N - 1)
    got = mean_and_variance(model.system, FLOW, np.array([np.inf]))
    weights = np.linalg.pinv(model.x) @ model.y
    np.testing.assert_allclose(got.test_mean[0], model.z @ weights, rtol=1e-9)
    np.testing.assert_allclose(got.train_mean[0], model.x @ weights, rtol=1e-9)


def test_seeds_lead_and_times_follow(model):
    starts = np.random.default_rng(3).normal(size=(2, 3, N + M, K))
    got = outputs(model.system, FLOW, np.arange(4.0), starts[..., :N, :], starts[..., N:, :])
    assert got.train.shape == (2, 3, 4, N, K)
    assert got.test.shape == (2, 3, 4, M, K)
    one = outputs(model.system, FLOW, np.array([2.0]), starts[1, 2, :N], starts[1, 2, N:])
    np.testing.assert_allclose(got.test[1, 2, 2], one.test[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targets": np.zeros(N)}, r"targets of shape \(6,\)"),
        ({"targets": np.full((N, K), np.nan)}, "targets with entries that are not finite"),
        ({"ntk_train": np.eye(N - 1)}, "ntk_train of shape"),
        ({"ntk_train": np.triu(np.ones((N, N)))}, "not symmetric"),
        ({"ntk_train": -np.eye(N)}, "eigenvalue -1"),
        ({"nngp_test": np.zeros((N, M))}, "nngp_test of shape"),
        ({"nngp_test_variance": np.zeros(N + M)}, "nngp_test_variance of shape"),
    ],
)
def test_bad_blocks(change, words):
    blocks = {
        "ntk_train": np.eye(N), "ntk_test": np.zeros((M, N)), "nngp_train": np.eye(N),
        "nngp_test": np.zeros((M, N)), "nngp_test_variance": np.ones(M),
        "targets": np.zeros((N, K)),
    }  # fmt: skip
    kernel_system(**blocks)
    with pytest.raises(InputError, match=words):
        kernel_system(**{**blocks, **change})


def test_bad_times_and_ridge(model):
    with pytest.raises(InputError, match="times from 0 on"):
        course(model.system, FLOW, np.array([-1.0]))
    with pytest.raises(InputError, match="whole steps"):
        course(model.system, GradientDescent(0.1), np.array([1.5]))
    with pytest.raises(InputError, match="ridge"):
        course(model.system, FLOW, np.array([1.0]), ridge=-1.0)
    with pytest.raises(InputError, match="start_test of shape"):
        outputs(model.system, FLOW, np.array([1.0]), model.start[:N], model.start)
