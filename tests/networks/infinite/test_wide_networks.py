"""Kernels against ensembles of finite networks: nothing but forward passes and their gradients."""

import functools

import numpy as np
import pytest

from carnotlab.networks.activations import Erf, Gelu, LeakyRelu, Relu, Sin, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.parameterization import NTK, MeanField, Standard

X = np.random.default_rng(1).uniform(-1, 1, size=(4, 5))


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
def test_ensembles_of_finite_networks(name, ensemble, sigmas):
    # At finite width the mean over starts is off by O(depth / width): 3 layers / 64 = 5 %, on top
    # of the sampling error, of which 4.5 standard errors in one of 20 entries happen once in 7000.
    network = NETWORKS[name]
    for samples, expected in zip(ensemble(network, X, 200), kernels(network, X), strict=True):
        assert sigmas(samples, expected, bias=network.depth / W) < 4.5


def test_the_ensemble_notices_wrong_variances_and_rates(ensemble, sigmas):
    nngp, ntk = ensemble(NETWORKS["NTK"], X, 200)
    wrong = kernels(BIASED(weight_variance=1.5), X)
    for samples, expected in zip((nngp, ntk), wrong, strict=True):
        assert sigmas(samples, expected, bias=3 / W) > 4.5
    damped = kernels(NETWORKS["mean field"], X).ntk / (0.5**2 * W)  # without the rate factor
    assert sigmas(ensemble(NETWORKS["mean field"], X, 200)[1], damped, bias=3 / W) > 4.5


@pytest.mark.parametrize("kind", [NTK(), Standard(), MeanField(0.5)], ids=str)
def test_the_gap_to_the_tangent_kernel_falls_as_one_over_root_width(kind, ensemble):
    widths, gaps = np.array([32, 128, 512]), []
    for width in widths:
        network = mlp(5, (int(width),), 1, activation=Erf(), parameterization=kind)
        expected = kernels(network, X).ntk
        samples = ensemble(network, X, 100)[1]
        squares = np.sum((samples - expected) ** 2, axis=(1, 2)) / np.sum(expected**2)
        gaps.append(np.sqrt(np.mean(squares)))
    slope = np.polyfit(np.log(widths), np.log(gaps), 1)[0]
    # 100 seeds know a root mean square to 7 %: over this range of widths, ±0.05 in the slope.
    assert slope == pytest.approx(-0.5, abs=0.15)
    assert gaps[-1] < 0.2
