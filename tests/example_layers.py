"""An example of every kind of layer, to put between four channels and a dense layer."""

import typing

import jax.numpy as jnp

from carnotlab.networks.activations import Hermite, Monomial, Pointwise, Polynomial, Relu
from carnotlab.networks.layers import (
    CausalAttention,
    Convolution,
    Dense,
    DropConnect,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    LastPosition,
    Layer,
    Product,
    Recurrent,
    Residual,
    SelfAttention,
    Sum,
)

BLOCK = (Relu(), Convolution(4, weight_variance=2.0))
WITH_SETTINGS = {
    Dense: Dense(4),
    DropConnect: DropConnect(4),
    SelfAttention: SelfAttention(4),
    CausalAttention: CausalAttention(4),
    Recurrent: Recurrent(4),
    Residual: Residual(BLOCK),
    Sum: Sum(((), BLOCK)),
    Product: Product(((Convolution(4),), (Dense(4),))),
    Convolution: Convolution(4, 3, 2),
    Monomial: Monomial(2),
    Polynomial: Polynomial((0.5, 1.0, 0.2)),
    Hermite: Hermite(3),
    Pointwise: Pointwise(jnp.tanh),
}


def every_layer():
    """Return an instance of every kind of layer in the closed union."""
    kinds = typing.get_args(Layer)
    return [WITH_SETTINGS[kind] if kind in WITH_SETTINGS else kind() for kind in kinds]


def flattened(layer):
    """Return the layer and, where it leaves positions, one that flattens them."""
    flat = isinstance(layer, Flatten | GlobalAveragePool | GlobalSumPool | LastPosition)
    return (layer,) if flat else (layer, Flatten())
