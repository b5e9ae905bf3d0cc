"""Layers in front of the first weights: they only make other inputs."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.data import RealArray
from carnotlab.core.precision import precision
from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.forward import Pass, apply_layers
from carnotlab.networks.infinite.inputs import checked_inputs
from carnotlab.networks.layers import (
    AveragePool,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    LastPosition,
    Layer,
    LayerNorm,
    MaxPool,
    OneHot,
    PositionOneHot,
    SumPool,
)
from carnotlab.networks.shapes import Shape, behind

Fixed = (
    Elementwise
    | AveragePool
    | SumPool
    | MaxPool
    | GlobalAveragePool
    | GlobalSumPool
    | LastPosition
    | OneHot
    | PositionOneHot
    | Flatten
    | LayerNorm
)


def weighted_layers(network: Network) -> tuple[Layer, ...]:
    """Return the layers from the first one that has weights, noise or branches.

    >>> from carnotlab.networks.activations import Relu
    >>> from carnotlab.networks.layers import Dense
    >>> weighted_layers(Network(2, (Relu(), Dense(1))))
    (Dense(units=1, weight_variance=1.0, bias_variance=None),)
    """
    return network.layers[_count(network) :]


def weighted_shape(network: Network) -> Shape:
    """Return the shape of a sample in front of those layers."""
    return behind(network.shape, network.layers[: _count(network)])


def weighted_inputs(network: Network, given: RealArray, name: str) -> Float[np.ndarray, "n *shape"]:
    """Return samples as those layers see them, in float64.

    Raises:
        InputError: if inputs are empty, not finite or of the wrong size.

    >>> from carnotlab.networks.activations import Relu
    >>> from carnotlab.networks.layers import Dense
    >>> weighted_inputs(Network(2, (Relu(), Dense(1))), np.array([[-3, 4]]), "x").tolist()
    [[0.0, 4.0]]
    """
    x = np.ascontiguousarray(checked_inputs(network, given, name))
    prefix = network.layers[: _count(network)]
    if not prefix:
        return x
    with precision("float64"):
        return np.asarray(_applied(prefix, jnp.asarray(x)))


def _applied(prefix: tuple[Layer, ...], x: Float[Array, "n *input"]) -> Float[Array, "n *shape"]:
    return apply_layers(prefix, Pass(iter(()), lambda _: None, None), x)


def _count(network: Network) -> int:
    return next(index for index, layer in enumerate(network.layers) if not isinstance(layer, Fixed))
