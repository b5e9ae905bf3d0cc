"""How signals travel through a network: lengths, correlations and gradients, layer by layer."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Data, RealArray
from carnotlab.core.errors import require
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind

ACTIVITY_LENGTH = Quantity(
    "activity_length", ("layer", "probe"), "1", "mean square of the hidden units on probe inputs"
)
ACTIVITY_CORRELATION = Quantity(
    "activity_correlation", ("layer", "pair"), "1", "cosine between hidden activity on two inputs"
)
GRADIENT_LENGTH = Quantity(
    "gradient_length",
    ("weight_layer",),
    "1",
    "squared derivative of one output by each layer's weights, mean over probe inputs",
)


def activity_length_on(inputs: RealArray) -> Measure:
    r"""Measure :math:`|h_l(x)|^2 / n_l` behind every hidden layer, for each of ``inputs``.

    Shape ``[layer, probe]``; h is what the next linear map receives. Source: poole2016.

    >>> activity_length_on(jnp.ones((3, 2))).quantity.dims
    ('layer', 'probe')
    """
    return Measure(ACTIVITY_LENGTH, bind(activity_length, inputs))


def activity_correlation_on(inputs: RealArray) -> Measure:
    r"""Measure :math:`\langle h_l(x), h_l(x')\rangle / |h_l(x)||h_l(x')|` of every pair of inputs.

    Shape ``[layer, pair]``, pairs :math:`i < j` row by row. Source: poole2016.

    Raises:
        InputError: for fewer than two inputs.

    >>> activity_correlation_on(jnp.ones((3, 2))).quantity.name
    'activity_correlation'
    """
    require(len(inputs) >= 2, f"{len(inputs)} inputs", "at least two", "give pairs to correlate")
    return Measure(ACTIVITY_CORRELATION, bind(activity_correlation, inputs))


def gradient_length_on(inputs: RealArray) -> Measure:
    r"""Measure :math:`|\partial f_1(x) / \partial W_l|^2`, mean over ``inputs``, of every layer.

    Shape ``[weight_layer]``; by the stored weights, biases apart. Source: schoenholz2017.

    >>> gradient_length_on(jnp.ones((3, 2))).quantity.dims
    ('weight_layer',)
    """
    return Measure(GRADIENT_LENGTH, bind(gradient_length, inputs))


def activity_length(state: State, data: Data, inputs: RealArray) -> Float[Array, "layer probe"]:
    """Return the mean square of hidden units on every input."""
    del data
    hidden = state.model.hidden(state.weights, jnp.asarray(inputs))
    return jnp.stack([jnp.mean(h**2, axis=-1) for h in hidden])


def activity_correlation(state: State, data: Data, inputs: RealArray) -> Float[Array, "layer pair"]:
    """Return the cosine between hidden activity on every pair of inputs."""
    del data
    first, second = jnp.triu_indices(len(inputs), k=1)
    courses: list[Array] = []
    for h in state.model.hidden(state.weights, jnp.asarray(inputs)):
        unit = h / jnp.linalg.norm(h, axis=-1, keepdims=True)
        courses.append((unit @ unit.T)[first, second])
    return jnp.stack(courses)


def gradient_length(state: State, data: Data, inputs: RealArray) -> Float[Array, " weight_layer"]:
    """Return the squared derivative of the first output by each layer's weights."""
    del data

    def output(weights: object, x: Array) -> Array:
        return state.model.apply(weights, x[None])[0, 0]

    slopes = jax.vmap(jax.grad(output), (None, 0))(state.weights, jnp.asarray(inputs))
    return jnp.stack([jnp.sum(layer["weight"] ** 2) for layer in slopes]) / len(inputs)
