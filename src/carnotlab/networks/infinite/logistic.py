r"""Kernels of tanh, sigmoid, softplus and swish at any variance: mixtures of error functions.

The logistic distribution is normal with a random scale :math:`s`, twice a Kolmogorov variable:
:math:`\sigma(z) = E_s[\Phi(z/s)]` is the logistic function, so
:math:`\tanh z = 2\sigma(2z) - 1`, and :math:`z\sigma(z) = E_s[z\,\Phi(z/s)]`. With
:math:`\xi \sim N(0, 1)`, :math:`\log(1 + e^z) = E_s E_\xi[\max(z + s\xi, 0)]`. Each is a mixture of
functions with kernels in closed form, and so are its kernels, over pairs of scales. The average
over :math:`\log s` is by the trapezoidal rule, which converges exponentially: the density falls off
doubly exponentially on both sides.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.networks.infinite.error_functions import ramp_kernel
from carnotlab.networks.infinite.gaussian_pair import Dual, Numbers, determinant
from carnotlab.networks.infinite.rectifiers import ramps

STEP = 0.15
"""Of the rule in log s: halving it changes sigmoids by less than 1e-11 of their value."""

NEGLIGIBLE = 1e-14
"""Weight of a pair of scales that is left out."""

Component: TypeAlias = Callable[[Numbers, Numbers, Numbers, Numbers], Dual]
r"""Kernels of a function of :math:`z/s`, from a, b, c and the determinant of :math:`1 + \Sigma`."""


class Pairs(NamedTuple):
    """Pairs of scales: products of their weights, and one over either scale."""

    weight: Float[np.ndarray, " pairs"]
    left: Float[np.ndarray, " pairs"]
    right: Float[np.ndarray, " pairs"]


def scales(step: float = STEP) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    r"""Return weights and scales, :math:`\sigma(z) = \sum_i w_i\,\Phi(z / s_i)`.

    >>> from scipy.special import expit, ndtr
    >>> weights, s = scales()
    >>> bool(abs(weights @ ndtr(0.7 / s) - expit(0.7)) < 1e-11)
    True
    """
    k = np.exp(np.arange(np.log(0.18), np.log(4.4), step))
    return step * k * _kolmogorov_density(k), 2 * k


def tanh(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Return the kernels of :math:`\tanh z`.

    >>> one = jnp.ones(1)
    >>> round(float(tanh(one, one, one).value[0]), 4)  # the mean of tanh(z)²
    0.3943
    """
    value, derivative = _mixture(_centred, 4 * a, 4 * b, 4 * c, 0)
    return Dual(4 * value, 16 * derivative)


def sigmoid(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Return the kernels of :math:`\sigma(z) = 1 / (1 + e^{-z})`.

    >>> zero = jnp.zeros(1)
    >>> round(float(sigmoid(zero, zero, zero).derivative[0]), 6)  # σ'(0)²
    0.0625
    """
    value, derivative = _mixture(_centred, a, b, c, 0)
    return Dual(0.25 + value, derivative)


def softplus(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Return the kernels of :math:`\log(1 + e^z)`; its derivative is the sigmoid.

    >>> zero = jnp.zeros(1)
    >>> round(float(softplus(zero, zero, zero).value[0]), 6)  # log(2)²
    0.480453
    """
    return _mixture(_smooth_ramp, a, b, c, 1)


def silu(a: Numbers, b: Numbers, c: Numbers) -> Dual:
    r"""Return the kernels of :math:`z\,\sigma(z)`.

    >>> zero = jnp.zeros(1)
    >>> round(float(silu(zero, zero, zero).derivative[0]), 6)  # σ(0)²
    0.25
    """
    return _mixture(ramp_kernel, a, b, c, 1)


def _centred(a: Numbers, b: Numbers, c: Numbers, smoothed: Numbers) -> Dual:
    r"""Return the kernels of :math:`\Phi(z) - 1/2`, half an error function."""
    root = jnp.sqrt(smoothed)
    return Dual(jnp.arctan2(c, root) / (2 * jnp.pi), 1 / (2 * jnp.pi * root))


def _smooth_ramp(a: Numbers, b: Numbers, c: Numbers, smoothed: Numbers) -> Dual:
    r"""Return the kernels of :math:`E_\xi[\max(z + \xi, 0)]`: noise adds 1 to either variance."""
    derivative = 0.25 + jnp.arctan2(c, jnp.sqrt(smoothed)) / (2 * jnp.pi)
    return Dual(ramps(c, smoothed), derivative)


def _mixture(component: Component, a: Numbers, b: Numbers, c: Numbers, power: int) -> Dual:
    r"""Average :math:`s^{power} f(z/s)` over scales, ``component`` being the kernels of f."""
    rest = determinant(a, b, c)

    def add(sums: Dual, pair: tuple[Array, Array, Array]) -> tuple[Dual, None]:
        weight, left, right = pair
        both = left * right
        x, y, z = left**2 * a, right**2 * b, both * c
        part = component(x, y, z, 1 + x + y + both**2 * rest)
        value = weight * both**-power * part.value
        derivative = weight * both ** (1 - power) * part.derivative
        return Dual(sums.value + value, sums.derivative + derivative), None

    zero = jnp.zeros_like(c)
    weight, left, right = (jnp.asarray(part, c.dtype) for part in _pairs())
    return jax.lax.scan(add, Dual(zero, zero), (weight, left, right))[0]


@cache
def _pairs() -> Pairs:
    weights, s = scales()
    left, right = np.broadcast_arrays(1 / s[:, None], 1 / s[None, :])
    weight = np.outer(weights, weights)
    kept = weight > NEGLIGIBLE
    return Pairs(weight[kept], left[kept], right[kept])


def _kolmogorov_density(k: Float[np.ndarray, " nodes"]) -> Float[np.ndarray, " nodes"]:
    """Return the derivative of the distribution, by whichever of its two series converges fast."""
    n = np.arange(1, 40)[:, None]
    odd = ((2 * n - 1) * np.pi) ** 2
    large = 8 * k * np.sum((-1.0) ** (n + 1) * n**2 * np.exp(-2 * (n * k) ** 2), axis=0)
    small = np.sum((odd / (4 * k**4) - 1 / k**2) * np.exp(-odd / (8 * k**2)), axis=0)
    return np.where(k > 1, large, np.sqrt(2 * np.pi) * small)
