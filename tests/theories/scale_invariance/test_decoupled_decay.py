"""Decoupled decay traded for growing rates, against the rules written out by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.theories.scale_invariance.decoupled_decay import (
    growing_adam_schedule,
    growing_momentum_schedule,
    shrinking_adam,
)

FORM = np.diag(np.linspace(1.0, 5.0, 6))
START = np.random.default_rng(0).normal(size=6)
STEPS = 300


def slope(w):
    square = w @ w
    return (FORM @ w - (w @ FORM @ w) / square * w) / square


def test_momentum():
    rates, decay, momentum = 0.03 * 0.3 ** (np.arange(STEPS) // 100), 0.4, 0.8
    table = growing_momentum_schedule(rates, decay, (True,))
    w, v, grown, buffer, scale = START, 0.0, START, 0.0, 1.0
    for t, rate in enumerate(rates):
        v = momentum * v + slope(w)
        w = (1 - rate * decay) * w - rate * v
        buffer = momentum * table.buffers[t, 0] * buffer + slope(grown)
        grown = grown - rates[0] * table.rates[t, 0] * buffer
        scale *= 1 - rate * decay
        np.testing.assert_allclose(w, scale * grown, rtol=0.0, atol=1e-11)
    assert scale < 0.25


def test_adam():
    rate, decay, steps = 0.03, 0.2, 150
    rates = np.full(steps, rate)
    table = growing_adam_schedule(rates, decay, (True,))
    with precision("float64"):
        usual = optax.adamw(rate, 0.9, 0.999, eps=1e-30, weight_decay=decay)
        other = shrinking_adam(rate, (1.0 - rate * decay,))
        w = grown = ({"weight": jnp.asarray(START)},)
        state, its = usual.init(w), other.init(grown)
        one, two = jax.jit(usual.update), jax.jit(other.update)
        for t in range(steps):
            step, state = one(_slope(w), state, w)
            w = optax.apply_updates(w, step)
            step, its = two(_slope(grown), its)
            factor = table.rates[t, 0]
            grown = ({"weight": grown[0]["weight"] + factor * step[0]["weight"]},)
        scale = (1 - rate * decay) ** steps
        np.testing.assert_allclose(
            w[0]["weight"], scale * grown[0]["weight"], rtol=1e-9, atol=1e-12
        )
        assert scale < 0.5


def _slope(weights):
    return ({"weight": jnp.asarray(slope(np.asarray(weights[0]["weight"])))},)


def test_adam_without_shrinking_is_adam():
    with precision("float64"):
        weights = ({"weight": jnp.ones(3)}, {"weight": jnp.ones(2)})
        usual, own = optax.adam(0.1, eps=1e-30), shrinking_adam(0.1, (1.0, 1.0))
        a, b = usual.init(weights), own.init(weights)
        for t in range(5):
            g = ({"weight": jnp.arange(3.0) + t}, {"weight": jnp.sin(jnp.arange(2.0) + t)})
            first, a = usual.update(g, a)
            second, b = own.update(g, b)
            for one, two in zip(first, second, strict=True):
                np.testing.assert_allclose(one["weight"], two["weight"], rtol=1e-12)


def test_refusal():
    with pytest.raises(InputError, match=r"rate times decay = 1.*below 1"):
        growing_momentum_schedule(np.ones(2), 1.0, (True,))
