r"""What layers that move between positions do to covariances.

A covariance between activities is kept for equal positions of both samples, with axes
``[..., *positions]``; for all pairs of them, ``[..., *positions, *positions]``; or for pairs at one
displacement, ``[..., *positions]`` with the second sample's position that much further on and
zeros where it leaves the image. Weights are
independent from offset to offset of a filter, so a convolution takes both samples at the *same*
offset; pooling takes the mean over both on their own.
"""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Literal, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from carnotlab.networks.layers import (
    AveragePool,
    Convolution,
    GlobalAveragePool,
    GlobalSumPool,
    Layer,
    Product,
    Residual,
    SelfAttention,
    Sum,
    SumPool,
    branches_of,
)
from carnotlab.networks.windows import Window, window


class Positions(NamedTuple):
    """Axes of positions, the last ones of a covariance, and which pairs of positions it holds."""

    lengths: tuple[int, ...]
    kept: Literal["equal", "all", "displaced"]
    displacement: Int[Array, " axes"] | None = None
    """Of the second sample's positions, where one is kept."""

    @property
    def sides(self) -> int:
        """How many times the axes of positions are there."""
        return 2 if self.kept == "all" else 1

    @property
    def pairs(self) -> int:
        """How many numbers a pair of samples has."""
        return prod(self.lengths) ** self.sides


def kept_positions(layers: Sequence[Layer]) -> Literal["equal", "all"]:
    """Return whether the layers need covariances between different positions.

    >>> kept_positions((Convolution(3), GlobalAveragePool()))
    'all'
    """
    for layer in layers:
        match layer:
            case AveragePool() | SumPool() | GlobalAveragePool() | GlobalSumPool():
                return "all"
            case SelfAttention():
                return "all"
            case Residual() | Sum() | Product():
                if any(kept_positions(branch) == "all" for branch in branches_of(layer)):
                    return "all"
            case _:
                pass
    return "equal"


def variances(positions: Positions, own: Array) -> tuple[Array, Array]:
    """Return variances from a sample's own covariance, to broadcast from the left and the right.

    >>> left, right = variances(Positions((2,), "all"), jnp.eye(2)[None])
    >>> left.shape, right.shape
    ((1, 2, 1), (1, 1, 2))
    """
    count = len(positions.lengths)
    if positions.kept != "all" or count == 0:
        return own, own
    diagonal = _diagonal(positions, own)
    batch = diagonal.shape[: diagonal.ndim - count]
    ones = (1,) * count
    return (
        diagonal.reshape(*batch, *positions.lengths, *ones),
        diagonal.reshape(*batch, *ones, *positions.lengths),
    )


def moved(positions: Positions, layer: Convolution | AveragePool | SumPool) -> Positions:
    """Return the positions behind a window."""
    its = window(layer, positions.lengths)
    if positions.displacement is None:
        return positions._replace(lengths=its.positions)
    return positions._replace(
        lengths=its.positions, displacement=positions.displacement // jnp.asarray(its.stride)
    )


def from_second(positions: Positions, own: Array) -> Array:
    """Return what belongs to the second sample at the first one's positions.

    >>> one_further = Positions((3,), "displaced", jnp.array([1]))
    >>> from_second(one_further, jnp.array([1.0, 2.0, 3.0])).tolist()
    [2.0, 3.0, 0.0]
    """
    if positions.displacement is None:
        return own
    count = len(positions.lengths)
    batch = own.shape[: own.ndim - count]
    pads = [(0, 0)] * len(batch) + [(n, n) for n in positions.lengths]
    displacement = positions.displacement.astype(jnp.int32)
    starts = [jnp.zeros((), jnp.int32)] * len(batch)
    starts += [n + displacement[axis] for axis, n in enumerate(positions.lengths)]
    return lax.dynamic_slice(jnp.pad(own, pads), starts, own.shape)


def inside(positions: Positions, covariance: Array) -> Array:
    """Return zero where the second sample's position has left the image."""
    if positions.displacement is None:
        return covariance
    return covariance * from_second(positions, jnp.ones(positions.lengths, covariance.dtype))


def scaled_where_equal(positions: Positions, own: Array, factor: float) -> Array:
    """Multiply a sample's own covariance where both positions are the same."""
    count = len(positions.lengths)
    if positions.kept != "all" or count == 0:
        return factor * own
    size = prod(positions.lengths)
    equal = jnp.eye(size).reshape(*positions.lengths, *positions.lengths)
    return jnp.where(equal > 0, factor * own, own)


def convolved(positions: Positions, layer: Convolution, covariance: Array) -> Array:
    r"""Return the mean of :math:`K_{sp+\delta,\,sq+\delta}` over the filter's offsets."""
    its = window(layer, positions.lengths)
    offsets = list(product(*map(range, its.size)))
    padded = _padded(its, covariance, positions.sides)
    total = sum(
        (_taken(its, padded, offset * positions.sides) for offset in offsets), jnp.zeros(())
    )
    return total / len(offsets)


def pooled(positions: Positions, layer: AveragePool | SumPool, covariance: Array) -> Array:
    """Return the mean or sum over windows on both sides."""
    its = window(layer, positions.lengths)
    x = _summed(its, covariance, positions.sides)
    if isinstance(layer, SumPool):
        return x
    there = _summed(its, jnp.ones(positions.lengths * positions.sides), positions.sides)
    return x / there


def pooled_globally(
    positions: Positions, layer: GlobalAveragePool | GlobalSumPool, covariance: Array
) -> Array:
    """Return the mean or sum over all pairs of positions."""
    axes = tuple(range(-positions.sides * len(positions.lengths), 0))
    total = jnp.sum(covariance, axis=axes)
    return total if isinstance(layer, GlobalSumPool) else total / prod(positions.lengths) ** 2


def flattened(positions: Positions, covariance: Array) -> Array:
    """Return the mean over equal positions."""
    count = len(positions.lengths)
    if positions.kept == "all" and count > 0:
        covariance = _diagonal(positions, covariance)
    return jnp.mean(covariance, axis=tuple(range(-count, 0))) if count else covariance


def as_matrix(positions: Positions, covariance: Array) -> Float[Array, "... p p"]:
    """Return covariances of all pairs of positions as one matrix each."""
    size = prod(positions.lengths)
    batch = covariance.shape[: covariance.ndim - 2 * len(positions.lengths)]
    return covariance.reshape(*batch, size, size)


def _diagonal(positions: Positions, own: Array) -> Array:
    size = prod(positions.lengths)
    batch = own.shape[: own.ndim - 2 * len(positions.lengths)]
    matrix = own.reshape(*batch, size, size)
    return jnp.diagonal(matrix, axis1=-2, axis2=-1).reshape(*batch, *positions.lengths)


def _padded(its: Window, x: Array, sides: int) -> Array:
    pads = its.pads * sides
    leading = [(0, 0)] * (x.ndim - len(pads))
    return jnp.pad(x, [*leading, *pads], mode="wrap" if its.circular else "constant")


def _taken(its: Window, padded: Array, offsets: tuple[int, ...]) -> Array:
    """Return every window's entry at an offset, given for each of the last axes."""
    sides = len(offsets) // len(its.size)
    slices = [
        slice(offset, offset + (count - 1) * stride + 1, stride)
        for offset, count, stride in zip(
            offsets, its.positions * sides, its.stride * sides, strict=True
        )
    ]
    return padded[(..., *slices)]


def _summed(its: Window, x: Array, sides: int) -> Array:
    """Sum over windows along each of the last axes, one after the other."""
    padded = _padded(its, x, sides)
    axes = len(its.size) * sides
    size, stride, positions = its.size * sides, its.stride * sides, its.positions * sides
    for axis in range(axes):
        total = jnp.zeros(())
        for offset in range(size[axis]):
            span = slice(offset, offset + (positions[axis] - 1) * stride[axis] + 1, stride[axis])
            rest = (slice(None),) * (axes - axis - 1)
            total = total + padded[(..., span, *rest)]
        padded = total
    return padded
