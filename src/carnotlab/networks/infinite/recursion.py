"""The kernel recursion, layer by layer: every layer, any shape of samples, all pairs of them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial, reduce
from typing import NamedTuple, assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import RealArray
from carnotlab.networks.activations import Activation
from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.infinite.attention import linear_attention, square_root_attention
from carnotlab.networks.infinite.dual_activations import dual, series_error
from carnotlab.networks.infinite.gains import Gain, gains
from carnotlab.networks.infinite.positions import (
    Positions,
    as_matrix,
    convolved,
    flattened,
    from_second,
    inside,
    kept_positions,
    moved,
    pooled,
    pooled_globally,
    scaled_where_equal,
    variances,
)
from carnotlab.networks.infinite.prefix import weighted_layers, weighted_shape
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


class Pairs(NamedTuple):
    """Covariances of pairs of samples, with those of either sample with itself.

    Axes of positions follow those written here.
    """

    a: Float[Array, "n1 1 ..."]
    b: Float[Array, "1 n2 ..."]
    covariance: Float[Array, "n1 n2 ..."]
    ntk: Float[Array, "n1 n2 ..."]
    error: Float[Array, ""]
    """The worst relative error of a quadrature, for samples with themselves; else 0."""


class Setting(NamedTuple):
    """What all layers of one recursion share."""

    steps: Iterator[Gain]
    order: int
    same: bool
    """Whether both samples of a pair are the same one."""


def starting_positions(network: Network) -> Positions:
    """Return the axes of positions that covariances of the inputs need."""
    return Positions(weighted_shape(network)[:-1], kept_positions(weighted_layers(network)))


def follow_samples(network: Network, order: int, own: RealArray) -> Pairs:
    """Follow samples with themselves, from covariances ``[n, *positions]`` of the inputs.

    >>> from carnotlab.networks.architectures import mlp
    >>> follow_samples(mlp(2, (8,), 1), 0, jnp.ones(1)).ntk.tolist()
    [2.0]
    """
    return _compiled_samples(network, order, own)


def follow_pairs(
    network: Network, order: int, a: RealArray, b: RealArray, covariance: RealArray
) -> Pairs:
    """Follow all pairs, from covariances ``[n1, ...]``, ``[n2, ...]`` and ``[n1, n2, ...]``.

    >>> from carnotlab.networks.architectures import mlp
    >>> one = jnp.ones(1)
    >>> follow_pairs(mlp(2, (8,), 1), 0, one, one, jnp.ones((1, 1))).covariance.tolist()
    [[1.0]]
    """
    return _compiled_pairs(network, order, a, b, covariance)


def _follow_samples(network: Network, order: int, own: Array) -> Pairs:
    start = Pairs(own, own, own, jnp.zeros_like(own), jnp.zeros(()))
    setting = Setting(iter(gains(network)), order, True)
    return follow(weighted_layers(network), start, starting_positions(network), setting)[0]


def _follow_pairs(network: Network, order: int, a: Array, b: Array, covariance: Array) -> Pairs:
    zero = jnp.zeros_like(covariance)
    start = Pairs(a[:, None], b[None, :], covariance, zero, jnp.zeros(()))
    setting = Setting(iter(gains(network)), order, False)
    return follow(weighted_layers(network), start, starting_positions(network), setting)[0]


_compiled_samples: Callable[[Network, int, RealArray], Pairs]
_compiled_samples = jax.jit(_follow_samples, static_argnames=("network", "order"))
_compiled_pairs: Callable[[Network, int, RealArray, RealArray, RealArray], Pairs]
_compiled_pairs = jax.jit(_follow_pairs, static_argnames=("network", "order"))


def follow(
    layers: Sequence[Layer], state: Pairs, positions: Positions, setting: Setting
) -> tuple[Pairs, Positions]:
    """Return covariances and positions behind some layers; may be traced by JAX."""
    for layer in layers:
        match layer:
            case Dense():
                state = _weighted(next(setting.steps), state, positions)
            case Convolution():
                state = _everywhere(state, partial(convolved, positions, layer))
                positions = moved(positions, layer)
                state = _weighted(next(setting.steps), state, positions)
            case SelfAttention():
                state = _attention(state, positions, layer, setting)
            case Elementwise():
                state = _activated(layer, state, positions, setting)
            case AveragePool() | SumPool():
                state = _everywhere(state, partial(pooled, positions, layer))
                positions = moved(positions, layer)
            case GlobalAveragePool() | GlobalSumPool():
                state = _everywhere(state, partial(pooled_globally, positions, layer))
                positions = positions._replace(lengths=())
            case Flatten():
                state = _everywhere(state, partial(flattened, positions))
                positions = positions._replace(lengths=())
            case LayerNorm(over):
                state = _normalized(state, positions, over)
            case Dropout(keep):
                state = _dropped(state, positions, setting.same, 1.0 / keep)
            case Residual() | Sum() | Product():
                ends = [follow(part, state, positions, setting) for part in branches_of(layer)]
                positions = ends[0][1]
                join = _multiplied if isinstance(layer, Product) else _added
                state = reduce(join, (end for end, _ in ends))
            case (
                MaxPool()
                | DropConnect()
                | BatchNorm()
                | GroupNorm()
                | CausalAttention()
                | Recurrent()
                | LastPosition()
                | OneHot()
                | PositionOneHot()
            ):
                raise NotImplementedError("refused before: see `limits`")
            case _:
                assert_never(layer)
        # One sample with itself has one covariance, whichever way it was reached.
        if setting.same:
            state = state._replace(b=state.a, covariance=state.a)
    return state, positions


def _everywhere(state: Pairs, function: Callable[[Array], Array]) -> Pairs:
    """Apply what is linear in covariances to all of them."""
    a, b, covariance, ntk, error = state
    return Pairs(function(a), function(b), function(covariance), function(ntk), error)


def _weighted(gain: Gain, state: Pairs, positions: Positions) -> Pairs:
    a, b, covariance, ntk, error = state

    def forward(own: Array) -> Array:
        return gain.weight * own + gain.bias

    tangent = gain.weight * ntk + gain.weight_gradient * covariance + gain.bias_gradient
    across = inside(positions, forward(covariance))
    return Pairs(forward(a), forward(b), across, inside(positions, tangent), error)


def _attention(state: Pairs, positions: Positions, layer: SelfAttention, setting: Setting) -> Pairs:
    a, b, covariance, ntk = (as_matrix(positions, part) for part in state[:4])
    query = next(setting.steps)
    if layer.scaling == "linear":
        mixed = linear_attention(query, next(setting.steps), a, b, covariance, ntk)
    else:
        key, value = next(setting.steps), next(setting.steps)
        mixed = square_root_attention(query, key, value, a, b, covariance, ntk)
    a, b, covariance, ntk = (
        new.reshape(old.shape) for new, old in zip(mixed, state[:4], strict=True)
    )
    return _weighted(next(setting.steps), Pairs(a, b, covariance, ntk, state.error), positions)


def _activated(layer: Activation, state: Pairs, positions: Positions, setting: Setting) -> Pairs:
    first, second = variances(positions, state.a), variances(positions, state.b)
    own_a = dual(layer, *first, state.a, setting.order)
    if setting.same:
        error = jnp.maximum(state.error, series_error(layer, first[0], setting.order))
        return Pairs(own_a.value, own_a.value, own_a.value, state.ntk * own_a.derivative, error)
    own_b = dual(layer, *second, state.b, setting.order)
    to_second = from_second(positions, second[1])
    across = dual(layer, first[0], to_second, state.covariance, setting.order)
    return Pairs(own_a.value, own_b.value, across.value, state.ntk * across.derivative, state.error)


def _normalized(state: Pairs, positions: Positions, over: str) -> Pairs:
    def spread(variance: Array) -> Array:
        count = len(positions.lengths) * positions.sides
        if over == "all" and count:
            variance = jnp.mean(variance, axis=tuple(range(-count, 0)), keepdims=True)
        return jnp.sqrt(jnp.where(variance > 0, variance, 1.0))

    left, to_left = map(spread, variances(positions, state.a))
    to_right, right = map(spread, variances(positions, state.b))
    beyond = from_second(positions, right)
    across = left * jnp.where(beyond > 0, beyond, 1.0)
    return Pairs(
        state.a / (left * to_left),
        state.b / (to_right * right),
        state.covariance / across,
        state.ntk / across,
        state.error,
    )


def _dropped(state: Pairs, positions: Positions, same: bool, factor: float) -> Pairs:
    """Grow variances: units of two samples, or at two positions, are dropped independently."""
    a, b = (scaled_where_equal(positions, part, factor) for part in (state.a, state.b))
    ntk = scaled_where_equal(positions, state.ntk, factor) if same else state.ntk
    return Pairs(a, b, state.covariance, ntk, state.error)


def _added(first: Pairs, second: Pairs) -> Pairs:
    a, b, covariance, ntk = (x + y for x, y in zip(first[:4], second[:4], strict=True))
    return Pairs(a, b, covariance, ntk, jnp.maximum(first.error, second.error))


def _multiplied(first: Pairs, second: Pairs) -> Pairs:
    return Pairs(
        first.a * second.a,
        first.b * second.b,
        first.covariance * second.covariance,
        first.ntk * second.covariance + first.covariance * second.ntk,
        jnp.maximum(first.error, second.error),
    )
