"""Which inputs a network represents alike, and how far two representations agree."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind


def similarity_matrix(hidden: Float[Array, "n *units"]) -> Float[Array, "n n"]:
    r"""Similarity of samples in a representation, :math:`H H^\top`: uncentred, not normalized.

    Its size grows with the number of units where each unit is of order one. Source: saxe2019.

    >>> similarity_matrix(jnp.array([[1.0, 1.0], [0.0, 2.0]])).tolist()
    [[2.0, 2.0], [2.0, 4.0]]
    """
    flat = hidden.reshape(hidden.shape[0], -1)
    return flat @ flat.T


def centred(kernel: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""Return the similarity matrix of the same representation minus its mean over samples.

    :math:`C K C` with :math:`C = I - \tfrac1n 1 1^\top`, without forming :math:`C`.

    >>> centred(jnp.ones((2, 2))).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """
    kernel = kernel - jnp.mean(kernel, axis=0, keepdims=True)
    return kernel - jnp.mean(kernel, axis=1, keepdims=True)


def kernel_alignment(first: Float[Array, "n n"], second: Float[Array, "n n"]) -> Float[Array, ""]:
    r"""Centred alignment of two kernels on the same samples, between 0 and 1.

    :math:`\langle K_1, K_2 \rangle_F / (\|K_1\|_F \|K_2\|_F)` of the centred kernels. nan if one
    of them is constant, hence zero when centred. Source: cortes2012.

    Raises:
        InputError: if the kernels are not square and of one size.

    >>> round(float(kernel_alignment(jnp.eye(3), 2.0 * jnp.eye(3))), 6)
    1.0
    """
    n = first.shape[0]
    require(
        first.shape == second.shape == (n, n),
        f"kernels of shapes {list(first.shape)} and {list(second.shape)}",
        "two square kernels on the same samples",
        "evaluate both on the same inputs",
    )
    one, two = centred(first), centred(second)
    # Normalized first, because the squares of two wide kernels can leave float32.
    return jnp.sum(one / jnp.linalg.norm(one) * (two / jnp.linalg.norm(two)))


def cka(first: Float[Array, "n *units"], second: Float[Array, "n *units"]) -> Float[Array, ""]:
    """Linear centred kernel alignment of two representations of the same samples.

    Between 0 and 1, and unchanged by rotation, scaling or shift of either representation; the
    number of units may differ. With fewer samples than units it is biased upwards. Source:
    kornblith2019.

    Raises:
        InputError: if the numbers of samples differ.

    >>> h = jnp.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> round(float(cka(h, -2.0 * h[:, ::-1] + 1.0)), 5)
    1.0
    """
    return kernel_alignment(similarity_matrix(first), similarity_matrix(second))


def hidden_similarity(layer: int = 1) -> Measure:
    """Measure the `similarity_matrix` of a hidden layer on the training samples.

    ``layer`` counts from 1, the layer that follows the first weights. Shape
    ``[train_sample, other_train_sample]``.

    Raises:
        InputError: if ``layer`` is below 1, or (when read) above the number of hidden layers.

    >>> hidden_similarity(2).quantity.name
    'hidden_similarity_2'
    """
    require_layer(layer)
    quantity = Quantity(
        f"hidden_similarity_{layer}",
        ("train_sample", "other_train_sample"),
        "1",
        f"similarity of training samples in hidden layer {layer}",
    )
    return Measure(quantity, bind(similarity_of_layer, layer))


def alignment_with_start(layer: int = 1) -> Measure:
    """Measure the `cka` of a hidden layer now with the same layer at time zero.

    On the training samples; 1 where features have not moved. ``layer`` as in `hidden_similarity`.

    Raises:
        InputError: as `hidden_similarity`.

    >>> alignment_with_start().quantity.name
    'alignment_with_start_1'
    """
    require_layer(layer)
    quantity = Quantity(
        f"alignment_with_start_{layer}",
        (),
        "fraction",
        f"alignment of hidden layer {layer} with its start",
    )
    return Measure(quantity, bind(alignment_of_layer, layer))


def similarity_of_layer(state: State, data: Data, layer: int) -> Float[Array, "n n"]:
    """Return the similarity matrix of one hidden layer on the training samples."""
    return similarity_matrix(hidden_layer(state, state.weights, data, layer))


def alignment_of_layer(state: State, data: Data, layer: int) -> Float[Array, ""]:
    """Return the alignment of one hidden layer with its start on the training samples."""
    return cka(
        hidden_layer(state, state.weights, data, layer),
        hidden_layer(state, state.start, data, layer),
    )


def hidden_layer(state: State, weights: object, data: Data, layer: int) -> Float[Array, "n units"]:
    """Return the activity of one hidden layer, counted from 1, on the training samples.

    Raises:
        InputError: if there are fewer hidden layers.
    """
    layers = state.model.hidden(weights, jnp.asarray(data.train.x))
    require(
        layer <= len(layers),
        f"hidden layer {layer} of a network with {len(layers)}",
        f"a layer from 1 to {len(layers)}" if layers else "a network with a hidden layer",
        "choose another layer" if layers else "add a Dense layer",
    )
    return layers[layer - 1]


def require_layer(layer: int) -> None:
    """Refuse a hidden layer that no network has."""
    require(layer >= 1, f"hidden layer {layer}", "1 or more", "count hidden layers from 1")
