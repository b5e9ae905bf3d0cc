r"""Kernels of infinitely wide rectifying perceptrons, with their slopes in the two variances.

For networks of one hidden width after another, NTK parameterization, as `mlp` builds them: from
:math:`K = \langle x, x' \rangle / n`, per hidden layer with weight variance :math:`w` and bias
variance :math:`b`,

.. math::
    a \leftarrow w K + b, \qquad
    K \leftarrow \frac{q + (\pi - \theta)\,a_{xx'}}{2\pi}, \qquad
    \Theta \leftarrow \frac{\pi - \theta}{2\pi}\,(w\Theta + a_{xx'}),
    \qquad q^2 = a_{xx} a_{x'x'} - a_{xx'}^2,

with :math:`\theta = \mathrm{atan2}(q, a_{xx'})` (cho2009), and weight variance 1 in the last layer.
Slopes are carried along. With :math:`F(a_{xx}, a_{x'x'}, a_{xx'})` the new K,
:math:`\partial F/\partial a_{xx'} = (\pi-\theta)/2\pi` and
:math:`\partial F / \partial a_{xx} = q / (4\pi a_{xx})`, both finite everywhere; :math:`\theta` has
a kink at equal samples, along which it does not move.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray

PI = float(np.pi)
EQUAL = 32 * 2.0**-52
"""Distance of a correlation from ±1 that inner products of equal samples show in float64."""


class WithSlopes(NamedTuple):
    r"""A kernel, and :math:`w\,\partial/\partial w` and :math:`b\,\partial/\partial b` of it."""

    value: Float[np.ndarray, "*shape"]
    slopes: Float[np.ndarray, "2 *shape"]


class RectifierKernels(NamedTuple):
    """Covariance at the start and tangent kernel."""

    nngp: WithSlopes
    ntk: WithSlopes


def rectifier_kernels(
    x: RealArray,
    y: RealArray,
    depth: int,
    weight_variance: float,
    bias_variance: float,
) -> RectifierKernels:
    """Return both kernels between samples ``[n, inputs]`` and ``[m, inputs]``, with their slopes.

    >>> found = rectifier_kernels(np.ones((1, 2)), np.ones((1, 2)), 1, 2.0, 1.0)
    >>> round(found.nngp.value.item(), 12), found.nngp.slopes.round(12).ravel().tolist()
    (2.5, [1.0, 1.5])
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    inputs = first.shape[1]
    a = _constant(np.sum(first**2, axis=1)[:, None] / inputs)
    b = _constant(np.sum(second**2, axis=1)[None, :] / inputs)
    c = _constant(first @ second.T / inputs)
    tangent = _constant(np.zeros_like(c.value))
    for _ in range(depth):
        a, b, c, tangent = _dense(a, b, c, tangent, weight_variance, bias_variance)
        a, b, c, tangent = _rectify(a, b, c, tangent)
    last = _affine(c, 1.0, bias_variance, free=False)
    return RectifierKernels(last, _add(last, tangent))


def _dense(
    a: WithSlopes, b: WithSlopes, c: WithSlopes, tangent: WithSlopes, w: float, bias: float
) -> tuple[WithSlopes, WithSlopes, WithSlopes, WithSlopes]:
    after = tuple(_affine(part, w, bias) for part in (a, b, c))
    grown = WithSlopes(w * tangent.value, w * tangent.slopes)
    grown.slopes[0] += grown.value
    return after[0], after[1], after[2], _add(grown, after[2])


def _affine(k: WithSlopes, w: float, bias: float, *, free: bool = True) -> WithSlopes:
    """Return w K + b; the weight variance moves only where it is ``free``."""
    slopes = w * k.slopes
    if free:
        slopes[0] += w * k.value
    slopes[1] += bias
    return WithSlopes(w * k.value + bias, slopes)


def _rectify(
    a: WithSlopes, b: WithSlopes, c: WithSlopes, tangent: WithSlopes
) -> tuple[WithSlopes, WithSlopes, WithSlopes, WithSlopes]:
    spread = np.sqrt(a.value) * np.sqrt(b.value)
    size = np.abs(c.value)
    apart = spread - size > EQUAL * spread
    q = np.sqrt(np.where(apart, (spread - size) * (spread + size), 0.0))
    quadrant = 0.5 - np.arctan2(q, c.value) / (2 * PI)
    # Relative slopes of the variances, which are positive unless sample and bias are zero.
    of_a = np.divide(a.slopes, a.value, out=np.zeros_like(a.slopes), where=a.value > 0)
    of_b = np.divide(b.slopes, b.value, out=np.zeros_like(b.slopes), where=b.value > 0)
    value = q / (2 * PI) + quadrant * c.value
    slopes = quadrant * c.slopes + q / (4 * PI) * (of_a + of_b)
    # θ = arccos ρ moves by -(c' - c (a'/a + b'/b) / 2) / q.
    turn = c.slopes - c.value * (of_a + of_b) / 2
    moved = np.divide(turn, 2 * PI * q, out=np.zeros_like(turn), where=q > 0)
    half_a, half_b = (WithSlopes(v.value / 2, v.slopes / 2) for v in (a, b))
    grown = WithSlopes(quadrant * tangent.value, quadrant * tangent.slopes + moved * tangent.value)
    return half_a, half_b, WithSlopes(value, slopes), grown


def _add(one: WithSlopes, other: WithSlopes) -> WithSlopes:
    return WithSlopes(one.value + other.value, one.slopes + other.slopes)


def _constant(value: Float[np.ndarray, "*shape"]) -> WithSlopes:
    return WithSlopes(value, np.zeros((2, *value.shape)))
