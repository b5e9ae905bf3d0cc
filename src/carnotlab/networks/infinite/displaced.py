r"""Pooled kernels one displacement at a time, through JAX: on a GPU where there is one.

Convolutions take both samples at the same offset, so the recursion for pairs of positions
:math:`(p, p + d)` needs no others: each displacement :math:`d` is an image on which all layers run,
and global pooling adds them up. Of all pairs of positions at once, nothing is ever stored.
A stride :math:`s` takes the displacement :math:`s d` to :math:`d`.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from carnotlab.core.data import RealArray
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.gains import gains
from carnotlab.networks.infinite.positions import Positions, from_second
from carnotlab.networks.infinite.prefix import weighted_layers, weighted_shape
from carnotlab.networks.infinite.recursion import Pairs, Setting, follow
from carnotlab.networks.layers import (
    AveragePool,
    Convolution,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    Layer,
    LayerNorm,
    Product,
    Residual,
    SelfAttention,
    Sum,
    SumPool,
    branches_of,
)
from carnotlab.networks.shapes import behind, weighted_maps
from carnotlab.networks.windows import window


class Parts(NamedTuple):
    """A network cut at its global pooling."""

    front: tuple[Layer, ...]
    pool: GlobalAveragePool | GlobalSumPool
    rest: tuple[Layer, ...]


def parts(network: Network) -> Parts | None:
    """Cut the network, or return none where displacements do not decouple.

    >>> from carnotlab.networks.convolutional_architectures import convolutional, myrtle
    >>> parts(convolutional((8, 8, 3), (4,), 2)) is None, parts(myrtle()) is None
    (False, True)
    """
    layers = weighted_layers(network)
    for index, layer in enumerate(layers):
        if isinstance(layer, GlobalAveragePool | GlobalSumPool):
            front, shape = layers[:index], weighted_shape(network)
            if not _decouples(front) or _stride(shape, front) is None:
                return None
            return Parts(front, layer, layers[index + 1 :])
    return None


def _decouples(layers: Sequence[Layer]) -> bool:
    for layer in layers:
        match layer:
            case Convolution():
                # Around a circle a displacement wraps, too.
                if layer.padding == "circular":
                    return False
            case AveragePool() | SumPool() | SelfAttention() | Flatten() | LayerNorm("all"):
                return False
            case Dropout():
                # The noise of a sample with itself is only at displacement 0.
                return False
            case Residual() | Sum() | Product():
                if not all(map(_decouples, branches_of(layer))):
                    return False
            case _:
                pass
    return True


def displaced_samples(network: Network, order: int, x: RealArray) -> Pairs:
    """Follow samples ``[n, *positions, channels]`` with themselves, as pairs ``[n, 1]``."""
    return _compiled_samples(network, order, x)


def displaced_pairs(
    network: Network, order: int, x1: RealArray, x2: RealArray, own1: RealArray, own2: RealArray
) -> Pairs:
    """Follow all pairs; ``own1: [n1]`` and ``own2: [n2]`` are samples' own pooled covariances."""
    return _compiled_pairs(network, order, x1, x2, own1, own2)


def pooled_own(network: Network, order: int, x: RealArray) -> Float[Array, " n"]:
    """Return samples' own covariances behind the pooling."""
    return _compiled_own(network, order, x)


def _pooled(network: Network, order: int, x1: Array, x2: Array) -> tuple[Array, Array, Setting]:
    """Return covariance and tangent kernel behind the pooling; batch axes of x1, x2 broadcast."""
    cut = parts(network)
    assert cut is not None
    shape = weighted_shape(network)
    final = behind(shape, cut.front)[:-1]
    stride = _stride(shape, cut.front)
    steps = [np.arange(1 - length, length) for length in final]
    assert stride is not None
    displacements = jnp.asarray(list(product(*steps))) * jnp.asarray(stride)
    axis = -1
    own1, own2 = (jnp.vecdot(x, x, axis=axis) / shape[-1] for x in (x1, x2))
    channels_first = jnp.moveaxis(x2, -1, 0)

    def at(displacement: Int[Array, " axes"]) -> tuple[Array, Array]:
        positions = Positions(shape[:-1], "displaced", displacement)
        shifted = jnp.moveaxis(from_second(positions, channels_first), 0, -1)
        covariance = jnp.vecdot(x1, shifted, axis=axis) / shape[-1]
        start = Pairs(own1, own2, covariance, jnp.zeros_like(covariance), jnp.zeros(()))
        setting = Setting(iter(gains(network)), order, False)
        end, _ = follow(cut.front, start, positions, setting)
        axes = tuple(range(-len(final), 0))
        return jnp.sum(end.covariance, axis=axes), jnp.sum(end.ntk, axis=axes)

    def add(total: tuple[Array, Array], displacement: Array) -> tuple[tuple[Array, Array], None]:
        return jax.tree.map(jnp.add, total, at(displacement)), None

    zero = jnp.zeros(jnp.broadcast_shapes(own1.shape, own2.shape)[: -len(final)], x1.dtype)
    (covariance, ntk), _ = jax.lax.scan(add, (zero, zero), displacements)
    count = 1 if isinstance(cut.pool, GlobalSumPool) else prod(final) ** 2
    # The front has used up its gains.
    used = sum(1 for _ in weighted_maps(shape, cut.front))
    setting = Setting(iter(gains(network)[used:]), order, False)
    return covariance / count, ntk / count, setting


def _own(network: Network, order: int, x: Array) -> Float[Array, " n"]:
    return _pooled(network, order, x[:, None], x[:, None])[0][:, 0]


def _samples(network: Network, order: int, x: Array) -> Pairs:
    covariance, ntk, setting = _pooled(network, order, x[:, None], x[:, None])
    start = Pairs(covariance, covariance, covariance, ntk, _front_error(network, order, x))
    return _rest(network, start, setting._replace(same=True))


def _front_error(network: Network, order: int, x: Array) -> Float[Array, ""]:
    """Return the worst error of a quadrature in front of the pooling, where positions are equal."""
    cut = parts(network)
    assert cut is not None
    own = jnp.vecdot(x, x) / x.shape[-1]
    start = Pairs(own, own, own, jnp.zeros_like(own), jnp.zeros(()))
    setting = Setting(iter(gains(network)), order, True)
    return follow(cut.front, start, Positions(x.shape[1:-1], "equal"), setting)[0].error


def _pairs(network: Network, order: int, x1: Array, x2: Array, own1: Array, own2: Array) -> Pairs:
    covariance, ntk, setting = _pooled(network, order, x1[:, None], x2[None, :])
    start = Pairs(own1[:, None], own2[None, :], covariance, ntk, jnp.zeros(()))
    return _rest(network, start, setting)


def _rest(network: Network, start: Pairs, setting: Setting) -> Pairs:
    cut = parts(network)
    assert cut is not None
    return follow(cut.rest, start, Positions((), "all"), setting)[0]


_compiled_own: Callable[[Network, int, RealArray], Array]
_compiled_own = jax.jit(_own, static_argnames=("network", "order"))
_compiled_samples: Callable[[Network, int, RealArray], Pairs]
_compiled_samples = jax.jit(_samples, static_argnames=("network", "order"))
_compiled_pairs: Callable[..., Pairs]
_compiled_pairs = jax.jit(_pairs, static_argnames=("network", "order"))


def _stride(shape: tuple[int, ...], layers: Sequence[Layer]) -> tuple[int, ...] | None:
    """Return the product of strides along each axis, or none where branches differ in theirs."""
    total = (1,) * (len(shape) - 1)
    for layer in layers:
        match layer:
            case Convolution():
                step = window(layer, shape[:-1]).stride
            case Residual() | Sum() | Product():
                steps = {_stride(shape, branch) for branch in branches_of(layer)}
                step = steps.pop()
                if steps or step is None:
                    return None
            case _:
                step = (1,) * len(total)
        total = tuple(a * b for a, b in zip(total, step, strict=True))
        shape = behind(shape, (layer,))
    return total
