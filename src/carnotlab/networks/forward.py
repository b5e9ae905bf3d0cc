"""The forward pass of a finite network, layer by layer."""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import product
from math import prod
from operator import add, mul
from typing import NamedTuple, TypeAlias, assert_never

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Key

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.activations import activation
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
from carnotlab.networks.parameterization import Scaling
from carnotlab.networks.windows import Window, window

VARIANCE_FLOOR = 1e-12
"""Added to the variance in a layer norm, so that a constant sample has no infinite outputs."""


Unweighted: TypeAlias = (
    AveragePool
    | SumPool
    | MaxPool
    | GlobalAveragePool
    | GlobalSumPool
    | LastPosition
    | OneHot
    | PositionOneHot
    | Flatten
    | LayerNorm
    | GroupNorm
)


class Moments(NamedTuple):
    """What a batch norm normalizes by, one number a channel."""

    mean: Float[Array, " channels"]
    variance: Float[Array, " channels"]


class Pass:
    """What a forward pass consumes on its way: weights in order, keys for noise, statistics.

    Without ``statistics`` a batch norm takes those of the batch; ``moments`` holds what it took.
    """

    def __init__(
        self,
        steps: Iterator[tuple[Scaling, dict[str, Array]]],
        see: Callable[[Array], None],
        noise: Key[Array, ""] | None,
        statistics: Sequence[Moments] | None = None,
    ) -> None:
        self._steps, self._see, self._noise, self._drawn = steps, see, noise, 0
        self._given = None if statistics is None else iter(statistics)
        self.moments: list[Moments] = []

    def key(self) -> Key[Array, ""] | None:
        """Return the next layer's key for noise, or none where the pass has none."""
        self._drawn += 1
        return None if self._noise is None else jax.random.fold_in(self._noise, self._drawn)

    def dense(self, x: Float[Array, "*axes units"]) -> Float[Array, "*axes out"]:
        """Apply the next linear map at every position alike."""
        self._see(x)
        scale, stored = next(self._steps)
        # The multiplier goes onto the smaller operand's product, not onto the weights,
        # so that no scaled copy of a wide matrix is made at every step.
        return _biased(scale, stored, scale.weight_multiplier * (x @ stored["weight"].T))

    def drop_connect(
        self, keep: float, x: Float[Array, "n *axes units"]
    ) -> Float[Array, "n *axes out"]:
        """Apply the next linear map with a part of its weights, another for each sample."""
        key = self.key()
        if key is None:
            return self.dense(x)
        self._see(x)
        scale, stored = next(self._steps)
        shape = (x.shape[0], *stored["weight"].shape)
        kept = jnp.where(jax.random.bernoulli(key, keep, shape), stored["weight"] / keep, 0.0)
        product = jnp.einsum("n...i,noi->n...o", x, kept)
        return _biased(scale, stored, scale.weight_multiplier * product)

    def convolve(self, layer: Convolution, x: Array) -> Array:
        """Apply the next linear map around every position."""
        self._see(x)
        scale, stored = next(self._steps)
        its = window(layer, x.shape[1:-1])
        if its.circular:
            x = _padded(x, its, "wrap")
        pads = ((0, 0),) * len(its.size) if its.circular else its.pads
        convolved = _convolution(x, stored["weight"], its, pads)
        return _biased(scale, stored, scale.weight_multiplier * convolved)

    def recur(self, layer: Recurrent, x: Float[Array, "n positions units"]) -> Array:
        """Return the states at all positions, with the next two linear maps."""
        driven = self.dense(x)
        scale, stored = next(self._steps)
        phi = activation(layer.activation)

        def move(state: Array, drive: Array) -> tuple[Array, Array]:
            state = phi(drive + scale.weight_multiplier * (state @ stored["weight"].T))
            return state, state

        rest = jnp.zeros_like(driven[:, 0])
        states = jnp.moveaxis(lax.scan(move, rest, jnp.moveaxis(driven, 1, 0))[1], 0, 1)
        self._see(jnp.concatenate([rest[:, None], states[:, :-1]], axis=1))
        return states

    def batch_norm(self, epsilon: float, x: Array) -> Array:
        """Normalize each channel by the given statistics, else by the batch's own."""
        if self._given is not None:
            moments = next(self._given)
        elif x.shape[0] == 1:
            raise OutOfReachError(
                "BatchNorm on a batch of one sample (a step of one, or derivatives, kernels and "
                "Jacobians sample by sample)",
                "several samples, which it normalizes by what they have in common",
                "use larger batches, or GroupNorm() or LayerNorm()",
            )
        else:
            axes = tuple(range(x.ndim - 1))
            mean = jnp.mean(x, axis=axes)
            moments = Moments(mean, jnp.mean((x - mean) ** 2, axis=axes))
        self.moments.append(moments)
        return (x - moments.mean) / jnp.sqrt(moments.variance + epsilon)


def apply_layers(layers: Sequence[Layer], run: Pass, x: Array) -> Array:
    """Return the activity behind some layers, from ``x: [n, *positions, units]``."""
    for layer in layers:
        match layer:
            case Dense():
                x = run.dense(x)
            case DropConnect(_, keep):
                x = run.drop_connect(keep, x)
            case Convolution():
                x = run.convolve(layer, x)
            case SelfAttention() | CausalAttention():
                x = _attend(layer, run, x)
            case Recurrent():
                in_order = x.reshape(x.shape[0], -1, x.shape[-1])
                x = run.recur(layer, in_order).reshape(*x.shape[:-1], layer.units)
            case Dropout(keep):
                x = _drop(keep, run.key(), x)
            case Residual() | Sum() | Product():
                parts = [apply_layers(branch, run, x) for branch in branches_of(layer)]
                x = reduce(mul if isinstance(layer, Product) else add, parts)
            case Elementwise():
                x = activation(layer)(x)
            case BatchNorm(epsilon):
                x = run.batch_norm(epsilon, x)
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
                | GroupNorm()
            ):
                x = without_weights(layer, x)
            case _:
                assert_never(layer)
    return x


def without_weights(layer: Unweighted, x: Array) -> Array:
    """Return the activity behind a layer that pools, reshapes or normalizes.

    >>> without_weights(GlobalSumPool(), jnp.ones((1, 3, 2))).tolist()
    [[3.0, 3.0]]
    """
    positions = tuple(range(1, x.ndim - 1))
    match layer:
        case SumPool():
            return _summed(window(layer, x.shape[1:-1]), x)
        case AveragePool():
            its = window(layer, x.shape[1:-1])
            ones = jnp.ones((1, *x.shape[1:-1], 1), x.dtype)
            return _summed(its, x) / _summed(its, ones)
        case MaxPool():
            its = window(layer, x.shape[1:-1])
            return _reduced(its, x, -jnp.inf, lax.max)
        case GlobalAveragePool():
            return jnp.mean(x, axis=positions)
        case GlobalSumPool():
            return jnp.sum(x, axis=positions)
        case LastPosition():
            return x.reshape(x.shape[0], -1, x.shape[-1])[:, -1]
        case OneHot(symbols):
            places = (x[..., None] == jnp.arange(symbols, dtype=x.dtype)).astype(x.dtype)
            return places.reshape(*x.shape[:-1], -1)
        case PositionOneHot():
            shape = x.shape[1:-1]
            places = jnp.eye(prod(shape), dtype=x.dtype).reshape(*shape, -1)
            spread = jnp.broadcast_to(places, (x.shape[0], *places.shape))
            return jnp.concatenate([x, spread], axis=-1)
        case Flatten():
            return x.reshape(x.shape[0], -1)
        case LayerNorm(over):
            axes = (-1,) if over == "channels" else tuple(range(1, x.ndim))
            return _standardised(x, axes, VARIANCE_FLOOR)
        case GroupNorm(groups, epsilon):
            cut = x.reshape(*x.shape[:-1], groups, -1)
            return _standardised(cut, (*positions, cut.ndim - 1), epsilon).reshape(x.shape)
        case _:
            assert_never(layer)


def _standardised(x: Array, axes: tuple[int, ...], floor: float) -> Array:
    """Return activity of mean zero and variance one over some axes, but for the floor."""
    centred = x - jnp.mean(x, axis=axes, keepdims=True)
    variance = jnp.mean(centred**2, axis=axes, keepdims=True)
    return centred / jnp.sqrt(variance + floor)


def _convolution(
    x: Float[Array, "n *positions in"],
    filters: Float[Array, "*size in out"],
    its: Window,
    pads: tuple[tuple[int, int], ...],
) -> Float[Array, "n *out_positions out"]:
    """Convolve, on processors as one matrix product with patches of the input.

    XLA's own convolutions on processors are slow inside loops and for many networks at once, by
    factors of 20 and more.
    """
    axes = "HW"[: len(its.size)]
    if jax.default_backend() != "cpu":
        numbers = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
        return lax.conv_general_dilated(x, filters, its.stride, pads, dimension_numbers=numbers)
    padded = jnp.pad(x, [(0, 0), *pads, (0, 0)])
    patches = [
        padded[(slice(None), *map(_every, offset, its.positions, its.stride))]
        for offset in product(*map(range, its.size))
    ]
    return jnp.concatenate(patches, axis=-1) @ filters.reshape(-1, filters.shape[-1])


def _every(offset: int, count: int, stride: int) -> slice:
    return slice(offset, offset + (count - 1) * stride + 1, stride)


def _attend(layer: SelfAttention | CausalAttention, run: Pass, x: Array) -> Array:
    n, *axes, _ = x.shape
    flat = x.reshape(n, -1, x.shape[-1])

    def next_by_head() -> Float[Array, "n positions heads units"]:
        return run.dense(flat).reshape(*flat.shape[:2], layer.heads, -1)

    queries = next_by_head()
    shared = isinstance(layer, SelfAttention) and layer.scaling == "linear"
    keys = queries if shared else next_by_head()
    attention = _attention(layer, jnp.einsum("nphd,nqhd->nhpq", queries, keys))
    mixed = jnp.einsum("nhpq,nqhd->nphd", attention, next_by_head())
    return run.dense(mixed.reshape(n, *axes, -1))


def _attention(
    layer: SelfAttention | CausalAttention, products: Float[Array, "n heads to of"]
) -> Float[Array, "n heads to of"]:
    """Return by how much each position counts, from the products of queries and keys."""
    match layer:
        case SelfAttention(key_units=units, scaling="linear"):
            return jax.nn.softmax(products / units, axis=-1)
        case SelfAttention(key_units=units):
            return products / units**0.5
        case CausalAttention(head_units=units):
            seen = jnp.tril(jnp.ones(products.shape[-2:], dtype=bool))
            return jax.nn.softmax(jnp.where(seen, products / units**0.5, -jnp.inf), axis=-1)


def _drop(keep: float, key: Key[Array, ""] | None, x: Array) -> Array:
    if key is None:
        return x
    return jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep, 0.0)


def _biased(scale: Scaling, stored: dict[str, Array], product: Array) -> Array:
    return product + scale.bias_multiplier * stored["bias"] if "bias" in stored else product


def _padded(x: Array, its: Window, mode: str) -> Array:
    return jnp.pad(x, [(0, 0), *its.pads, (0, 0)], mode=mode)


def _summed(its: Window, x: Array) -> Array:
    return _reduced(its, x, 0.0, lax.add)


def _reduced(
    its: Window, x: Array, start: float, operation: Callable[[Array, Array], Array]
) -> Array:
    if its.circular:
        x = _padded(x, its, "wrap")
    pads = ((0, 0),) * len(its.size) if its.circular else its.pads
    return lax.reduce_window(
        x, start, operation, (1, *its.size, 1), (1, *its.stride, 1), ((0, 0), *pads, (0, 0))
    )
