"""The kernel recursion, layer by layer, for any shape of samples: single ones or all pairs."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import RealArray
from carnotlab.networks.activations import Elementwise
from carnotlab.networks.description import Network, dense_layers
from carnotlab.networks.finite import scalings
from carnotlab.networks.infinite.dual_activations import dual, series_error
from carnotlab.networks.infinite.limits import gaussian_scale
from carnotlab.networks.layers import Dense, Layer, Residual
from carnotlab.networks.parameterization import learning_rate_scale


class Gain(NamedTuple):
    """What a dense layer multiplies by: covariances forward, gradients to its own parameters."""

    weight: float
    bias: float
    weight_gradient: float
    bias_gradient: float


class Single(NamedTuple):
    """One value a sample: variance, tangent kernel with itself; the worst error of a series."""

    variance: Float[Array, " n"]
    ntk: Float[Array, " n"]
    error: Float[Array, ""]


class Pairs(NamedTuple):
    """One value a pair: covariance and tangent kernel, with the variances of either side."""

    a: Float[Array, "n1 1"]
    b: Float[Array, "1 n2"]
    covariance: Float[Array, "n1 n2"]
    ntk: Float[Array, "n1 n2"]


def follow_single(network: Network, order: int, variance: RealArray) -> Single:
    """Follow samples through the network, from their mean square ``[n]`` on the inputs.

    >>> from carnotlab.networks.description import mlp
    >>> follow_single(mlp(2, (8,), 1), 0, jnp.ones(1)).ntk.tolist()
    [2.0]
    """
    return _compiled_single(network, order, variance)


def follow_pairs(
    network: Network, order: int, a: RealArray, b: RealArray, covariance: RealArray
) -> Pairs:
    """Follow all pairs, from mean squares ``[n1]``, ``[n2]`` and mean products ``[n1, n2]``.

    >>> from carnotlab.networks.description import mlp
    >>> one = jnp.ones(1)
    >>> follow_pairs(mlp(2, (8,), 1), 0, one, one, jnp.ones((1, 1))).covariance.tolist()
    [[1.0]]
    """
    return _compiled_pairs(network, order, a, b, covariance)


def weighted_layers(network: Network) -> tuple[Layer, ...]:
    """Return the layers from the first dense one on: what comes before only changes the inputs.

    >>> from carnotlab.networks.activations import Relu
    >>> weighted_layers(Network(2, (Relu(), Dense(1))))
    (Dense(units=1, weight_variance=1.0, bias_variance=None),)
    """
    first = next(i for i, layer in enumerate(network.layers) if not isinstance(layer, Elementwise))
    return network.layers[first:]


def gains(network: Network) -> tuple[Gain, ...]:
    """Turn the parameterization's multipliers, spreads and rates into gains, one a dense layer.

    >>> from carnotlab.networks.description import mlp
    >>> [round(number, 6) for number in gains(mlp(2, (8,), 1))[0]]
    [2.0, 0.0, 2.0, 0.0]
    """
    scale = gaussian_scale(network)
    found: list[Gain] = []
    layers = dense_layers(network.layers)
    for layer, place, its in zip(layers, network.places, scalings(network), strict=True):
        rate = learning_rate_scale(network.parameterization, place, "gradient")
        weight = its.weight_multiplier**2 * place.fan_in
        bias = 0.0 if layer.bias_variance is None else its.bias_multiplier**2
        found.append(
            Gain(
                weight=weight * (scale * its.weight_std) ** 2,
                bias=bias * its.bias_std**2,
                weight_gradient=rate * weight,
                bias_gradient=rate * bias,
            )
        )
    return tuple(found)


def _start_single(network: Network, order: int, variance: Array) -> Single:
    start = Single(variance, jnp.zeros_like(variance), jnp.zeros_like(variance[0]))
    return _single(weighted_layers(network), start, iter(gains(network)), order)


def _start_pairs(network: Network, order: int, a: Array, b: Array, covariance: Array) -> Pairs:
    start = Pairs(a[:, None], b[None, :], covariance, jnp.zeros_like(covariance))
    return _pairs(weighted_layers(network), start, iter(gains(network)), order)


_compiled_single: Callable[[Network, int, RealArray], Single]
_compiled_single = jax.jit(_start_single, static_argnames=("network", "order"))
_compiled_pairs: Callable[[Network, int, RealArray, RealArray, RealArray], Pairs]
_compiled_pairs = jax.jit(_start_pairs, static_argnames=("network", "order"))


def _single(layers: Sequence[Layer], state: Single, steps: Iterator[Gain], order: int) -> Single:
    for layer in layers:
        match layer:
            case Dense():
                gain = next(steps)
                state = Single(
                    _forward(gain, state.variance),
                    _tangent(gain, state.variance, state.ntk),
                    state.error,
                )
            case Residual(inside):
                branch = _single(inside, state, steps, order)
                state = Single(
                    state.variance + branch.variance, state.ntk + branch.ntk, branch.error
                )
            case Elementwise():
                pair = dual(layer, state.variance, state.variance, state.variance, order)
                error = jnp.maximum(state.error, series_error(layer, state.variance, order))
                state = Single(pair.value, state.ntk * pair.derivative, error)
            case _:
                assert_never(layer)
    return state


def _pairs(layers: Sequence[Layer], state: Pairs, steps: Iterator[Gain], order: int) -> Pairs:
    for layer in layers:
        match layer:
            case Dense():
                gain = next(steps)
                state = Pairs(
                    _forward(gain, state.a),
                    _forward(gain, state.b),
                    _forward(gain, state.covariance),
                    _tangent(gain, state.covariance, state.ntk),
                )
            case Residual(inside):
                branch = _pairs(inside, state, steps, order)
                state = Pairs(*(x + f for x, f in zip(state, branch, strict=True)))
            case Elementwise():
                pair = dual(layer, state.a, state.b, state.covariance, order)
                state = Pairs(
                    dual(layer, state.a, state.a, state.a, order).value,
                    dual(layer, state.b, state.b, state.b, order).value,
                    pair.value,
                    state.ntk * pair.derivative,
                )
            case _:
                assert_never(layer)
    return state


def _forward(gain: Gain, covariance: Array) -> Array:
    return gain.weight * covariance + gain.bias


def _tangent(gain: Gain, covariance: Array, ntk: Array) -> Array:
    return gain.weight * ntk + gain.weight_gradient * covariance + gain.bias_gradient
