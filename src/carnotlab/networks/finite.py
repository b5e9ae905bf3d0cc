"""The finite reading: weights that can be drawn, and functions of them that can be trained."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import jax
from jaxtyping import Array, Float, Key

from carnotlab.core.data import Modes
from carnotlab.core.keys import key_for
from carnotlab.networks.description import Network
from carnotlab.networks.forward import Moments, Pass, apply_layers
from carnotlab.networks.layers import couples_samples
from carnotlab.networks.linear import linear_factors
from carnotlab.networks.parameterization import RuleKind, Scaling, learning_rate_scale, scaling
from carnotlab.networks.starts import starting_matrices

Statistics: TypeAlias = tuple[Moments, ...]
"""Means and variances of channels, of each batch norm in order of the forward pass."""

Weights: TypeAlias = tuple[dict[str, Array], ...]
"""One dictionary a linear map, in order: ``weight`` and, if any, ``bias: [out]``.

``weight`` is ``[out, in]``, or ``[*size, in, out]`` in a convolution.
"""


@dataclass(frozen=True)
class Model:
    """A description as functions of stored weights; hashable, so that programs are compiled once.

    ``apply(weights, x)`` maps ``x: [n, *input]`` to ``[n, outputs]``.

    >>> import jax.numpy as jnp
    >>> from carnotlab.networks.architectures import mlp
    >>> model = Model(mlp(2, (8,), 1))
    >>> weights = model.start(0)
    >>> model.apply(weights, jnp.ones((3, 2))).shape
    (3, 1)
    """

    network: Network

    def start(self, seed: int | Array, modes: Modes | None = None) -> Weights:
        """Draw stored weights at time zero; ``modes`` of the task are needed by `Aligned`."""
        key = key_for(seed, "weights")
        return _draw(self.network, key, modes, seed)

    def apply(
        self,
        weights: Weights,
        x: Float[Array, "n *input"],
        noise: Key[Array, ""] | None = None,
        statistics: Statistics | None = None,
    ) -> Float[Array, "n outputs"]:
        """Return the outputs; `Dropout` leaves units out where there is a key for its ``noise``.

        `BatchNorm` normalizes by ``statistics``, or without any by those of the batch itself.
        """
        return self._forward(weights, x, lambda _: None, noise, statistics)[0]

    @property
    def couples_samples(self) -> bool:
        """Whether the output for a sample depends on its batch, as with `BatchNorm`."""
        return couples_samples(self.network.layers)

    def statistics(self, weights: Weights, x: Float[Array, "n *input"]) -> Statistics:
        """Return what every `BatchNorm` normalizes by on a batch; nothing where there is none.

        >>> import jax.numpy as jnp
        >>> from carnotlab.networks.architectures import mlp
        >>> from carnotlab.networks.layers import BatchNorm
        >>> model = Model(mlp(2, (8,), 1, normalization=BatchNorm()))
        >>> weights, train, test = model.start(0), jnp.eye(2), jnp.ones((1, 2))
        >>> model.apply(weights, test, statistics=model.statistics(weights, train)).shape
        (1, 1)
        """
        if not self.couples_samples:
            return ()
        return tuple(self._forward(weights, x, lambda _: None)[1].moments)

    def hidden(
        self, weights: Weights, x: Float[Array, "n *input"]
    ) -> tuple[Float[Array, "n *positions units"], ...]:
        """Return the input of every linear map after the first: the hidden representations."""
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
        """Return the learning-rate factor of each linear map: 0 where it is frozen."""
        kind, frozen = self.network.parameterization, self.network.frozen
        return tuple(
            learning_rate_scale(kind, place, rule) if index >= frozen else 0.0
            for index, place in enumerate(self.network.places)
        )

    def _forward(
        self,
        weights: Weights,
        x: Array,
        see: Callable[[Array], None],
        noise: Key[Array, ""] | None = None,
        statistics: Statistics | None = None,
    ) -> tuple[Float[Array, "n outputs"], Pass]:
        steps = iter(zip(scalings(self.network), weights, strict=True))
        shaped = x.reshape(x.shape[0], *self.network.shape)
        run = Pass(steps, see, noise, statistics)
        return apply_layers(self.network.layers, run, shaped), run


def scalings(network: Network) -> tuple[Scaling, ...]:
    """Return the parameterization's multipliers and spreads for each linear map in order."""
    return tuple(
        scaling(network.parameterization, place, layer.weight_variance, layer.bias_variance or 0.0)
        for place, layer in zip(network.places, network.maps, strict=True)
    )


def _draw(
    network: Network, key: Key[Array, ""], modes: Modes | None, member: int | Array
) -> Weights:
    weight_key, bias_key = jax.random.split(key)
    matrices = starting_matrices(network, weight_key, modes, member)
    weights: list[dict[str, Any]] = []
    for index, (its, scale) in enumerate(zip(network.maps, scalings(network), strict=True)):
        layer = {"weight": matrices[index] / scale.weight_multiplier}
        if its.bias_variance is not None:
            draw = jax.random.normal(jax.random.fold_in(bias_key, index), (its.outputs,))
            layer["bias"] = scale.bias_std * draw
        weights.append(layer)
    return tuple(weights)
