r"""Gaussian expectations of products in two dimensions, for functions with kinks and jumps.

The mean of :math:`f(u)\,E[f(v)\,|\,u]`, both integrals by Gauss–Legendre rules on panels that end
where the integrand is not smooth. Inside, these are the kinks in :math:`v`; outside, the kinks in
:math:`u` and the layers where the inner integral passes a kink in :math:`v`, whose width
:math:`\sqrt{1-\rho^2}` goes to zero with the distance from a correlation of 1. There the inner
integral becomes the point :math:`v = \pm u\sqrt{b/a}`, and nothing degenerates. Functions change at
arguments around zero if anywhere, so further panels end there, whatever the variance.

A pair costs some ten thousand evaluations, where `quadrature`'s series takes a few hundred
multiplications.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.networks.infinite.gaussian_pair import Dual, Numbers, determinant

WithDerivative: TypeAlias = Callable[[Array], tuple[Array, Array]]

NODES = 14
"""On each panel."""

CHUNK = 512
"""Pairs computed at a time, so that their nodes stay in a processor's cache."""

REACH = 8.5
"""Panels end where the normal density is 1e-16 of its peak."""

BODY = 2.7
"""A panel's end in standard deviations, so that none spans all of the density."""

LAYER = 6.5
"""Half the width of a layer in standard deviations: beyond it 1e-10 of a jump is left."""

AROUND_ZERO = (-8.0, -2.0, 0.0, 2.0, 8.0)
"""Arguments where panels end even without kinks."""

PROBED = (1.0, 0.999, 0.9, 0.45, -0.7, -0.98)
"""Correlations at which the error is estimated."""

SAFETY = 4.0
"""Factor on the largest error seen at these correlations, for those between."""


class Pair(NamedTuple):
    """Spreads of both variables, their correlation, and what it leaves of the second's spread."""

    left: Numbers
    right: Numbers
    correlation: Numbers
    rest: Numbers


def expected_products(
    function: WithDerivative,
    kinks: Sequence[float],
    a: Numbers,
    b: Numbers,
    c: Numbers,
    nodes: int = NODES,
) -> Dual:
    r"""Return both expectations; ``function`` gives :math:`f` and :math:`f'`.

    >>> one = jnp.ones(1)
    >>> relu = lambda z: (jnp.maximum(z, 0.0), jnp.where(z > 0, 1.0, 0.0))
    >>> round(float(expected_products(relu, (0.0,), one, one, 0.5 * one).derivative[0]), 5)
    0.33333
    """
    a, b = jnp.broadcast_to(a, c.shape), jnp.broadcast_to(b, c.shape)
    if c.size <= CHUNK:
        return _iterated(function, kinks, a, b, c, nodes)

    def chunk(part: tuple[Array, Array, Array]) -> Dual:
        return _iterated(function, kinks, *part, nodes)

    rows = -(-c.size // CHUNK)
    parts = jax.lax.map(chunk, tuple(jnp.resize(part, (rows, CHUNK)) for part in (a, b, c)))
    return Dual(*(part.reshape(-1)[: c.size].reshape(c.shape) for part in parts))


def relative_error(
    function: WithDerivative,
    kinks: Sequence[float],
    variance: Float[Array, "*shape"],
    nodes: int = NODES,
) -> Float[Array, "*shape"]:
    r"""Estimate the error of `expected_products` relative to :math:`E[f^2]` and :math:`E[f'^2]`.

    It is the largest change over some correlations when panels have half as many nodes again,
    times `SAFETY`: kinks that were not declared, and whatever else nodes cannot resolve, show.
    Infinite where the expectations are not finite.

    >>> sign = lambda z: (jnp.sign(z - 0.3), jnp.zeros_like(z))
    >>> one = jnp.ones(1)
    >>> bool(relative_error(sign, (), one) > 1e-3), bool(relative_error(sign, (0.3,), one) < 1e-5)
    (True, True)
    """
    correlation = jnp.asarray(PROBED, variance.dtype).reshape(-1, *[1] * variance.ndim)
    arguments = (function, kinks, variance, variance, correlation * variance)
    coarse, fine = (expected_products(*arguments, count) for count in (nodes, nodes + nodes // 2))
    worst = jnp.zeros_like(variance)
    for one, other in zip(coarse, fine, strict=True):
        square = jnp.abs(other[0])
        change = jnp.max(jnp.abs(one - other), axis=0)
        error = jnp.where(square == 0, 0.0, change / jnp.where(square == 0, 1.0, square))
        worst = jnp.maximum(worst, jnp.where(jnp.isfinite(error), error, jnp.inf))
    return SAFETY * worst


def _iterated(
    function: WithDerivative, kinks: Sequence[float], a: Numbers, b: Numbers, c: Numbers, nodes: int
) -> Dual:
    pair = _normalised(a, b, c)
    ends = _outer_ends(pair, kinks)
    points = sorted({*kinks, *AROUND_ZERO})
    x, w = np.polynomial.legendre.leggauss(nodes)
    rule = jnp.asarray(x, c.dtype), jnp.asarray(w, c.dtype)

    def panel(sums: Dual, limits: tuple[Array, Array]) -> tuple[Dual, None]:
        low, high = limits
        middle, half = (low + high) / 2, (high - low) / 2

        def node(part: Dual, at: tuple[Array, Array]) -> tuple[Dual, None]:
            z = middle + half * at[0]
            size = at[1] * half * _density(z)
            value, slope = function(pair.left * z)
            inner = _conditional(function, points, pair, z, rule)
            value = part.value + size * value * inner.value
            return Dual(value, part.derivative + size * slope * inner.derivative), None

        return jax.lax.scan(node, sums, rule)[0], None

    zero = jnp.zeros_like(c)
    return jax.lax.scan(panel, Dual(zero, zero), (ends[:-1], ends[1:]))[0]


def _normalised(a: Numbers, b: Numbers, c: Numbers) -> Pair:
    left, right = jnp.sqrt(a), jnp.sqrt(b)
    spread = left * right
    safe = jnp.where(spread > 0, spread, 1.0)
    correlation = jnp.where(spread > 0, jnp.clip(c / safe, -1.0, 1.0), 0.0)
    rest = jnp.where(spread > 0, jnp.sqrt(determinant(a, b, c)) / safe, 1.0)
    return Pair(left, right, correlation, rest)


def _outer_ends(pair: Pair, kinks: Sequence[float]) -> Float[Array, "ends *shape"]:
    """Return the ends of panels in the first variable, in standard deviations."""
    # Small correlations make layers wider than everything; where these end does not matter.
    tilt = jnp.where(jnp.abs(pair.correlation) > 1e-3, pair.correlation, 1e-3)
    width = LAYER * pair.rest / jnp.abs(tilt)
    ends: list[Array] = []
    for point in sorted({*kinks, *AROUND_ZERO}):
        middle = point / _above_zero(pair.right) / tilt
        ends += [point / _above_zero(pair.left), middle]
        if point == 0.0 or point in kinks:
            ends += [middle - width, middle + width]
    return _sorted(ends)


def _conditional(
    function: WithDerivative,
    points: Sequence[float],
    pair: Pair,
    z: Array,
    rule: tuple[Array, Array],
) -> Dual:
    """Return the means of f and f' of the second variable, given the first."""
    scale = 1 / _above_zero(pair.rest)
    ends = _sorted([(p / _above_zero(pair.right) - pair.correlation * z) * scale for p in points])
    x, w = (part.reshape(-1, *[1] * z.ndim) for part in rule)

    def panel(sums: Dual, limits: tuple[Array, Array]) -> tuple[Dual, None]:
        low, high = limits
        half = (high - low) / 2
        y = (low + high) / 2 + half * x
        weight = w * half * _density(y)
        value, slope = function(pair.right * (pair.correlation * z + pair.rest * y))
        value = sums.value + jnp.sum(weight * value, axis=0)
        return Dual(value, sums.derivative + jnp.sum(weight * slope, axis=0)), None

    zero = jnp.zeros_like(z)
    return jax.lax.scan(panel, Dual(zero, zero), (ends[:-1], ends[1:]))[0]


def _sorted(ends: Sequence[Array]) -> Float[Array, "ends *shape"]:
    fixed = [jnp.full_like(ends[0], end) for end in (-REACH, -BODY, BODY, REACH)]
    return jnp.sort(jnp.clip(jnp.stack([*ends, *fixed]), -REACH, REACH), axis=0)


def _density(z: Array) -> Array:
    return jnp.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def _above_zero(spread: Array) -> Array:
    return jnp.maximum(spread, float(jnp.finfo(spread.dtype).tiny) ** 0.5)
