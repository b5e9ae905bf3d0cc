"""Every description either has an infinite-width reading or is refused with a way out."""

import typing

import jax.numpy as jnp
import numpy as np
import pytest
from example_layers import every_layer, flattened

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.networks import initialisation, parameterization
from carnotlab.networks.activations import LeakyRelu, Linear, Relu, Sin, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.infinite.kernels import kernels, nngp_diagonal
from carnotlab.networks.infinite.limits import refuse_without_limit
from carnotlab.networks.initialisation import (
    Aligned,
    Balanced,
    Gaussian,
    Given,
    LambdaBalanced,
    Orthogonal,
    given,
)
from carnotlab.networks.layers import (
    BatchNorm,
    CausalAttention,
    Convolution,
    Dense,
    DropConnect,
    GroupNorm,
    LastPosition,
    MaxPool,
    OneHot,
    PositionOneHot,
    Recurrent,
    Residual,
)

X = np.random.default_rng(0).normal(size=(5, 3))


IMAGES = np.random.default_rng(1).normal(size=(5, 4, 4, 2))


@pytest.mark.parametrize("layer", every_layer(), ids=lambda layer: type(layer).__name__)
def test_every_layer_has_a_reading_or_a_refusal(layer):
    network = Network((4, 4, 2), (Convolution(4), *flattened(layer), Dense(2)))
    finite = Model(network)
    assert finite.apply(finite.start(0), jnp.asarray(IMAGES)).shape == (5, 2)
    refused = {
        MaxPool: r"MaxPool.*use AveragePool",
        DropConnect: r"DropConnect.*use Dropout\(0.5\)",
        BatchNorm: r"BatchNorm.*use LayerNorm",
        GroupNorm: r"GroupNorm.*use LayerNorm",
        CausalAttention: r"CausalAttention.*use SelfAttention\(4\)",
        Recurrent: r"Recurrent.*use Convolution\(4\)",
        LastPosition: r"LastPosition behind weights.*use GlobalAveragePool",
        OneHot: r"OneHot behind weights.*move it to the front",
        PositionOneHot: r"PositionOneHot behind weights.*move it to the front",
    }
    if type(layer) in refused:
        with pytest.raises(OutOfReachError, match=refused[type(layer)]):
            kernels(network, IMAGES)
        return
    for kernel in kernels(network, IMAGES):
        assert kernel.shape == (5, 5)
        assert kernel.dtype == np.float64
        assert np.isfinite(kernel).all()
        np.testing.assert_array_equal(kernel, kernel.T)
        assert np.linalg.eigvalsh(kernel).min() > -1e-12 * np.trace(kernel)


@pytest.mark.parametrize(
    "kind", typing.get_args(parameterization.Parameterization), ids=lambda c: c.__name__
)
def test_every_parameterization_has_a_reading(kind):
    assert np.isfinite(kernels(mlp(3, (4,), 1, parameterization=kind()), X).ntk).all()


@pytest.mark.parametrize(
    "start", typing.get_args(initialisation.Initialisation), ids=lambda c: c.__name__
)
def test_every_initialisation_is_read_or_refused(start):
    described = given([np.ones((4, 3)), np.ones((1, 4))]) if start is Given else start()
    network = mlp(3, (4,), 1, initialisation=described)
    if start is Gaussian:
        assert np.isfinite(kernels(network, X).ntk).all()
    else:
        assert start in (Orthogonal, Aligned, Balanced, LambdaBalanced, Given)
        with pytest.raises(OutOfReachError, match=f"{start.__name__}.*use Gaussian"):
            kernels(network, X)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ((Dense(4), Relu()), "ends in Relu.*add a Dense layer"),
        ((Dense(4), Residual((Relu(), Dense(4)))), "ends in Residual.*add a Dense layer"),
        ((Dense(4), Relu(), Sin(), Dense(1)), "two activations in a row.*Dense layer between"),
        ((Dense(4), Relu(), Linear(), Sin(), Dense(1)), "two activations in a row"),
        ((Residual((Dense(3),)), Dense(1)), "raw inputs.*Dense layer in front"),
        ((Relu(), Residual((Dense(3),)), Dense(1)), "raw inputs.*Dense layer in front"),
        ((Dense(4), Residual((Dense(4), Relu())), Dense(1)), "ends in Relu.*end the block"),
        ((Dense(4), Residual((Residual((Dense(4),)),)), Dense(1)), "ends in Residual"),
        ((Dense(4), Relu(), Residual((Relu(), Dense(4))), Dense(1)), "two activations in a row"),
        (
            (Dense(4), Relu(), Residual((Dense(4),)), Relu(), Dense(1)),
            "sum with activated units.*Dense layer between",
        ),
    ],
)
def test_refusals_say_what_to_use_instead(inside, words):
    with pytest.raises(OutOfReachError, match=words) as caught:
        refuse_without_limit(Network(3, inside))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "inside",
    [
        (Dense(1),),
        (Relu(), LeakyRelu(), Dense(4), Relu(), Dense(1)),  # on the inputs, before any weights
        (Dense(4), Linear(), Relu(), Linear(), Dense(1)),
        (Dense(4), Residual((Relu(), Dense(4), Residual((Relu(), Dense(4))), Dense(4))), Dense(1)),
        (Dense(4), Relu(), Residual((Dense(4), Relu(), Dense(4))), Dense(1)),
        (Dense(4), Residual((Relu(), Dense(4))), Relu(), Dense(1)),
    ],
)
def test_what_has_a_limit_is_not_refused(inside):
    refuse_without_limit(Network(3, inside))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.empty((0, 3)), "at least one sample"),
        (np.empty((3, 0)), "at least one sample"),
        (np.ones((2, 4)), "4 features.*inputs=4"),
        (np.ones(3), "1 features"),
        (np.array([[0.0, np.nan, 1.0]]), "not finite"),
        (np.array([[0.0, np.inf, 1.0]]), "not finite"),
    ],
)
def test_bad_inputs(x, words):
    network = mlp(3, (4,), 1)
    for call in (
        lambda: kernels(network, x),
        lambda: kernels(network, X, x),
        lambda: nngp_diagonal(network, x),
    ):
        with pytest.raises(InputError, match=words):
            call()


def test_bad_block():
    with pytest.raises(InputError, match="block = 0"):
        kernels(mlp(3, (4,), 1), X, block=0)


def test_infinite_inputs_are_not_hidden_by_a_bounded_activation():
    with pytest.raises(InputError, match="not finite"):
        kernels(Network(3, (Tanh(), Dense(1))), np.full((1, 3), np.inf))
