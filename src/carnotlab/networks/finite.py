"""The finite reading: weights that can be drawn, and functions of them that can be trained."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from carnotlab.core.data import Modes
from carnotlab.core.keys import key_for
from carnotlab.networks.activations import Elementwise, activation
from carnotlab.networks.description import Network, dense_layers
from carnotlab.networks.layers import Dense, Layer, Residual
from carnotlab.networks.linear import linear_factors
from carnotlab.networks.parameterization import RuleKind, Scaling, learning_rate_scale, scaling
from carnotlab.networks.starts import starting_matrices

Weights: TypeAlias = tuple[dict[str, Array], ...]
"""One dictionary a dense layer, in order: ``weight: [out, in]`` and, if any, ``bias: [out]``."""


@dataclass(frozen=True)
class Model:
    """A description as functions of stored weights; hashable, so that programs are compiled once.

    ``apply(weights, x)`` maps ``x: [n, *input]`` to ``[n, outputs]``.

    >>> from carnotlab.networks.description import mlp
    >>> model = Model(mlp(2, (8,), 1))
    >>> weights = model.start(0)
    >>> model.apply(weights, jnp.ones((3, 2))).shape
    (3, 1)
    """

    network: Network

    def start(self, seed: int | Array, modes: Modes | None = None) -> Weights:
        """Draw stored weights at time zero; ``modes`` of the task are needed by `Aligned`."""
        key = key_for(seed, "weights")
        return _draw(self.network, key, modes)

    def apply(self, weights: Weights, x: Float[Array, "n *input"]) -> Float[Array, "n outputs"]:
        """Return the outputs."""
        return self._forward(weights, x, lambda _: None)

    def hidden(
        self, weights: Weights, x: Float[Array, "n *input"]
    ) -> tuple[Float[Array, "n units"], ...]:
        """Return the input of every dense layer after the first: the hidden representations."""
        seen: list[Array] = []
        self._forward(weights, x, seen.append)
        return tuple(seen[1:])

    def factors(self, weights: Weights) -> tuple[Float[Array, "out in"], ...]:
        """Return the effective matrices :math:`W_1 … W_D` of a deep linear network."""
        return linear_factors(self.network, self.effective(weights))

    def effective(self, weights: Weights) -> tuple[Float[Array, "out in"], ...]:
        """Return the matrices that act on activity, multiplier times stored weights."""
        return tuple(
            scale.weight_multiplier * layer["weight"]
            for scale, layer in zip(scalings(self.network), weights, strict=True)
        )

    def rate_scales(self, rule: RuleKind) -> tuple[float, ...]:
        """Return the learning-rate factor of each dense layer."""
        kind = self.network.parameterization
        return tuple(learning_rate_scale(kind, place, rule) for place in self.network.places)

    def _forward(
        self, weights: Weights, x: Array, see: Callable[[Array], None]
    ) -> Float[Array, "n outputs"]:
        steps = iter(zip(scalings(self.network), weights, strict=True))
        flat = x.reshape(x.shape[0], self.network.inputs)
        return _apply_layers(self.network.layers, steps, flat, see)


def scalings(network: Network) -> tuple[Scaling, ...]:
    """Return the parameterization's multipliers and spreads for each dense layer in order."""
    return tuple(
        scaling(network.parameterization, place, dense.weight_variance, _bias_variance(dense))
        for place, dense in zip(network.places, dense_layers(network.layers), strict=True)
    )


def _apply_layers(
    layers: Sequence[Layer],
    steps: Iterator[tuple[Scaling, dict[str, Array]]],
    x: Array,
    see: Callable[[Array], None],
) -> Array:
    for layer in layers:
        match layer:
            case Dense():
                see(x)
                scale, stored = next(steps)
                # The multiplier goes onto the smaller operand's product, not onto the weights,
                # so that no scaled copy of a wide matrix is made at every step.
                x = scale.weight_multiplier * (x @ stored["weight"].T)
                if "bias" in stored:
                    x = x + scale.bias_multiplier * stored["bias"]
            case Residual(inside):
                x = x + _apply_layers(inside, steps, x, see)
            case Elementwise():
                x = activation(layer)(x)
            case _:
                assert_never(layer)
    return x


def _draw(network: Network, key: Key[Array, ""], modes: Modes | None) -> Weights:
    weight_key, bias_key = jax.random.split(key)
    matrices = starting_matrices(network, weight_key, modes)
    layers = tuple(dense_layers(network.layers))
    weights: list[dict[str, Any]] = []
    for index, (dense, scale) in enumerate(zip(layers, scalings(network), strict=True)):
        layer = {"weight": matrices[index] / scale.weight_multiplier}
        if dense.bias_variance is not None:
            draw = jax.random.normal(jax.random.fold_in(bias_key, index), (dense.units,))
            layer["bias"] = scale.bias_std * draw
        weights.append(layer)
    return tuple(weights)


def _bias_variance(dense: Dense) -> float:
    return 0.0 if dense.bias_variance is None else dense.bias_variance
