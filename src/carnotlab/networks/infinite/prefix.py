"""Layers in front of the first weights: they only make other inputs."""

from jaxtyping import Array, Float

from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.forward import Pass, apply_layers
from carnotlab.networks.layers import (
    AveragePool,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    Layer,
    LayerNorm,
    MaxPool,
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


def without_prefix(network: Network, x: Float[Array, "n *input"]) -> Float[Array, "n *shape"]:
    """Apply the layers in front of those to samples."""
    shaped = x.reshape(x.shape[0], *network.shape)
    run = Pass(iter(()), lambda _: None, None)
    return apply_layers(network.layers[: _count(network)], run, shaped)


def _count(network: Network) -> int:
    return next(index for index, layer in enumerate(network.layers) if not isinstance(layer, Fixed))
