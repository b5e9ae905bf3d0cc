"""How large weights are, how far they have moved, and whether neighbouring layers are balanced."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State

WEIGHT_NORM = Quantity("weight_norm", (), "1", "norm of all stored weights")
WEIGHT_NORM_BY_LAYER = Quantity(
    "weight_norm_by_layer", ("layer",), "1", "norm of the stored weights of each layer"
)
DISTANCE = Quantity("distance_from_start", (), "1", "distance of the stored weights from the start")
RELATIVE_DISTANCE = Quantity(
    "relative_distance_from_start", (), "1", "distance from the start over the norm of the start"
)
RELATIVE_DISTANCE_BY_LAYER = Quantity(
    "relative_distance_by_layer",
    ("layer",),
    "1",
    "distance of each layer from its start over the norm of its start",
)
IMBALANCE = Quantity("imbalance", (), "fraction", "largest imbalance of two neighbouring layers")
IMBALANCE_BY_PAIR = Quantity(
    "imbalance_by_pair", ("layer_pair",), "fraction", "imbalance of neighbouring layers"
)


def norm_by_layer(weights: Sequence[Any]) -> Float[Array, " layers"]:
    r"""Norm of each layer, :math:`\sqrt{\sum w^2}` over all of its arrays, biases included.

    >>> norm_by_layer(({"weight": jnp.array([[3.0]]), "bias": jnp.array([4.0])},)).tolist()
    [5.0]
    """
    squares = [sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(layer)) for layer in weights]
    return jnp.sqrt(jnp.stack([jnp.asarray(square) for square in squares]))


def distance_by_layer(weights: Sequence[Any], start: Sequence[Any]) -> Float[Array, " layers"]:
    r"""Distance :math:`\|w_l - w_l(0)\|` of each layer from its start.

    >>> weights = ({"weight": jnp.ones((2, 2))},)
    >>> distance_by_layer(weights, ({"weight": jnp.zeros((2, 2))},)).tolist()
    [2.0]
    """
    return norm_by_layer(jax.tree.map(jnp.subtract, weights, start))


def pair_imbalance(factors: Sequence[Float[Array, "out in"]]) -> Float[Array, " pairs"]:
    r"""Imbalance of each two neighbouring layers, between 0 (balanced) and 1.

    :math:`\|W_{l+1}^\top W_{l+1} - W_l W_l^\top\|_F / (\|W_{l+1}\|_F^2 + \|W_l\|_F^2)`. Gradient
    flow of a deep linear network conserves the numerator; gradient descent changes it in
    proportion to the learning rate. nan if both layers are zero. Sources: saxe2014, arora2018.

    >>> one = jnp.eye(1)
    >>> pair_imbalance([one, one, 0.0 * one]).tolist()
    [0.0, 1.0]
    """
    pairs: list[Array] = [
        jnp.linalg.norm(after.T @ after - before @ before.T)
        / (jnp.sum(after**2) + jnp.sum(before**2))
        for before, after in pairwise(factors)
    ]
    return jnp.stack(pairs) if pairs else jnp.zeros((0,))


def _weight_norm(state: State, data: Data) -> Float[Array, ""]:
    del data
    return jnp.linalg.norm(norm_by_layer(state.weights))


def _weight_norm_by_layer(state: State, data: Data) -> Float[Array, " layers"]:
    del data
    return norm_by_layer(state.weights)


def _distance(state: State, data: Data) -> Float[Array, ""]:
    del data
    return jnp.linalg.norm(distance_by_layer(state.weights, state.start))


def _relative_distance(state: State, data: Data) -> Float[Array, ""]:
    return _distance(state, data) / jnp.linalg.norm(norm_by_layer(state.start))


def _relative_distance_by_layer(state: State, data: Data) -> Float[Array, " layers"]:
    del data
    return distance_by_layer(state.weights, state.start) / norm_by_layer(state.start)


def _imbalance_by_pair(state: State, data: Data) -> Float[Array, " pairs"]:
    del data
    return pair_imbalance(state.model.factors(state.weights))


def _imbalance(state: State, data: Data) -> Float[Array, ""]:
    return jnp.max(_imbalance_by_pair(state, data), initial=0.0)


weight_norm = Measure(WEIGHT_NORM, _weight_norm)
"""Norm of all stored weights and biases, the coordinates that training moves in."""

weight_norm_by_layer = Measure(WEIGHT_NORM_BY_LAYER, _weight_norm_by_layer)
"""Norm of each layer's stored weights and bias, ``[layer]`` (`norm_by_layer`)."""

distance_from_start = Measure(DISTANCE, _distance)
"""Distance of all stored weights from the start."""

relative_distance_from_start = Measure(RELATIVE_DISTANCE, _relative_distance)
r"""Distance from the start over the start's norm: small where training is lazy (chizat2019)."""

relative_distance_by_layer = Measure(RELATIVE_DISTANCE_BY_LAYER, _relative_distance_by_layer)
"""The same for each layer, ``[layer]``; without biases it does not depend on the multipliers."""

imbalance_by_pair = Measure(IMBALANCE_BY_PAIR, _imbalance_by_pair)
"""`pair_imbalance` of a deep linear network's layers, ``[depth - 1]``; refused for any other."""

imbalance = Measure(IMBALANCE, _imbalance)
"""The largest entry of `imbalance_by_pair`; 0 for a single layer."""
