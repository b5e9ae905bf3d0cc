r"""One function at any sharpness: what scaling layers against each other does to curvature.

Where all activations are positively homogeneous of degree one (rectifiers, linear), layers times
:math:`c_l > 0` with :math:`\prod_l c_l = 1`, biases times :math:`\prod_{k\le l} c_k`, are the same
function. The Hessian becomes :math:`D^{-1} H D^{-1}`, D the diagonal of those factors: its largest
eigenvalue and trace can be made as large as one likes, so neither can decide about generalization
(dinh2017). What is left alone: anything that measures steps relative to the weights, such as
:math:`\lambda_{\max}(|W| H |W|)` (kwon2021) and :math:`w^\top G w` (liang2019).
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError, require
from carnotlab.networks.activations import Abs, LeakyRelu, Linear, Relu
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Weights
from carnotlab.networks.layers import Dense


def layer_factors(network: Network, factors: Sequence[float]) -> tuple[dict[str, float], ...]:
    """Return by what each layer's weights and biases are multiplied.

    Raises:
        OutOfReachError: if scaled layers would be another function.
        InputError: unless there is one positive factor a layer, with product 1.

    >>> from carnotlab.networks.architectures import mlp
    >>> layer_factors(mlp(2, (3,), 1, bias_variance=0.1), (2.0, 0.5))
    ({'weight': 2.0, 'bias': 2.0}, {'weight': 0.5, 'bias': 1.0})
    """
    for layer in network.layers:
        if not isinstance(layer, Dense | Relu | LeakyRelu | Abs | Linear):
            raise OutOfReachError(
                f"layers of a network with {type(layer).__name__} scaled against each other",
                "dense layers and activations homogeneous of degree one",
                "use Relu()",
            )
    chosen = np.asarray(factors, dtype=np.float64)
    fits = chosen.shape == (network.depth,) and bool(np.all(chosen > 0.0))
    require(
        fits and abs(float(np.log(chosen).sum())) < 1e-9,
        f"factors {tuple(factors)} for {network.depth} layers",
        "one above 0 for each, with product 1",
        "divide by their geometric mean",
    )
    sofar = np.cumprod(chosen)
    # Stored weights and biases enter linearly, whatever the parameterization's multipliers.
    return tuple(
        {"weight": float(own)} | ({"bias": float(total)} if its.bias_variance is not None else {})
        for own, total, its in zip(chosen, sofar, network.maps, strict=True)
    )


def scaled_layers(network: Network, weights: Weights, factors: Sequence[float]) -> Weights:
    """Return other weights of the same function.

    >>> import jax.numpy as jnp
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.networks.finite import Model
    >>> model = Model(mlp(2, (3,), 1))
    >>> weights, x = model.start(0), jnp.ones((1, 2))
    >>> other = scaled_layers(model.network, weights, (4.0, 0.25))
    >>> bool(jnp.allclose(model.apply(weights, x), model.apply(other, x)))
    True
    """
    return jax.tree.map(lambda a, b: a * b, weights, layer_factors(network, factors))


def scaled_hessian(
    network: Network,
    hessian: Float[np.ndarray, "p p"],
    weights: Weights,
    factors: Sequence[float],
) -> Float[np.ndarray, "p p"]:
    r"""Return :math:`D^{-1} H D^{-1}`: the Hessian at the scaled layers, from that in front.

    In the order of `jax.flatten_util.ravel_pytree`. Exact wherever the Hessian exists.
    """
    inverse = 1.0 / _spread(layer_factors(network, factors), weights)
    return inverse[:, None] * np.asarray(hessian, np.float64) * inverse


def least_trace(traces: Float[np.ndarray, " layer"]) -> float:
    r"""Return the least trace of the Hessian that scaled layers without biases can have.

    With traces :math:`t_l` of the layers' own blocks the trace is :math:`\sum_l t_l/c_l^2`, least
    where all parts are equal: :math:`D(\prod_l t_l)^{1/D}` for D layers. It has no largest value.

    >>> round(least_trace(np.array([1.0, 4.0])), 6)
    4.0
    """
    t = np.asarray(traces, dtype=np.float64)
    require(bool(np.all(t > 0.0)), f"traces {t.tolist()}", "all above 0", "take them at a minimum")
    return float(t.size * np.exp(np.mean(np.log(t))))


def layer_traces(
    hessian: Float[np.ndarray, "p p"], weights: Weights
) -> Float[np.ndarray, " layer"]:
    """Return the trace of each layer's block of a Hessian in the order of `ravel_pytree`."""
    sizes = [ravel_pytree(layer)[0].size for layer in weights]
    parts = np.split(np.diag(np.asarray(hessian, np.float64)), np.cumsum(sizes)[:-1])
    return np.array([part.sum() for part in parts])


def _spread(factors: tuple[dict[str, float], ...], weights: Weights) -> Float[np.ndarray, " p"]:
    full: Any = jax.tree.map(lambda factor, leaf: np.full(leaf.shape, factor), factors, weights)
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(full)])
