"""Ensembles of finite networks, by forward passes and their gradients alone."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.networks.finite import Model


@functools.partial(jax.jit, static_argnums=0)
def kernels_of(model, starts, noise, x):
    """Empirical covariance over outputs and tangent kernel of output 0, one a start."""
    rates = model.rate_scales("gradient")

    def one(member):
        weights, key = member
        f = model.apply(weights, x, key)
        gradients = jax.jacrev(lambda w: model.apply(w, x, key)[:, 0])(weights)
        ntk = sum(
            rate * jnp.tensordot(g.reshape(len(x), -1), g.reshape(len(x), -1), (1, 1))
            for rate, layer in zip(rates, gradients, strict=True)
            for g in layer.values()
        )
        return f @ f.T / f.shape[1], ntk

    return jax.lax.map(one, (starts, noise))


@pytest.fixture(scope="session")
def ensemble():
    """Return both kernels of a network at many starts."""

    def measured(network, x, seeds):
        model = Model(network)
        # rbg: the same draws' distribution as threefry, compiled in half the time.
        with precision("float64"), jax.default_prng_impl("rbg"):
            # Not compiled as a whole: networks of equal shapes share what draws their weights.
            starts = jax.vmap(model.start)(jnp.arange(seeds))
            noise = jax.random.split(jax.random.key(7), seeds)
            found = kernels_of(model, starts, noise, jnp.asarray(x))
            return tuple(np.asarray(part) for part in found)

    return measured


@pytest.fixture(scope="session")
def sigmas():
    """Return how far an ensemble's mean is off in standard errors, past an allowance for width."""

    def deviation(samples, expected, bias):
        error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
        allowed = bias * np.abs(np.diagonal(expected)).max()
        gap = np.maximum(np.abs(samples.mean(axis=0) - expected) - allowed, 0.0)
        return float((gap / error).max())

    return deviation
