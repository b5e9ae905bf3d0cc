"""Ready-made convolutional networks, in forms that have an infinite-width limit.

Pooling is linear, where the originals may take maxima, and batches are normalized only on request.
"""

from collections.abc import Sequence
from itertools import pairwise

from carnotlab.core.errors import require
from carnotlab.networks.activations import Activation, Relu
from carnotlab.networks.description import Network
from carnotlab.networks.layers import (
    AveragePool,
    Convolution,
    Dense,
    Flatten,
    GlobalAveragePool,
    Layer,
    Normalization,
    Residual,
    Sum,
)
from carnotlab.networks.parameterization import NTK, Parameterization

VGG_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
VGG_WIDTHS = (1, 2, 4, 8, 8)
MYRTLE_STAGES = {5: (2, 1, 1), 7: (2, 2, 2), 10: (3, 3, 3)}

Shape = tuple[int, int, int]


def convolutional(
    inputs: tuple[int, ...],
    channels: Sequence[int],
    outputs: int,
    *,
    pooling: bool = True,
    size: int = 3,
    activation: Activation | None = None,
    weight_variance: float = 2.0,
    bias_variance: float | None = None,
    parameterization: Parameterization | None = None,
) -> Network:
    """Return convolutions of one size, global average pooling or `Flatten`, and a dense output.

    Without pooling every position has output weights of its own.

    >>> convolutional((8, 8, 3), (16, 16), 10).depth
    3
    """
    chosen: Activation = Relu() if activation is None else activation
    layers: list[Layer] = []
    for number in channels:
        filters = Convolution(
            number, size, weight_variance=weight_variance, bias_variance=bias_variance
        )
        layers += [filters, chosen]
    head = GlobalAveragePool() if pooling else Flatten()
    return _network(inputs, (*layers, head, Dense(outputs, 1.0, bias_variance)), parameterization)


def lenet(
    inputs: Shape = (28, 28, 1),
    outputs: int = 10,
    *,
    width: int = 1,
    activation: Activation | None = None,
    parameterization: Parameterization | None = None,
) -> Network:
    """Return LeNet-5: two 5 by 5 convolutions with average pooling, three dense layers (lecun1998).

    ``width`` multiplies the original's 6 and 16 channels, 120 and 84 units.

    >>> lenet().depth
    5
    """
    chosen: Activation = Relu() if activation is None else activation
    layers: tuple[Layer, ...] = (
        Convolution(6 * width, 5, weight_variance=2.0),
        chosen,
        AveragePool(2),
        Convolution(16 * width, 5, padding="valid", weight_variance=2.0),
        chosen,
        AveragePool(2),
        Flatten(),
        Dense(120 * width, 2.0),
        chosen,
        Dense(84 * width, 2.0),
        chosen,
        Dense(outputs),
    )
    return _network(inputs, layers, parameterization)


def vgg(
    inputs: Shape = (32, 32, 3),
    outputs: int = 10,
    *,
    depth: int = 11,
    width: int = 64,
    activation: Activation | None = None,
    parameterization: Parameterization | None = None,
) -> Network:
    """Return a VGG net of 11, 13, 16 or 19 layers with weights (simonyan2015).

    Five stages of 3 by 3 convolutions, each ending in pooling, then three dense layers. Images
    must be 32 positions or more along each axis.

    >>> vgg(depth=16).depth
    16
    """
    _require_depth("vgg", depth, VGG_STAGES)
    chosen: Activation = Relu() if activation is None else activation
    layers: list[Layer] = []
    for count, factor in zip(VGG_STAGES[depth], VGG_WIDTHS, strict=True):
        for _ in range(count):
            layers += [Convolution(factor * width, weight_variance=2.0), chosen]
        layers.append(AveragePool(2))
    layers.append(Flatten())
    for _ in range(2):
        layers += [Dense(8 * width, 2.0), chosen]
    return _network(inputs, (*layers, Dense(outputs)), parameterization)


def resnet(
    inputs: Shape = (32, 32, 3),
    outputs: int = 10,
    *,
    blocks: Sequence[int] = (1, 1, 1),
    width: int = 64,
    activation: Activation | None = None,
    normalization: Normalization | None = None,
    parameterization: Parameterization | None = None,
) -> Network:
    """Return a residual net in pre-activation form (he2016).

    ``blocks`` are those of each stage; every stage but the first halves the axes of positions and
    doubles the channels, by a strided shortcut. The depth is 2 sum(blocks) + 2, shortcuts apart.
    A ``normalization``, none unless given, stands in front of every activation, as in the original,
    and of strided shortcuts with the activation behind it.

    >>> resnet(blocks=(1, 1)).output_shape
    (10,)
    """
    require(
        len(blocks) > 0 and min(blocks) >= 1,
        f"blocks = {tuple(blocks)}",
        "at least one block in every stage",
        "use blocks=(1, 1, 1)",
    )
    between = () if normalization is None else (normalization,)
    chosen: tuple[Layer, ...] = (*between, Relu() if activation is None else activation)
    widths = [width * 2**stage for stage in range(len(blocks))]

    def behind(channels: int, stride: int) -> tuple[Layer, ...]:
        first = Convolution(channels, 3, stride, weight_variance=2.0)
        return (first, *chosen, Convolution(channels, weight_variance=2.0))

    layers: list[Layer] = [Convolution(width, weight_variance=1.0)]
    layers += [Residual((*chosen, *behind(width, 1)))] * blocks[0]
    for (_, channels), count in zip(pairwise(widths), blocks[1:], strict=True):
        shortcut = Convolution(channels, 1, 2)
        if normalization is None:
            layers.append(Sum(((shortcut,), (*chosen, *behind(channels, 2)))))
        else:
            # A map of what is not normalized would make scales of layers multiply up.
            layers += [*chosen, Sum(((shortcut,), behind(channels, 2)))]
        layers += [Residual((*chosen, *behind(channels, 1)))] * (count - 1)
    return _network(
        inputs, (*layers, *chosen, GlobalAveragePool(), Dense(outputs)), parameterization
    )


def myrtle(
    inputs: Shape = (32, 32, 3),
    outputs: int = 10,
    *,
    depth: int = 5,
    width: int = 64,
    activation: Activation | None = None,
    parameterization: Parameterization | None = None,
) -> Network:
    """Return a Myrtle net of 5, 7 or 10 layers, made for convolutional kernels (shankar2020).

    Three stages of 3 by 3 convolutions with average pooling between, global pooling at the end.

    >>> myrtle(depth=10).depth
    10
    """
    _require_depth("myrtle", depth, MYRTLE_STAGES)
    chosen: Activation = Relu() if activation is None else activation
    layers: list[Layer] = []
    for stage, count in enumerate(MYRTLE_STAGES[depth]):
        layers += [AveragePool(2)] if stage else []
        layers += [Convolution(width, weight_variance=2.0), chosen] * count
    return _network(inputs, (*layers, GlobalAveragePool(), Dense(outputs)), parameterization)


def _network(
    inputs: tuple[int, ...], layers: tuple[Layer, ...], kind: Parameterization | None
) -> Network:
    return Network(inputs, layers, NTK() if kind is None else kind)


def _require_depth(name: str, depth: int, known: dict[int, tuple[int, ...]]) -> None:
    choices = ", ".join(map(str, known))
    require(
        depth in known, f"{name} of depth {depth}", f"one of {choices}", f"use depth={min(known)}"
    )
