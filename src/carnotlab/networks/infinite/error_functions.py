"""Kernels of activations made of the normal distribution function, in closed form."""

import jax.numpy as jnp

from carnotlab.networks.infinite.gaussian_pair import Dual, Numbers, determinant


def erf(a: Numbers, b: Numbers, c: Numbers, scale: float) -> Dual:
    r"""Arc-sine kernel, :math:`\frac{2}{\pi}\arcsin\frac{2c}{\sqrt{(1+2a)(1+2b)}}` at scale 1.

    The derivative's is :math:`4 / (\pi\sqrt D)` with :math:`D = (1+2a)(1+2b) - 4c^2`, the
    determinant of :math:`1 + 2\Sigma`. A ``scale`` multiplies :math:`\Sigma` by its square.
    Source: williams1996.

    >>> zero = jnp.zeros(1)
    >>> round(float(erf(zero, zero, zero, 1.0).derivative[0]), 6)  # 4 / π
    1.273239
    """
    square = scale**2
    root = jnp.sqrt(1 + 2 * square * (a + b) + 4 * square**2 * determinant(a, b, c))
    value = (2 / jnp.pi) * jnp.arctan2(2 * square * c, root)
    return Dual(value, (4 * square / jnp.pi) / root)


def gelu(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Return the kernels of :math:`\phi(z) = z\,\Phi(z)`.

    >>> zero = jnp.zeros(1)
    >>> float(gelu(zero, zero, zero).derivative[0])  # Φ(0)²
    0.25
    """
    return ramp_kernel(a, b, c, 1 + a + b + determinant(a, b, c))


def ramp_kernel(a: Numbers, b: Numbers, c: Numbers, smoothed: Numbers) -> Dual:
    r"""Return the kernels of :math:`z\Phi(z)`, given the determinant D of :math:`1 + \Sigma`.

    With :math:`D = (1+a)(1+b) - c^2`, :math:`M = E[n(u)n(v)] = 1/(2\pi\sqrt D)` (:math:`n` the
    normal density), :math:`P = E[\Phi(u)\Phi(v)] = \frac14 + \mathrm{atan2}(c, \sqrt D)/2\pi`,
    Stein's lemma :math:`E[u g] = a E[\partial_u g] + c E[\partial_v g]` gives
    :math:`E[v\,\Phi(u) n(v)] = cM/(1+b)` and :math:`E[v\, n(u)\Phi(v)] = (b - c^2/(1+a))M`, hence

    .. math::
        E[\phi\phi] = cP + M\,(ab + (s - 1)c^2), \qquad s = \tfrac{1}{1+a} + \tfrac{1}{1+b}.

    Its derivative with respect to :math:`c` is :math:`E[\phi'\phi']`.

    >>> zero = jnp.zeros(1)
    >>> float(ramp_kernel(zero, zero, zero, zero + 1).value[0])
    0.0
    """
    root = jnp.sqrt(smoothed)
    m = 1 / (2 * jnp.pi * root)
    p = 0.25 + jnp.arctan2(c, root) / (2 * jnp.pi)
    s = 1 / (1 + a) + 1 / (1 + b)
    square = a * b + (s - 1) * c**2
    return Dual(c * p + m * square, p + c * m * (2 * s - 1 + square / smoothed))
