r"""The decoupled course of one mode of a deep linear network, exact at every depth.

With :math:`D` weight layers, mode strength :math:`u`, correlation :math:`s` with the target and
input power :math:`d` along the mode, gradient flow of balanced aligned layers is

.. math:: \dot u = D\,u^{2-2/D}\,(s - d\,u),

in flow time. The strength it converges to is :math:`s/d`. Source: saxe2014.
"""

from typing import cast

import numpy as np
from jaxtyping import Float
from scipy import special

from carnotlab.core.errors import require
from carnotlab.theories.deep_linear.course_inversion import Course, coordinates_at

Values = Float[np.ndarray, "..."]

SERIES_TERMS = 64
"""Terms kept near the fixed point; each is at most half the one before, so the rest is < 1e-19."""


def strength_at(
    time: Values, depth: int, correlation: Values, start: Values, power: Values, rate: float = 0.0
) -> Values:
    r"""Return the mode strength :math:`u(t)` at flow times :math:`t`.

    Args:
        time: Flow times, ``[time]``.
        depth: Number of weight layers :math:`D \ge 1`.
        correlation: :math:`s > 0` per mode.
        start: :math:`u(0)` per mode, positive (any sign at depth 1).
        power: :math:`d > 0` per mode; 1 for whitened inputs.
        rate: Learning rate of discrete gradient descent, 0 for gradient flow. Euler steps of size
            :math:`\eta` follow the flow of :math:`f - \tfrac{\eta}{2} f' f`, hence reach a strength
            :math:`\tfrac{\eta}{2}\ln\frac{f(a)}{f(a_0)}` later than the flow, with
            :math:`f` the velocity of the per-layer strength :math:`a = u^{1/D}`; the error left is
            of second order in the step. At depth 1 the discrete course is exact.

    Returns:
        ``[time, mode]``, float64.

    Raises:
        InputError: if a strength or power is not positive.

    >>> u = strength_at(np.array([0.0, 1e9]), 3, np.array([2.0]), np.array([0.1]), np.ones(1))
    >>> u.round(12).ravel().tolist()
    [0.1, 2.0]
    """
    time, s, u0, d = (np.asarray(v, dtype=np.float64) for v in (time, correlation, start, power))
    require(bool(np.all(s > 0)), f"mode correlations {s}", "positive numbers", "drop null modes")
    require(bool(np.all(d > 0)), f"input power {d}", "positive numbers", "drop null directions")
    final = s / d
    clock = time[:, None]
    if depth == 1:
        decay = np.exp(-d * clock) if rate == 0.0 else (1.0 - rate * d) ** _steps(clock, rate)
        return final + (u0 - final) * decay
    require(bool(np.all(u0 > 0)), f"starting strengths {u0}", "positive numbers", "start elsewhere")
    if rate == 0.0 and depth == 2:
        return _closed_form_of_depth_two(clock, s, u0, final)
    shape = np.broadcast_shapes(s.shape, u0.shape, d.shape)
    s, u0, d, final = (np.broadcast_to(v, shape) for v in (s, u0, d, final))
    later = np.maximum(clock, 0.0)
    values = np.broadcast_to(final, (len(clock), *shape)).copy()
    for rises, chosen in ((True, u0 < final), (False, u0 > final)):
        if not chosen.any():
            continue
        end, begin = final[chosen], u0[chosen]
        # A coordinate in which neither the start near zero nor the approach to the end loses
        # digits: the log-odds of u/final where it rises, -log(u/final - 1) where it falls.
        gap = np.abs(end - begin)
        start = np.log(begin / gap if rises else end / gap)
        exponent = 1.0 - 2.0 / depth if rises else 2.0 / depth - 2.0
        scale = 1.0 / (depth * s[chosen] * end ** (1.0 - 2.0 / depth))
        course = Course(scale, exponent, 0.5 * rate, 1.0 - 1.0 / depth, rises)
        y = coordinates_at(later, course, start)
        share = special.expit(y) if rises else 1.0 + np.exp(-y)
        values[:, chosen] = end * share
    return np.where(clock <= 0.0, u0, values)


def time_to_reach(
    strength: Values, depth: int, correlation: Values, start: Values, power: Values | float = 1.0
) -> Values:
    r"""Return the flow time at which a rising mode reaches ``strength`` (between start and end).

    For :math:`D \neq 2`, :math:`c = 2 - 2/D`: :math:`t = G(u) - G(u_0)` with
    :math:`G(x) = \frac{x^{1-c}}{(1-c)\,sD}\,{}_2F_1(1, 1-c; 2-c; x d/s)`.

    >>> float(time_to_reach(np.array(0.5), 2, np.array(1.0), np.array(0.01)).round(6))
    2.29756
    """
    u, s, u0 = (np.asarray(v, dtype=np.float64) for v in (strength, correlation, start))
    d = np.asarray(power, dtype=np.float64)
    require(
        bool(np.all((u0 < u) & (u < s / d))),
        f"strengths {u}",
        "between the start and the end of the course",
        "use strength_at for a course that falls",
    )
    end, begin = (np.log(v) - np.log(s / d - v) for v in (u, u0))
    return _antiderivative(end, depth, s, d) - _antiderivative(begin, depth, s, d)


def inflection_fraction(depth: int) -> float:
    r"""Return :math:`u^*/s = c/(1+c)`, where learning is fastest: a signature of depth.

    >>> [round(inflection_fraction(depth), 3) for depth in (1, 2, 3, 4, 8)]
    [0.0, 0.5, 0.571, 0.6, 0.636]
    """
    c = 2.0 - 2.0 / depth
    return c / (1.0 + c)


def _steps(time: Values, rate: float) -> Values:
    """Return how many steps a time is, exactly whole where rounding alone says otherwise."""
    steps = time / rate
    whole = np.rint(steps)
    # A step beyond d = 1 / rate overshoots: a negative number to a power that must be whole.
    return np.where(np.abs(steps - whole) <= 1e-9 * np.maximum(whole, 1.0), whole, steps)


def _closed_form_of_depth_two(clock: Values, s: Values, u0: Values, final: Values) -> Values:
    decay = np.exp(-2.0 * s * clock)
    return final / (1.0 - decay + decay * final / u0)


def _antiderivative(odds: Values, depth: int, s: Values, d: Values) -> Values:
    """The function of log-odds whose differences are flow times, for rising modes."""
    if depth == 2:
        return odds / (2.0 * s)
    c = 2.0 - 2.0 / depth
    u = s / d * special.expit(odds)
    series = _lerch(1.0 - c, special.expit(odds), special.expit(-odds))
    return u ** (1.0 - c) / ((1.0 - c) * s * depth) * series


def _lerch(b: float, x: Values, gap: Values) -> Values:
    r"""Return :math:`{}_2F_1(1, b; 1+b; x)` with ``gap`` :math:`1-x` given without cancellation.

    Beyond x = 1/2 the expansion about the logarithmic singularity at 1 is used,
    :math:`b \sum_n \frac{(b)_n}{n!} [\psi(n+1) - \psi(b+n) - \ln(1-x)] (1-x)^n`.
    """
    near = np.asarray(special.hyp2f1(1.0, b, 1.0 + b, np.minimum(x, 0.5)))
    n = np.arange(SERIES_TERMS)
    weight = cast("Values", special.poch(b, n) / special.factorial(n))
    small = np.minimum(gap, 0.5)[..., None]
    bracket = special.digamma(n + 1.0) - special.digamma(b + n) - np.log(small)
    far = b * np.sum(weight * bracket * small**n, axis=-1)
    return np.where(x <= 0.5, near, far)
