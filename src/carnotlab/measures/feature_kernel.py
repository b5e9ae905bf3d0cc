r"""Inner products of features or outputs: the empirical counterpart of the NNGP kernel."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import RealArray
from carnotlab.measures.sample_function import Apply, SampleFunction, compiled

BLOCK = 256
"""Samples that are passed through the network at once."""


def feature_kernel(
    features: Apply,
    weights: Any,
    x1: RealArray,
    x2: RealArray | None = None,
    *,
    trace_features: bool = True,
) -> Float[Array, "n1 n2"] | Float[Array, "n1 n2 m m"]:
    r"""Mean product :math:`\tfrac1m \sum_a h_a(x_i)\, h_a(x'_j)` of ``features(weights, x)``.

    Features ``[n, ...]`` are flattened to ``m`` numbers a sample. With the *outputs* as features it
    is the empirical kernel of the network as a Gaussian process (NNGP), an average over ``m``
    outputs of one draw of the weights. With the *last hidden layer* (the conjugate kernel, for
    example ``lambda w, x: model.hidden(w, x)[-1]``) it is that kernel at finite width but for the
    last layer's variances: :math:`\sigma_w^2` times it, plus :math:`\sigma_b^2`.

    Shape ``[n1, n2]``; without ``trace_features`` all products, ``[n1, n2, m, m]``, not averaged.
    Unit: features squared. ``x2`` defaults to ``x1``. ``features`` is compiled once: let it be a
    pure function. Source: lee2018.

    >>> feature_kernel(lambda w, x: x * w, 2.0, jnp.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
    [[10.0, 4.0], [4.0, 2.0]]
    """
    leaves, structure = jax.tree.flatten(weights)
    second = None if x2 is None else jnp.asarray(x2)
    kernel = compiled(_kernel, SampleFunction(features, structure), trace_features)
    return kernel(leaves, jnp.asarray(x1), second)


def _kernel(
    one: SampleFunction,
    trace_features: bool,
    leaves: list[Any],
    first: Array,
    second: Array | None,
) -> Array:
    def of_samples(x: Array) -> Float[Array, "n m"]:
        values = jax.lax.map(lambda sample: one(leaves, sample), x, batch_size=min(BLOCK, len(x)))
        return values.reshape(len(x), -1)

    h1 = of_samples(first)
    h2 = h1 if second is None else of_samples(second)
    if not trace_features:
        return jnp.einsum("ic,jd->ijcd", h1, h2)
    kernel = h1 @ h2.T / h1.shape[1]
    return 0.5 * (kernel + kernel.T) if second is None else kernel
