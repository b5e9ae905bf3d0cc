"""Kernels of waves, bells and exponentials: Gaussian integrals, without overflow on the way."""

import jax.numpy as jnp

from carnotlab.networks.infinite.gaussian_pair import Dual, Numbers, determinant


def wave(a: Numbers, b: Numbers, c: Numbers, frequency: float, sine: float, cosine: float) -> Dual:
    r"""Return the kernels of :math:`\sin(\omega z + s)`, given ``sine`` and ``cosine`` of s.

    Half the sum and half the difference of :math:`e^{-\omega^2(a+b-2c)/2}` and
    :math:`e^{-\omega^2(a+b+2c)/2}` are the kernels of cosine and sine; products of the two vanish:
    :math:`E[\phi\phi] = \cos^2 s\, K_{\sin} + \sin^2 s\, K_{\cos}`.

    >>> one = jnp.ones(1)
    >>> round(float(wave(one, one, one, 1.0, 0.0, 1.0).value[0]), 4)  # (1 - e⁻²) / 2
    0.4323
    """
    square = frequency**2
    size = square * jnp.abs(c)
    # The exponent itself is never positive, but c may exceed the mean of a and b by rounding.
    near = 0.5 * jnp.exp(jnp.minimum(size - square * (a + b) / 2, 0.0))
    ratio = jnp.expm1(-2 * size)
    sines, cosines = -jnp.sign(c) * near * ratio, near * (2 + ratio)
    value = cosine**2 * sines + sine**2 * cosines
    return Dual(value, square * (cosine**2 * cosines + sine**2 * sines))


def bell(a: Numbers, b: Numbers, c: Numbers, width: float) -> Dual:
    r"""Return the kernels of :math:`e^{-(z/w)^2}`, ``width`` w.

    They are :math:`D^{-1/2}`, with :math:`D` the determinant of :math:`1 + 2\Sigma/w^2`, and its
    slope in :math:`c`, :math:`(2/w^2)^2 c\, D^{-3/2}`.

    >>> one = jnp.ones(1)
    >>> round(float(bell(one, one, one, 1.0).value[0]), 4)  # 1 / sqrt(5)
    0.4472
    """
    scale = 2 / width**2
    size = 1 + scale * (a + b) + scale**2 * determinant(a, b, c)
    value = 1 / jnp.sqrt(size)
    return Dual(value, scale * (scale * c / size) * value)


def exponential(a: Numbers, b: Numbers, c: Numbers, rate: float) -> Dual:
    r"""Return :math:`e^{r^2(a + b + 2c)/2}` and :math:`r^2` times it; infinite where it overflows.

    >>> zero = jnp.zeros(1)
    >>> float(exponential(zero, zero, zero, 2.0).derivative[0])
    4.0
    """
    square = rate**2
    value = jnp.exp(square * ((a + b) / 2 + c))
    return Dual(value, square * value)
