"""Kernels against ensembles of finite networks: nothing but forward passes and their gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.networks.activations import Erf, Gelu, LeakyRelu, Relu, Sin, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.parameterization import NTK, MeanField, Standard

X = np.random.default_rng(1).uniform(-1, 1, size=(4, 5))


@functools.partial(jax.jit, static_argnums=0)
def _kernels_of(model, starts):
    """Empirical covariance over outputs and tangent kernel of output 0, one a start."""
    rates = model.rate_scales("gradient")

    def one(weights):
        f = model.apply(weights, jnp.asarray(X))
        gradients = jax.jacrev(lambda w: model.apply(w, jnp.asarray(X))[:, 0])(weights)
        ntk = sum(
            rate * jnp.tensordot(g.reshape(len(X), -1), g.reshape(len(X), -1), (1, 1))
            for rate, layer in zip(rates, gradients, strict=True)
            for g in layer.values()
        )
        return f @ f.T / f.shape[1], ntk

    return jax.lax.map(one, starts)


def _ensemble(network, seeds):
    model = Model(network)
    # rbg: the same draws' distribution as threefry, compiled in half the time.
    with precision("float64"), jax.default_prng_impl("rbg"):
        # Not compiled as a whole: networks of equal shapes share what draws their weights.
        starts = jax.vmap(model.start)(jnp.arange(seeds))
        return tuple(np.asarray(part) for part in _kernels_of(model, starts))


def _sigmas(samples, expected, bias):
    """Deviation of the ensemble's mean in standard errors, past a relative allowance for width."""
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    allowed = bias * np.abs(np.diagonal(expected)).max()
    gap = np.maximum(np.abs(samples.mean(axis=0) - expected) - allowed, 0.0)
    return float((gap / error).max())


W = 64
BIASED = functools.partial(mlp, 5, (W, W), 32, bias_variance=0.2)
NETWORKS = {
    "NTK": BIASED(),
    "standard": BIASED(parameterization=Standard()),
    "mean field": BIASED(parameterization=MeanField(0.5)),
    "small start": BIASED(initialisation=Gaussian(0.5), parameterization=Standard()),
    "activations": Network(
        5, (Dense(W, 2.0), Gelu(), Dense(W, 3.0), Sin(), Dense(W), LeakyRelu(0.3), Dense(32)), NTK()
    ),
    "residual": Network(
        5,
        (
            Dense(W, 1.5),
            Residual((Relu(), Dense(W, 1.2, 0.1))),
            Tanh(),
            Residual((Dense(W, 0.8), Residual((Erf(), Dense(W, 0.5))), Dense(W, 0.9))),
            Dense(32),
        ),
        NTK(),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_ensembles_of_finite_networks(name):
    # At finite width the mean over starts is off by O(depth / width): 3 layers / 64 = 5 %, on top
    # of the sampling error, of which 4.5 standard errors in one of 20 entries happen once in 7000.
    network = NETWORKS[name]
    for samples, expected in zip(_ensemble(network, 200), kernels(network, X), strict=True):
        assert _sigmas(samples, expected, bias=network.depth / W) < 4.5


def test_the_ensemble_notices_wrong_variances_and_rates():
    nngp, ntk = _ensemble(NETWORKS["NTK"], 200)
    wrong = kernels(BIASED(weight_variance=1.5), X)
    for samples, expected in zip((nngp, ntk), wrong, strict=True):
        assert _sigmas(samples, expected, bias=3 / W) > 4.5
    damped = kernels(NETWORKS["mean field"], X).ntk / (0.5**2 * W)  # without the rate factor
    assert _sigmas(_ensemble(NETWORKS["mean field"], 200)[1], damped, bias=3 / W) > 4.5


@pytest.mark.parametrize("kind", [NTK(), Standard(), MeanField(0.5)], ids=str)
def test_the_gap_to_the_tangent_kernel_falls_as_one_over_root_width(kind):
    widths, gaps = np.array([32, 128, 512]), []
    for width in widths:
        network = mlp(5, (int(width),), 1, activation=Erf(), parameterization=kind)
        expected = kernels(network, X).ntk
        samples = _ensemble(network, 100)[1]
        squares = np.sum((samples - expected) ** 2, axis=(1, 2)) / np.sum(expected**2)
        gaps.append(np.sqrt(np.mean(squares)))
    slope = np.polyfit(np.log(widths), np.log(gaps), 1)[0]
    # 100 seeds know a root mean square to 7 %: over this range of widths, ±0.05 in the slope.
    assert slope == pytest.approx(-0.5, abs=0.15)
    assert gaps[-1] < 0.2
