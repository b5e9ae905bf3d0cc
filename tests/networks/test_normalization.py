"""Batch and group normalization by hand, statistics of a reference, and what has no scale."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.measures.tangent_kernel import tangent_kernel
from carnotlab.networks.activations import Relu
from carnotlab.networks.architectures import mlp
from carnotlab.networks.convolutional_architectures import resnet
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.forward import without_weights
from carnotlab.networks.layers import (
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    GroupNorm,
    LayerNorm,
    Residual,
    Sum,
    couples_samples,
)
from carnotlab.networks.parameterization import Standard

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(5, 4, 3, 2))
VECTORS = RANDOM.normal(size=(7, 3))


@pytest.fixture(autouse=True)
def _float64():
    with precision("float64"):
        yield


def normalized(x, axes, epsilon):
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(x.var(axis=axes, keepdims=True) + epsilon)


def test_batch_norm_of_units_by_hand():
    network = mlp(3, (4,), 2, normalization=BatchNorm(0.1), parameterization=Standard())
    model = Model(network)
    first, last = model.start(0)
    hidden = normalized(VECTORS @ np.asarray(first["weight"]).T, 0, 0.1)
    expected = np.maximum(hidden, 0.0) @ np.asarray(last["weight"]).T
    np.testing.assert_allclose(model.apply((first, last), VECTORS), expected, rtol=1e-12)


def test_batch_norm_of_channels_is_over_samples_and_positions():
    layers = (Convolution(4), BatchNorm(0.1), Flatten(), Dense(2))
    model = Model(Network((4, 3, 2), layers, Standard()))
    plain = Model(Network((4, 3, 2), (layers[0], *layers[2:]), Standard()))
    weights = model.start(0)
    (hidden,) = plain.hidden(weights, IMAGES)
    channels = normalized(np.asarray(hidden).reshape(5, 4, 3, 4), (0, 1, 2), 0.1)
    expected = channels.reshape(5, -1) @ np.asarray(weights[1]["weight"]).T
    np.testing.assert_allclose(model.apply(weights, IMAGES), expected, rtol=1e-12)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm_by_hand(groups):
    x = RANDOM.normal(size=(5, 4, 3, 4))
    cut = x.reshape(5, 4, 3, groups, -1)
    expected = normalized(cut, (1, 2, 4), 0.1).reshape(x.shape)
    found = without_weights(GroupNorm(groups, 0.1), jnp.asarray(x))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if groups == 1:
        whole = without_weights(LayerNorm("all"), jnp.asarray(x))
        one = without_weights(GroupNorm(1, 1e-12), jnp.asarray(x))
        np.testing.assert_allclose(one, whole, rtol=1e-12)


NESTED = Network(
    3,
    (
        Dense(4),
        BatchNorm(),
        Residual((Relu(), Dense(6), BatchNorm(0.5), Dense(4))),
        BatchNorm(),
        Dense(2),
    ),
    Standard(),
)


def test_statistics_are_in_order_of_the_pass_and_give_the_batch_back():
    model = Model(NESTED)
    weights = model.start(0)
    statistics = model.statistics(weights, VECTORS)
    assert [len(each.mean) for each in statistics] == [4, 6, 4]
    np.testing.assert_array_equal(
        model.apply(weights, VECTORS, statistics=statistics), model.apply(weights, VECTORS)
    )


def test_with_statistics_samples_do_not_depend_on_one_another():
    model = Model(NESTED)
    weights = model.start(0)
    statistics = model.statistics(weights, VECTORS)
    new = RANDOM.normal(size=(4, 3))
    together = model.apply(weights, new, statistics=statistics)
    alone = [model.apply(weights, new[i : i + 1], statistics=statistics)[0] for i in range(4)]
    np.testing.assert_allclose(together, jnp.stack(alone), rtol=1e-12)
    # By their own statistics they do.
    assert np.abs(model.apply(weights, new) - together).max() > 0.1


def test_networks_without_batch_norm_have_no_statistics():
    for normalization in (None, LayerNorm(), GroupNorm(2)):
        model = Model(mlp(3, (4,), 2, normalization=normalization))
        assert not model.couples_samples
        assert model.statistics(model.start(0), VECTORS) == ()
    assert couples_samples(NESTED.layers)
    assert not couples_samples((Residual((GroupNorm(),)),))


def test_one_sample_is_refused_wherever_it_comes_from():
    model = Model(mlp(3, (4,), 2, normalization=BatchNorm()))
    weights = model.start(0)
    with pytest.raises(OutOfReachError, match=r"BatchNorm on a batch of one sample.*GroupNorm"):
        model.apply(weights, VECTORS[:1])
    with pytest.raises(OutOfReachError, match=r"kernels and Jacobians sample by sample"):
        tangent_kernel(model.apply, weights, VECTORS)


@pytest.mark.parametrize(
    "network",
    [
        mlp(3, (8, 8), 2, normalization=BatchNorm(0.0), parameterization=Standard()),
        mlp(3, (8, 8), 2, normalization=GroupNorm(2, 0.0), parameterization=Standard()),
        resnet(
            (4, 3, 2),
            2,
            blocks=(1, 2),
            width=4,
            normalization=BatchNorm(0.0),
            parameterization=Standard(),
        ),
    ],
    ids=["batch norm", "group norm", "residual net"],
)
def test_normalized_networks_have_no_scale(network):
    """All maps but the head together: doubled, they change no bit, and gradients are orthogonal."""
    model = Model(network)
    weights = model.start(0)
    x = VECTORS if network.shape == (3,) else IMAGES

    @jax.jit
    def loss(weights):
        return jnp.sum(jnp.sin(model.apply(weights, x)))

    doubled = (*(jax.tree.map(lambda w: 2.0 * w, layer) for layer in weights[:-1]), weights[-1])
    assert float(loss(doubled)) == float(loss(weights))
    slope = jax.jit(jax.grad(loss))(weights)
    pairs = [(w["weight"], g["weight"]) for w, g in zip(weights, slope, strict=True)]
    radial = sum(float(jnp.sum(w * g)) for w, g in pairs[:-1])
    size = sum(float(jnp.sum(g**2)) for _, g in pairs[:-1]) ** 0.5
    assert abs(radial) < 1e-13 * max(size, 1.0)
    assert abs(float(jnp.sum(pairs[-1][0] * pairs[-1][1]))) > 1e-3  # the head has a scale


def test_maps_of_what_is_not_normalized_multiply_scales_up():
    """Why a strided shortcut of a normalized residual net stands behind normalization, too."""
    branch = Sum(((Dense(4),), (BatchNorm(0.0), Relu(), Dense(4))))
    model = Model(Network(3, (Dense(4), branch, BatchNorm(0.0), Dense(2)), Standard()))
    weights = model.start(0)
    doubled = (*(jax.tree.map(lambda w: 2.0 * w, layer) for layer in weights[:-1]), weights[-1])
    gap = np.abs(model.apply(doubled, VECTORS) - model.apply(weights, VECTORS))
    assert gap.max() > 1e-2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BatchNorm(-1.0), r"epsilon = -1"),
        (lambda: GroupNorm(0), r"groups = 0"),
        (lambda: mlp(3, (4,), 2, normalization=GroupNorm(3)), r"4 channels in 3 groups"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
