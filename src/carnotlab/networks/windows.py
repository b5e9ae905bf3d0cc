"""Windows that slide over positions: their sizes along each axis, and the padding they need."""

from typing import NamedTuple

from carnotlab.core.errors import InputError, require
from carnotlab.networks.layers import Convolution, Padding, Pool


class Window(NamedTuple):
    """A window along every axis of positions, with what is added before and after."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    circular: bool
    positions: tuple[int, ...]
    """How many positions come out along each axis."""


def window(layer: Convolution | Pool, positions: tuple[int, ...]) -> Window:
    """Return the window of a layer on an input with so many positions along each axis.

    Where padding is needed, ``ceil(n / stride)`` positions come out of ``n``, and of an odd number
    of padded positions the larger half comes after.

    Raises:
        InputError: if the input has no positions, or fewer than the window needs.

    >>> window(Convolution(4, 3, 2), (5,))
    Window(size=(3,), stride=(2,), pads=((1, 1),), circular=False, positions=(3,))
    """
    name = type(layer).__name__
    require(
        len(positions) in (1, 2),
        f"{name} on {_named(positions)}",
        "one or two axes of positions: inputs=(length, channels) or (height, width, channels)",
        "describe the shape of the input in the network's inputs",
    )
    size = _along(layer.size, positions, f"{name} size")
    stride = size if layer.stride is None else _along(layer.stride, positions, f"{name} stride")
    if layer.padding == "valid":
        for length, reach in zip(positions, size, strict=True):
            if length < reach:
                raise InputError(
                    f"{name} of size {size} on {positions} positions",
                    "at least as many positions as the window, along each axis",
                    "use larger images, padding='same', or fewer layers that reduce them",
                )
        pads = tuple((0, 0) for _ in positions)
    else:
        pads = tuple(map(_padding, positions, size, stride))
    _refuse_wrapping_twice(layer.padding, positions, size, name)
    out = tuple(
        (n + sum(pad) - k) // s + 1
        for n, k, s, pad in zip(positions, size, stride, pads, strict=True)
    )
    return Window(size, stride, pads, layer.padding == "circular", out)


def _along(given: int | tuple[int, ...], positions: tuple[int, ...], name: str) -> tuple[int, ...]:
    sizes = given if isinstance(given, tuple) else (given,) * len(positions)
    require(
        len(sizes) == len(positions),
        f"{name} {sizes} on {len(positions)} axes of positions",
        "one number an axis",
        "give one number for all axes",
    )
    return sizes


def _padding(length: int, size: int, stride: int) -> tuple[int, int]:
    missing = max((-(-length // stride) - 1) * stride + size - length, 0)
    return missing // 2, missing - missing // 2


def _refuse_wrapping_twice(
    padding: Padding, positions: tuple[int, ...], size: tuple[int, ...], name: str
) -> None:
    if padding == "circular" and any(k > n for n, k in zip(positions, size, strict=True)):
        raise InputError(
            f"{name} of size {size} around {positions} positions",
            "a window that goes around at most once",
            "use larger images or a smaller window",
        )


def _named(positions: tuple[int, ...]) -> str:
    return "units without positions" if not positions else f"{len(positions)} axes of positions"
