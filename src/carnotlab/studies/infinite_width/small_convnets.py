"""Small convolutional networks on images of digits, one for each head and a residual one."""

from collections.abc import Callable

from carnotlab.networks.activations import Relu
from carnotlab.networks.description import Network
from carnotlab.networks.layers import (
    Convolution,
    Dense,
    Flatten,
    GlobalAveragePool,
    Layer,
    Sum,
)
from carnotlab.networks.parameterization import Parameterization

IMAGE = (8, 8, 1)


def _convolution(channels: int) -> Convolution:
    """Halve both axes, so that wide networks stay cheap: 8 × 8 pixels, 4 × 4, 2 × 2."""
    return Convolution(channels, 3, 2, weight_variance=2.0)


def _pooling(channels: int) -> tuple[Layer, ...]:
    return (_convolution(channels), Relu(), _convolution(channels), Relu(), GlobalAveragePool())


def _no_pooling(channels: int) -> tuple[Layer, ...]:
    return (*_pooling(channels)[:-1], Flatten())


def _residual(channels: int) -> tuple[Layer, ...]:
    shortcut = (Convolution(channels, 1, 2),)
    block = Sum((shortcut, (Relu(), _convolution(channels))))
    return (Convolution(channels, 3, 2), block, Relu(), GlobalAveragePool())


ARCHITECTURES: dict[str, Callable[[int], tuple[Layer, ...]]] = {
    "pooling": _pooling,
    "no pooling": _no_pooling,
    "residual": _residual,
}


def small_convnet(
    architecture: str,
    channels: int,
    outputs: int,
    *,
    output_variance: float,
    parameterization: Parameterization,
    features_only: bool = False,
) -> Network:
    """Return two layers of convolutions and a dense output, for images of 8 by 8 pixels.

    With ``features_only`` the output layer alone is trained: the tangent kernel is then the
    covariance of outputs given the hidden layers, whose limit is the one at the start (nngp).

    >>> from carnotlab.networks.parameterization import NTK
    >>> small_convnet("pooling", 4, 10, output_variance=1.0, parameterization=NTK()).depth
    3
    """
    layers = (*ARCHITECTURES[architecture](channels), Dense(outputs, output_variance))
    network = Network(IMAGE, layers, parameterization)
    if not features_only:
        return network
    return Network(IMAGE, layers, parameterization, frozen=network.depth - 1)
