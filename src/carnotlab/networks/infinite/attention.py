r"""Self-attention of infinitely many units per head, in the two forms that have a limit.

``linear``: the logits :math:`q_p \cdot q_r / d` tend to the covariance of the queries, so attention
is a fixed matrix :math:`\zeta = \mathrm{softmax}(s^2 K_{xx})` of each sample, and values and their
gradients are averaged by it, :math:`\zeta_x K \zeta_{x'}^\top`. No gradient passes through it: its
logits move by O(1/width).

``square root``: the logits stay Gaussian, with covariance
:math:`s_q^2 s_k^2 K_{pp'} K_{rr'}`, and the identity in place of the softmax gives

.. math::
    K'_{pp'} = s_q^2 s_k^2 s_v^2\, K_{pp'} \sum_{rr'} K_{rr'}^2,

and every one of the three maps and their inputs adds its gradient. Source: hron2020.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.networks.infinite.gains import Gain

Matrices = Float[Array, "... p q"]


class Mixed(NamedTuple):
    """Covariances of mixed values, with the tangent kernel between the samples."""

    a: Matrices
    b: Matrices
    covariance: Matrices
    ntk: Matrices


def linear_attention(
    query: Gain, value: Gain, a: Matrices, b: Matrices, covariance: Matrices, ntk: Matrices
) -> Mixed:
    """Return mixed values under the softmax; ``a`` and ``b`` are the samples' own covariances."""
    left, right = (jax.nn.softmax(query.weight * own, axis=-1) for own in (a, b))

    def mixed(first: Matrices, middle: Matrices, second: Matrices) -> Matrices:
        return first @ middle @ jnp.swapaxes(second, -1, -2)

    tangent = value.weight * ntk + value.weight_gradient * covariance
    return Mixed(
        mixed(left, value.weight * a, left),
        mixed(right, value.weight * b, right),
        mixed(left, value.weight * covariance, right),
        mixed(left, tangent, right),
    )


def square_root_attention(
    query: Gain,
    key: Gain,
    value: Gain,
    a: Matrices,
    b: Matrices,
    covariance: Matrices,
    ntk: Matrices,
) -> Mixed:
    """Return mixed values under the identity."""
    q, k, v = query.weight, key.weight, value.weight

    def total(first: Matrices, second: Matrices) -> Float[Array, "... 1 1"]:
        return jnp.sum(first * second, axis=(-2, -1), keepdims=True)

    def forward(own: Matrices) -> Matrices:
        return q * k * v * own * total(own, own)

    gradients = query.weight_gradient * k * v + q * key.weight_gradient * v
    gradients = gradients + q * k * value.weight_gradient
    square, across = total(covariance, covariance), total(covariance, ntk)
    tangent = gradients * covariance * square
    tangent = tangent + q * k * v * (ntk * square + 2.0 * covariance * across)
    return Mixed(forward(a), forward(b), forward(covariance), tangent)
