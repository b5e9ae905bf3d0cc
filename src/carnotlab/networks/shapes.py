"""The shape of activity behind each layer: axes of positions, then channels."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple, TypeAlias, assert_never

from carnotlab.core.errors import InputError, require
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.layers import (
    AveragePool,
    BatchNorm,
    CausalAttention,
    Convolution,
    Dense,
    DropConnect,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    GroupNorm,
    LastPosition,
    Layer,
    LayerNorm,
    MaxPool,
    OneHot,
    PositionOneHot,
    Product,
    Recurrent,
    Residual,
    SelfAttention,
    Sum,
    SumPool,
    branches_of,
)
from carnotlab.networks.windows import window

Shape: TypeAlias = tuple[int, ...]
"""Of one sample: ``(units,)``, ``(length, channels)`` or ``(height, width, channels)``."""


class WeightedMap(NamedTuple):
    """A linear map with trained weights, as a parameterization sees it."""

    shape: Shape
    """Of its stored weights: ``[out, in]``, or ``[*size, in, out]`` for convolutions."""
    fan_in: int
    outputs: int
    weight_variance: float
    bias_variance: float | None


def after(shape: Shape, layer: Layer) -> Shape:
    """Return the shape behind a layer.

    Raises:
        InputError: if the layer does not fit the shape in front of it.

    >>> after((32, 32, 3), Convolution(16, 3, 2))
    (16, 16, 16)
    """
    *axes, _ = shape
    positions = tuple(axes)
    match layer:
        case Dense(units) | DropConnect(units):
            return (*positions, units)
        case Convolution(channels):
            return (*window(layer, positions).positions, channels)
        case SelfAttention(units) | CausalAttention(units) | Recurrent(units):
            _require_positions(layer, positions)
            return (*positions, units)
        case AveragePool() | SumPool() | MaxPool():
            return (*window(layer, positions).positions, shape[-1])
        case GlobalAveragePool() | GlobalSumPool() | LastPosition():
            _require_positions(layer, positions)
            return (shape[-1],)
        case OneHot(symbols):
            return (*positions, shape[-1] * symbols)
        case PositionOneHot():
            _require_positions(layer, positions)
            return (*positions, shape[-1] + prod(positions))
        case Flatten():
            return (prod(shape),)
        case Residual(inside):
            return _unchanged(shape, behind(shape, inside))
        case Sum(branches) | Product(branches):
            return _same(type(layer).__name__, [behind(shape, branch) for branch in branches])
        case GroupNorm(groups):
            require(
                shape[-1] % groups == 0,
                f"{shape[-1]} channels in {groups} groups",
                "groups of equal size",
                "use a number of groups that divides the channels",
            )
            return shape
        case LayerNorm() | BatchNorm() | Dropout() | Elementwise():
            return shape
        case _:
            assert_never(layer)


def behind(shape: Shape, layers: Sequence[Layer]) -> Shape:
    """Return the shape behind a chain of layers.

    >>> behind((4,), (Dense(3), Residual((Dense(3),))))
    (3,)
    """
    for layer in layers:
        shape = after(shape, layer)
    return shape


def weighted_maps(shape: Shape, layers: Sequence[Layer]) -> Iterator[WeightedMap]:
    """Yield the linear maps with weights in order of the forward pass, branches included.

    >>> [layer.fan_in for layer in weighted_maps((8, 8, 3), (Convolution(4), Flatten(), Dense(2)))]
    [27, 256]
    """
    for layer in layers:
        match layer:
            case Dense(units, variance, bias) | DropConnect(units, _, variance, bias):
                yield WeightedMap((units, shape[-1]), shape[-1], units, variance, bias)
            case Convolution(channels, weight_variance=variance, bias_variance=bias):
                size = window(layer, shape[:-1]).size
                filters = (*size, shape[-1], channels)
                yield WeightedMap(filters, prod(filters[:-1]), channels, variance, bias)
            case SelfAttention() | CausalAttention():
                yield from _attention_maps(layer, shape[-1])
            case Recurrent(units, _, variance, recurrent_variance, bias):
                yield WeightedMap((units, shape[-1]), shape[-1], units, variance, bias)
                yield WeightedMap((units, units), units, units, recurrent_variance, None)
            case Residual() | Sum() | Product():
                for branch in branches_of(layer):
                    yield from weighted_maps(shape, branch)
            case (
                AveragePool()
                | SumPool()
                | MaxPool()
                | GlobalAveragePool()
                | GlobalSumPool()
                | LastPosition()
                | OneHot()
                | PositionOneHot()
                | Flatten()
                | LayerNorm()
                | BatchNorm()
                | GroupNorm()
                | Dropout()
                | Elementwise()
            ):
                pass
            case _:
                assert_never(layer)
        shape = after(shape, layer)


def _attention_maps(layer: SelfAttention | CausalAttention, channels: int) -> Iterator[WeightedMap]:
    """Yield queries (and keys, where they have weights of their own), values and the output."""
    match layer:
        case SelfAttention(key_units=of_keys, value_units=of_values, scaling=scaling):
            own_keys = scaling != "linear"
        case CausalAttention(head_units=of_keys):
            of_values, own_keys = of_keys, True
    keys, values = layer.heads * of_keys, layer.heads * of_values
    for _ in range(2 if own_keys else 1):
        yield WeightedMap((keys, channels), channels, keys, layer.query_variance, None)
    yield WeightedMap((values, channels), channels, values, layer.value_variance, None)
    yield WeightedMap(
        (layer.units, values), values, layer.units, layer.weight_variance, layer.bias_variance
    )


def _require_positions(layer: Layer, positions: Shape) -> None:
    require(
        len(positions) > 0,
        f"{type(layer).__name__} on units without positions",
        "at least one axis of positions, inputs=(length, channels) or (height, width, channels)",
        "describe the shape of the input in the network's inputs",
    )


def _unchanged(before: Shape, now: Shape) -> Shape:
    if now == before:
        return now
    if len(before) == len(now) == 1:
        raise InputError(
            f"a residual block from {before[0]} to {now[0]} units",
            "the same size before and after",
            f"end the block in Dense({before[0]})",
        )
    raise InputError(
        f"a residual block from shape {before} to {now}",
        "the same shape before and after",
        "use Sum with a branch of its own for the shortcut",
    )


def _same(name: str, shapes: Sequence[Shape]) -> Shape:
    if any(shape != shapes[0] for shape in shapes):
        raise InputError(
            f"branches of a {name} with shapes {', '.join(map(str, shapes))}",
            "branches of one shape",
            "change their channels or strides until they match",
        )
    return shapes[0]
