r"""Kernels of activations with one kink or jump, at zero: arc cosines of the correlation.

With :math:`q = \sqrt{ab - c^2}` and :math:`\theta = \arccos\rho = \mathrm{atan2}(q, c)`,
:math:`E[\max(u,0)\max(v,0)] = (q + (\pi - \theta)c)/2\pi` and
:math:`P(u > 0, v > 0) = (\pi - \theta)/2\pi`. Source: cho2009.
"""

import jax.numpy as jnp

from carnotlab.networks.infinite.gaussian_pair import Dual, Numbers, determinant


def rectifier(a: Numbers, b: Numbers, c: Numbers, negative: float, positive: float) -> Dual:
    r"""Return the kernels of :math:`\phi(z) = p \max(z, 0) + n \min(z, 0)`.

    ``negative`` is :math:`n`, ``positive`` :math:`p`. Where a variance is zero, so is the variable,
    and :math:`\phi'(0) = n`, as automatic differentiation has it.

    >>> one = jnp.ones(1)
    >>> float(rectifier(one, one, one, 0.0, 1.0).value[0])
    0.5
    """
    bend = (positive - negative) ** 2
    rest = determinant(a, b, c)
    value = positive * negative * c + bend * ramps(c, rest)
    mean = (negative + positive) / 2
    apart = jnp.where(a > 0, mean, negative) * jnp.where(b > 0, mean, negative)
    together = positive * negative + bend * _quadrant(jnp.sqrt(rest), c)
    return Dual(value, jnp.where((a > 0) & (b > 0), together, apart))


def ramps(c: Numbers, determinant_: Numbers) -> Numbers:
    r"""Return :math:`E[\max(u, 0)\max(v, 0)]`, from covariance and determinant.

    >>> float(ramps(jnp.asarray(1.0), jnp.asarray(0.0)))  # half of E[u²]
    0.5
    """
    q = jnp.sqrt(determinant_)
    return q / (2 * jnp.pi) + _quadrant(q, c) * c


def step(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Return :math:`P(u > 0, v > 0)`, and zero: the derivative vanishes almost everywhere.

    >>> one = jnp.ones(1)
    >>> float(step(one, one, one).value[0])
    0.5
    """
    both = _quadrant(jnp.sqrt(determinant(a, b, c)), c)
    return Dual(jnp.where((a > 0) & (b > 0), both, 0.0), jnp.zeros_like(both))


def sign(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Return :math:`\frac{2}{\pi}\arcsin\rho`, and zero: as for `step`.

    >>> one = jnp.ones(1)
    >>> float(sign(one, one, -one).value[0])
    -1.0
    """
    value = (2 / jnp.pi) * jnp.arctan2(c, jnp.sqrt(determinant(a, b, c)))
    return Dual(value, jnp.zeros_like(value))


def _quadrant(q: Numbers, c: Numbers) -> Numbers:
    return 0.5 - jnp.arctan2(q, c) / (2 * jnp.pi)
