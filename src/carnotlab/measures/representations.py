"""Hidden representations themselves, all layers' similarities, and what they make of new facts."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind
from carnotlab.measures.similarity import hidden_layer, require_layer, similarity_matrix

LAYER_SIMILARITY = Quantity(
    "layer_similarity",
    ("layer", "train_sample", "other_train_sample"),
    "1",
    "similarity of training samples in every hidden layer",
)
PROPERTY_PROJECTION = Quantity(
    "property_projection",
    ("train_sample", "other_train_sample"),
    "1",
    "belief that an item has a new property which another was taught to have",
)
PLASTIC_PROJECTION = Quantity(
    "plastic_projection",
    ("train_sample", "other_train_sample"),
    "1",
    "the same belief where the taught item's own representation could move as well",
)
LESSONS = 40
"""Steps at half the rate that is right at once: the property is learned to 2^-40."""


def hidden_representation(layer: int = 1) -> Measure:
    """Measure the activity of a hidden layer on the training samples, ``[train_sample, unit_1]``.

    ``layer`` counts from 1. A rotation of the units means nothing: compare similarities.

    >>> hidden_representation(2).quantity.name
    'hidden_representation_2'
    """
    require_layer(layer)
    quantity = Quantity(
        f"hidden_representation_{layer}",
        ("train_sample", f"unit_{layer}"),
        "1",
        f"activity of hidden layer {layer} on training samples",
    )
    return Measure(quantity, bind(_activity, layer))


def learn_property(
    hidden: Float[Array, "n units"], lessons: int = LESSONS
) -> Float[Array, "taught n"]:
    r"""Teach one item a new property, by gradient descent on a new output's weights alone.

    The weights start at zero and take ``lessons`` steps on :math:`\tfrac12(1-w\cdot h_i)^2` at
    half the rate that would learn the item at once. Returns the new output on every item j (second
    axis) after each item i (first) was taught by itself. nan for an item without activity.
    Source: saxe2019.

    >>> learn_property(jnp.array([[2.0, 0.0], [1.0, 1.0]])).round(4).tolist()
    [[1.0, 0.5], [1.0, 1.0]]
    """

    def taught(item: Float[Array, " units"]) -> Float[Array, " n"]:
        rate = 0.5 / jnp.sum(item**2)

        def lesson(_: int, weights: Float[Array, " units"]) -> Float[Array, " units"]:
            return weights + rate * (1.0 - weights @ item) * item

        return hidden @ jax.lax.fori_loop(0, lessons, lesson, jnp.zeros_like(item))

    return jax.vmap(taught)(hidden)


def learn_property_with_plasticity(
    hidden: Float[Array, "n units"], x: Float[Array, "n d"], lessons: int = 600
) -> Float[Array, "taught n"]:
    r"""Teach one item a new property, training the layer below the new output along with it.

    As `learn_property`, by gradient descent on the new output's weights w and the weights
    :math:`W_1` that make ``hidden`` of ``x``, at one rate, a twentieth of the largest curvature met
    on the way. Source: saxe2019.

    >>> near = learn_property_with_plasticity(jnp.array([[1.0, 0.0], [1.0, 0.0]]), jnp.eye(2))
    >>> [round(float(belief), 2) for belief in near[0]]  # 1 if nothing but the new weights moved
    [1.0, 0.79]
    """
    inner = x @ x.T

    def taught(item: Int[Array, ""]) -> Float[Array, " n"]:
        power, begin = inner[item, item], hidden[item]
        rate = 0.05 / (jnp.sum(begin**2) + 2.0 * jnp.sqrt(power))

        def lesson(_: int, now: tuple[Array, Array]) -> tuple[Array, Array]:
            # The first weights change by shift x_i^T only, so their own shift is all to follow.
            weights, shift = now
            representation = begin + shift * power
            error = 1.0 - weights @ representation
            return weights + rate * error * representation, shift + rate * error * weights

        zero = jnp.zeros_like(begin)
        weights, shift = jax.lax.fori_loop(0, lessons, lesson, (zero, zero))
        return (hidden + inner[:, item, None] * shift) @ weights

    return jax.vmap(taught)(jnp.arange(hidden.shape[0]))


def _plastic_projection(state: State, data: Data) -> Float[Array, "taught n"]:
    layers = _hidden(state, data)
    require(
        len(layers) == 1,
        f"a network with {len(layers)} hidden layers",
        "one, whose weights read the input",
        "use property_projection",
    )
    x = jnp.asarray(data.train.x)
    return learn_property_with_plasticity(layers[0], x.reshape(x.shape[0], -1))


def _activity(state: State, data: Data, layer: int) -> Float[Array, "n units"]:
    hidden = hidden_layer(state, state.weights, data, layer)
    return hidden.reshape(hidden.shape[0], -1)


def _layer_similarity(state: State, data: Data) -> Float[Array, "layers n n"]:
    return jnp.stack([similarity_matrix(layer) for layer in _hidden(state, data)])


def _property_projection(state: State, data: Data) -> Float[Array, "taught n"]:
    return learn_property(_hidden(state, data)[-1])


def _hidden(state: State, data: Data) -> tuple[Float[Array, "n units"], ...]:
    layers = state.model.hidden(state.weights, jnp.asarray(data.train.x))
    require(
        len(layers) > 0,
        "a network without hidden layers",
        "at least one",
        "add a Dense layer",
    )
    return tuple(layer.reshape(layer.shape[0], -1) for layer in layers)


layer_similarity = Measure(LAYER_SIMILARITY, _layer_similarity)
"""`similarity_matrix` of every hidden layer on the training samples, ``[layer, n, n]``."""

property_projection = Measure(PROPERTY_PROJECTION, _property_projection)
"""`learn_property` on the last hidden layer, ``[taught, n]``; the network itself stays as it is."""

plastic_projection = Measure(PLASTIC_PROJECTION, _plastic_projection)
"""`learn_property_with_plasticity`, ``[taught, n]``, of a network with one hidden layer."""
