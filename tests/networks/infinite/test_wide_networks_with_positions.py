"""Kernels of layers with positions against ensembles of finite networks: forward passes only."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.precision import precision
from carnotlab.networks.activations import Erf, Relu, Sin
from carnotlab.networks.convolutional_architectures import lenet, myrtle, resnet, vgg
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.layers import (
    AveragePool,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    LayerNorm,
    Product,
    Residual,
    SelfAttention,
    Sum,
    SumPool,
)
from carnotlab.networks.parameterization import NTK, Standard

X = np.random.default_rng(1).normal(size=(3, 5, 4, 2))
LINE = X.reshape(3, 20, 2)[:, :6]
W = 48
OUT = Dense(16, 1.3, 0.1)


def conv(size=3, stride=1, padding="same", channels=W, bias=None):
    return Convolution(channels, size, stride, padding, 2.0, bias)


def image(*layers, kind=None, frozen=0):
    return Network((5, 4, 2), (*layers, OUT), kind or NTK(), frozen=frozen)


def line(*layers):
    return Network((6, 2), (*layers, OUT), NTK())


NETWORKS = {
    "same": image(conv(bias=0.2), Relu(), conv(), Relu(), Flatten()),
    "valid": image(conv((2, 3), padding="valid"), Relu(), Flatten()),
    "circular": image(
        conv(padding="circular"), Relu(), conv(padding="circular"), GlobalAveragePool()
    ),
    "even filter": image(conv(2), Erf(), conv(2, padding="circular"), Flatten()),
    "stride": image(conv(3, 2), Relu(), conv((3, 2), (1, 2)), Relu(), GlobalSumPool()),
    "standard": image(conv(), Relu(), GlobalAveragePool(), kind=Standard()),
    "frozen": image(conv(), Relu(), conv(), Relu(), Flatten(), frozen=2),
    "one axis": line(conv(), Relu(), conv(4, 2), Relu(), Flatten()),
    "average pool": image(conv(), Relu(), AveragePool(2), conv(bias=0.1), Sin(), Flatten()),
    "padded pool": image(conv(), Relu(), AveragePool(3, 2, "same"), Dense(W), Relu(), Flatten()),
    "sum pool": image(conv(), Relu(), SumPool((2, 1), 1, "circular"), conv(1), Relu(), Flatten()),
    "dense at positions": image(conv(), Relu(), Dense(W, 2.0), Relu(), GlobalAveragePool()),
    "pixels first": image(Relu(), AveragePool(2), conv(2), Relu(), Flatten()),
    "residual": image(conv(), Residual((Relu(), conv())), Relu(), GlobalAveragePool()),
    "shortcut": image(conv(), Sum(((conv(1, 2),), (Relu(), conv(3, 2)))), Relu(), Flatten()),
    "product": image(
        conv(), Product(((Relu(), conv()), (conv(2),))), Dense(W), GlobalAveragePool()
    ),
    "layer norm": image(conv(bias=0.3), LayerNorm(), Relu(), GlobalAveragePool()),
    "layer norm over all": image(conv(), LayerNorm("all"), Relu(), Flatten()),
    "dropout": image(conv(), Relu(), Dropout(0.7), conv(), Relu(), Dropout(0.6), Flatten()),
    "dropout and pooling": image(conv(), Relu(), Dropout(0.7), conv(), GlobalAveragePool()),
    "linear attention": line(
        conv(),
        Relu(),
        SelfAttention(W, 1, 8 * W, W, value_variance=1.3),
        Relu(),
        GlobalAveragePool(),
    ),
    "square root attention": line(
        conv(), SelfAttention(W, 32, 32, 8, "square root", 0.8, 1.2, 0.9), GlobalAveragePool()
    ),
}


QUICK = (
    "frozen",
    "average pool",
    "shortcut",
    "layer norm",
    "dropout and pooling",
    "linear attention",
)
"""Those that run every time: each takes seconds, nearly all of them to compile."""

ALL = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETWORKS]


def _inputs(network):
    return X if len(network.shape) == 3 else LINE


@pytest.mark.parametrize("name", ALL)
def test_ensembles_of_finite_networks(name, ensemble, sigmas):
    # At finite width the mean over starts is off by O(depth / width), on top of the sampling
    # error, of which 4.5 standard errors in one of 12 entries happen once in 12000.
    network = NETWORKS[name]
    x = _inputs(network)
    for samples, limit in zip(ensemble(network, x, 150), kernels(network, x), strict=True):
        assert sigmas(samples, limit, bias=network.depth / W) < 4.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("same", "circular"),
        ("average pool", "padded pool"),
        ("layer norm", "residual"),
        ("frozen", "same"),
    ],
)
def test_the_ensemble_notices_another_network(name, other, ensemble, sigmas):
    network = NETWORKS[name]
    wrong = kernels(NETWORKS[other], X)
    pairs = zip(ensemble(network, X, 150), wrong, strict=True)
    assert max(sigmas(part, limit, bias=network.depth / W) for part, limit in pairs) > 4.5


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_gaps_fall_as_one_over_root_width(name, ensemble):
    # Products of attention with values are heavy-tailed with few heads: more of them.
    narrowest = 96 if name == "square root attention" else 16
    widths, gaps = narrowest * np.array([1, 4, 16] if narrowest == 16 else [1, 2, 4]), []
    for width in widths:
        network = _rescaled(NETWORKS[name], width / W)
        x = _inputs(network)
        squares = [
            np.mean(np.sum((samples - limit) ** 2, axis=(1, 2)) / np.sum(limit**2))
            for samples, limit in zip(ensemble(network, x, 40), kernels(network, x), strict=True)
        ]
        gaps.append(np.sqrt(squares))
    slopes = np.polyfit(np.log(widths), np.log(gaps), 1)[0]
    # 40 seeds know a root mean square to 11 %, over this range ±0.08 in the slope. The prior is
    # estimated from as many outputs as the network is wide, whose average falls alike.
    np.testing.assert_allclose(slopes, -0.5, atol=0.25)


def _rescaled(network, factor):
    """Return the network with all its widths multiplied; outputs too, which average the prior."""

    def wider(layer):
        match layer:
            case Dense():
                return Dense(
                    round(layer.units * factor), layer.weight_variance, layer.bias_variance
                )
            case Convolution():
                fields = vars(layer) | {"channels": round(layer.channels * factor)}
                return Convolution(**fields)
            case SelfAttention():
                sizes = ("units", "heads", "key_units", "value_units")
                kept = ("heads",) if layer.scaling == "linear" else ("key_units", "value_units")
                scaled = {
                    name: max(1, round(getattr(layer, name) * factor))
                    for name in sizes
                    if name not in kept
                }
                return SelfAttention(**(vars(layer) | scaled))
            case Residual():
                return Residual(tuple(map(wider, layer.layers)))
            case Sum() | Product():
                branches = tuple(tuple(map(wider, branch)) for branch in layer.branches)
                return type(layer)(branches)
            case _:
                return layer

    layers = tuple(map(wider, network.layers))
    return Network(network.inputs, layers, network.parameterization, frozen=network.frozen)


READY = {
    "lenet": lenet((12, 12, 1), 16, width=8),
    "vgg": vgg((32, 32, 1), 16, width=24),
    "resnet": resnet((6, 6, 1), 16, blocks=(1, 1), width=48),
    "myrtle": myrtle((8, 8, 1), 16, width=48),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", READY)
def test_ready_made_networks(name, sigmas):
    network = READY[name]
    model, x = Model(network), np.random.default_rng(3).normal(size=(2, *network.shape))
    with precision("float64"):

        def one(seed):
            outputs = model.apply(model.start(seed), jnp.asarray(x))
            return outputs @ outputs.T / network.outputs

        samples = np.asarray(jax.jit(lambda: jax.lax.map(one, jnp.arange(150)))())
    narrowest = min(layer.outputs for layer in network.maps[:-1])
    limit = kernels(network, x).nngp
    assert sigmas(samples, limit, bias=network.depth / narrowest) < 4.5
