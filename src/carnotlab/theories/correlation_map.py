r"""What one random layer does to lengths and correlations, and where many of them lead.

A wide layer :math:`z = W \phi(z') + b` maps the mean square :math:`q` of its pre-activations and
the correlation :math:`c` between those of two inputs by

.. math::
    q \mapsto \sigma_w^2\, E[\phi(\sqrt q\, u)^2] + \sigma_b^2, \qquad
    c \mapsto \big(\sigma_w^2\, E[\phi(\sqrt q\, u)\, \phi(\sqrt q\, v)] + \sigma_b^2\big) / q,

with standard normal :math:`u, v` of correlation :math:`c`. By Price's theorem the slope of the
second is :math:`\sigma_w^2 E[\phi'(\sqrt q u) \phi'(\sqrt q v)]`. At :math:`c = 1` it is
:math:`\chi_1`, by which a layer also multiplies the square of a gradient. Sources: poole2016,
schoenholz2017.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import InputError, OutOfReachError, require
from carnotlab.core.precision import precision
from carnotlab.networks.activations import Activation
from carnotlab.networks.infinite.dual_activations import dual
from carnotlab.networks.infinite.gaussian_pair import Dual, Numbers

Values = Float[np.ndarray, "*shape"]

WARM_UP = 50
"""Layers passed before the approach to the fixed length is taken for geometric."""

LEAPS = 100
"""Most steps of an accelerated search; each gains digits, one bit at the very least."""

ROUNDING = 1e-14


class Expectations(NamedTuple):
    r""":math:`E[\phi(u)\phi(v)]` and :math:`E[\phi'(u)\phi'(v)]`, elementwise."""

    value: Values
    slope: Values


class Phase(NamedTuple):
    r"""Where deep signal propagation ends, and how fast.

    ``length`` is :math:`q^*`, ``correlation`` the stable :math:`c^*`, ``slope`` that of the
    correlation map there, ``susceptibility`` :math:`\chi_1`, its slope at 1: below 1 is order,
    above it chaos.
    """

    length: float
    correlation: float
    slope: float
    susceptibility: float

    @property
    def correlation_depth(self) -> float:
        r"""Layers in which a correlation's distance from :math:`c^*` falls by e.

        :math:`\xi_c = -1 / \log` slope.
        """
        return depth_scale(self.slope)

    @property
    def gradient_depth(self) -> float:
        r"""Layers in which a squared gradient changes by a factor of e: :math:`1/|\log\chi_1|`."""
        return abs(depth_scale(self.susceptibility))


def depth_scale(slope: float) -> float:
    r"""Return :math:`-1/\log` slope: the layers in which a perturbation falls by a factor of e.

    Infinite at a slope of 1, negative beyond it, 0 at a slope of 0.

    >>> depth_scale(math.exp(-0.25))
    4.0
    """
    require(slope >= 0.0, f"slope = {slope}", "at least 0", "give the slope of a map's fixed point")
    if slope == 0.0:
        return 0.0
    return math.inf if slope == 1.0 else -1.0 / math.log(slope)


def expectations(layer: Activation, a: Values, b: Values, c: Values) -> Expectations:
    """Return both expectations for variances ``a``, ``b`` and covariances ``c``, float64.

    >>> from carnotlab.networks.activations import Relu
    >>> one = np.ones(1)
    >>> expectations(Relu(), one, one, one).value.tolist()
    [0.5]
    """
    with precision("float64"):
        found = _compiled(layer)(*(jnp.asarray(x, dtype=jnp.float64) for x in (a, b, c)))
        return Expectations(np.asarray(found.value), np.asarray(found.derivative))


def length_map(
    layer: Activation, weight_variance: float, bias_variance: float, length: float
) -> float:
    """Return the mean square of pre-activations one layer on.

    >>> from carnotlab.networks.activations import Relu
    >>> length_map(Relu(), 2.0, 0.5, 3.0)
    3.5
    """
    q = np.array([length])
    return float(weight_variance * expectations(layer, q, q, q).value[0] + bias_variance)


def correlation_map(
    layer: Activation,
    weight_variance: float,
    bias_variance: float,
    length: float,
    correlation: Values,
) -> Values:
    """Return correlations one layer on, at the fixed length.

    >>> from carnotlab.networks.activations import Relu
    >>> correlation_map(Relu(), 2.0, 0.0, 1.0, np.array([1.0])).tolist()
    [1.0]
    """
    q = np.full_like(correlation, length)
    value = expectations(layer, q, q, length * correlation).value
    return (weight_variance * value + bias_variance) / length


def correlation_slope(
    layer: Activation, weight_variance: float, length: float, correlation: float = 1.0
) -> float:
    r"""Return the slope of the correlation map; at correlation 1 it is :math:`\chi_1`.

    >>> from carnotlab.networks.activations import Relu
    >>> correlation_slope(Relu(), 1.5, 1.0)
    0.75
    """
    q = np.array([length])
    return float(weight_variance * expectations(layer, q, q, correlation * q).slope[0])


@cache
def phase(layer: Activation, weight_variance: float, bias_variance: float) -> Phase:
    """Return the fixed points of both maps and their slopes.

    Valid for wide layers of one activation. At a length that falls to zero (order without bias)
    the correlation is that of infinitesimal activity, which the first layers fix: 1 is returned.

    Raises:
        InputError: for a variance out of range.
        OutOfReachError: if lengths grow without bound, as a rectifier's do beyond variance 2.

    >>> from carnotlab.networks.activations import Tanh
    >>> phase(Tanh(), 0.5, 0.05).susceptibility < 1 < phase(Tanh(), 3.0, 0.05).susceptibility
    True
    """
    require(
        0.0 < weight_variance < math.inf and 0.0 <= bias_variance < math.inf,
        f"weight_variance = {weight_variance}, bias_variance = {bias_variance}",
        "a finite weight variance above 0 and a finite bias variance of at least 0",
        "see Phase for what they do",
    )
    q = _fixed_length(layer, weight_variance, bias_variance)
    susceptibility = correlation_slope(layer, weight_variance, q)
    if q < 1e-12 or susceptibility <= 1.0:
        return Phase(q, 1.0, susceptibility, susceptibility)

    c = _fixed_correlation(layer, weight_variance, bias_variance, q)
    return Phase(q, c, correlation_slope(layer, weight_variance, q, c), susceptibility)


@cache
def critical_weight_variance(
    layer: Activation, bias_variance: float, low: float = 0.2, high: float = 8.0
) -> float:
    r"""Return the weight variance at which :math:`\chi_1 = 1`, the edge of chaos, by bisection.

    Raises:
        InputError: if both ends lie in one phase.

    >>> from carnotlab.networks.activations import Tanh
    >>> round(critical_weight_variance(Tanh(), 0.05), 3)
    1.761
    """

    def order(variance: float) -> bool:
        length = _fixed_length(layer, variance, bias_variance)
        return correlation_slope(layer, variance, length) < 1.0

    if not order(low) or order(high):
        raise InputError(
            f"weight variances from {low} to {high} with bias variance {bias_variance}",
            "order at the lower end and not at the upper",
            "widen the range",
        )
    while high - low > 1e-9 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if order(middle) else (low, middle)
    return 0.5 * (low + high)


def _fixed_length(layer: Activation, weight_variance: float, bias_variance: float) -> float:
    """Iterate the length map, then leap along its geometric approach (Steffensen's method).

    Near criticality plain iteration would take as many layers as the depth scale has.
    """

    def on(length: float) -> float:
        return length_map(layer, weight_variance, bias_variance, length)

    now = 1.0
    for _ in range(WARM_UP):
        now = on(now)
    for _ in range(LEAPS):
        first = on(now)
        second = on(first)
        step, bend = first - now, second - 2.0 * first + now
        if abs(step) <= ROUNDING * max(abs(now), 1.0):
            return second
        if not second < math.inf or (second - first) / step >= 1.0 - 1e-12:
            raise OutOfReachError(
                f"a weight variance of {weight_variance} for {type(layer).__name__}, "
                "whose activity grows from layer to layer",
                "a length map with a fixed point",
                "lower the weight variance",
            )
        leap = now - step**2 / bend
        now = leap if leap > 0.0 else second
    return now


def _fixed_correlation(
    layer: Activation, weight_variance: float, bias_variance: float, length: float
) -> float:
    """Return the least fixed point from 0 on, by Newton's method.

    The map is a power series with coefficients of at least zero, hence convex, so that from 0 on
    Newton's method rises to its least fixed point and never beyond; in chaos that is the stable.
    """
    c = 0.0
    for _ in range(LEAPS):
        here = np.array([c])
        gap = float(correlation_map(layer, weight_variance, bias_variance, length, here)[0]) - c
        if abs(gap) <= ROUNDING:
            break
        c += gap / (1.0 - correlation_slope(layer, weight_variance, length, c))
    return c


@cache
def _compiled(layer: Activation) -> Callable[[Numbers, Numbers, Numbers], Dual]:
    return jax.jit(lambda a, b, c: dual(layer, a, b, c, 0))
