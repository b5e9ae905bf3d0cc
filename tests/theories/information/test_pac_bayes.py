"""The bound: its parts by other means, and its promise over many draws of the samples."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from carnotlab.core.data import Batch
from carnotlab.core.errors import InputError
from carnotlab.theories.information.pac_bayes import (
    binary_kl,
    kl_inverse,
    stochastic_bound,
    stochastic_error,
)

RANDOM = np.random.default_rng(0)


def linear(w, x):
    return jnp.stack([x @ w, -(x @ w)], axis=1)


def samples(n, teacher, noise=0.0):
    x = RANDOM.standard_normal((n, len(teacher)))
    right = (x @ teacher > 0) ^ (RANDOM.random(n) < noise)
    return Batch(x, np.eye(2)[np.where(right, 0, 1)])


def test_the_inverse_is_one():
    for error in (0.0, 0.01, 0.3, 0.9):
        for budget in (1e-4, 0.1, 1.0):
            p = kl_inverse(error, budget)
            assert error < p < 1.0
            assert binary_kl(error, p) == pytest.approx(budget, rel=1e-6)
    assert kl_inverse(0.2, 0.0) == 0.2
    assert kl_inverse(1.0, 1.0) == 1.0
    assert kl_inverse(0.5, 1e6) == 1.0


def test_errors_and_divergence_of_a_linear_classifier_in_closed_form():
    """At w with spread s the output on x is N(w·x, s²|x|²): each sample errs by a known share."""
    w, batch, width = np.array([1.0, 0.5]), samples(400, np.array([1.0, 0.0])), 0.5
    sign = 1.0 - 2.0 * np.argmax(batch.y, axis=1)
    exact = norm.cdf(-sign * (batch.x @ w) / (width * np.linalg.norm(batch.x, axis=1))).mean()
    found = stochastic_bound(
        linear, jnp.asarray(w), jnp.zeros(2), batch, widths=(width,), draws=4000
    )
    # Each of 4000 draws is a mean over 50 samples and one w, of deviation below 1/2.
    assert found.train_error == pytest.approx(exact, abs=4.5 * 0.5 / math.sqrt(4000))
    assert found.kl == pytest.approx(1.25 / (2 * 0.25), rel=1e-6)
    assert stochastic_error(linear, jnp.asarray(w), batch, width, draws=4000) == pytest.approx(
        exact, abs=4.5 * 0.5 / math.sqrt(4000)
    )


def test_the_bound_by_hand():
    batch = samples(400, np.array([1.0, 0.0]))
    found = stochastic_bound(linear, jnp.ones(2), jnp.zeros(2), batch, widths=(0.5, 1.0))
    part = 0.05 / 2 / 2
    for width, bound in zip(found.widths, found.every_bound, strict=True):
        kl = 2.0 / (2 * width**2)
        assert bound >= 1 - math.exp(-(kl + math.log(40 / part)) / 400)
    assert found.error_bound == min(found.every_bound)
    on_samples = kl_inverse(found.train_error, math.log(1 / part) / 1000)
    budget = (found.kl + math.log(2 * math.sqrt(400) / part)) / 400
    assert found.error_bound == pytest.approx(kl_inverse(on_samples, budget), rel=1e-9)
    assert found.bits_per_sample == pytest.approx(found.kl / math.log(2) / 400)


def test_scales_are_units_of_the_weights():
    """Weights ten times as large with ten times the scale: the same network, the same bound."""
    batch = samples(200, np.array([1.0, 0.0]))
    w = {"a": jnp.array([1.0]), "b": jnp.array([0.5])}

    def apply(w, x):
        return linear(jnp.concatenate([w["a"], w["b"]]), x)

    def scaled(w, x):
        return linear(jnp.concatenate([w["a"] / 10, w["b"]]), x)

    larger = {"a": jnp.array([10.0]), "b": jnp.array([0.5])}
    zero = {"a": jnp.zeros(1), "b": jnp.zeros(1)}
    one = stochastic_bound(apply, w, zero, batch)
    other = stochastic_bound(scaled, larger, zero, batch, scales={"a": 10.0, "b": 1.0})
    assert other.error_bound == pytest.approx(one.error_bound, rel=1e-4)


def test_the_promise_holds_over_draws_of_the_samples():
    """Least squares on 100 noisy samples, 60 times: never above the true error of its own."""
    teacher, failures = np.array([1.0, 0.0, 0.0]), 0
    fresh = samples(20_000, teacher, noise=0.1)
    for _ in range(60):
        batch = samples(100, teacher, noise=0.1)
        w = np.linalg.lstsq(batch.x, batch.y[:, 0] - batch.y[:, 1], rcond=None)[0]
        bound = stochastic_bound(
            linear, jnp.asarray(w), jnp.zeros(3), batch, widths=(0.3, 1.0), draws=200
        )
        spread = bound.width * np.linalg.norm(fresh.x, axis=1)
        sign = 1.0 - 2.0 * np.argmax(fresh.y, axis=1)
        failures += norm.cdf(-sign * (fresh.x @ w) / spread).mean() > bound.error_bound
    assert failures <= 60 * 0.05


def test_what_cannot_be_is_refused():
    batch = samples(10, np.ones(2))
    for options, message in (
        ({"widths": ()}, "widths"),
        ({"confidence": 1.0}, "confidence"),
        ({"scales": 0.0}, "scales"),
    ):
        with pytest.raises(InputError, match=message):
            stochastic_bound(linear, jnp.ones(2), jnp.zeros(2), batch, **options)
    with pytest.raises(InputError, match="same tree"):
        stochastic_bound(linear, jnp.ones(2), jnp.zeros(3), batch)
    with pytest.raises(InputError, match="between 0 and 1"):
        kl_inverse(1.2, 0.1)
