r"""One mode whose layers start unequal, in closed form at two layers.

Layers of strengths :math:`a` (first) and :math:`b` (second), correlation :math:`s` with the target
and input power :math:`d`:

.. math:: \dot a = b\,(s - d\,ab), \qquad \dot b = a\,(s - d\,ab).

Gradient flow conserves the imbalance :math:`c = a^2 - b^2`, so that the mode :math:`u = ab` has a
course of its own, :math:`\dot u = \sqrt{c^2 + 4u^2}\,(s - d\,u)`: the sigmoid of balanced layers at
:math:`c = 0`, an exponential of rate :math:`|c|\,d` where :math:`|c| \gg u`. Sources: saxe2014,
domine2025.
"""

from typing import NamedTuple, cast

import numpy as np
from jaxtyping import Float
from scipy.integrate import solve_ivp

from carnotlab.core.errors import require

Values = Float[np.ndarray, "..."]


class LayerStrengths(NamedTuple):
    """Strengths of both layers along a mode, ``[time, mode]`` each."""

    first: Float[np.ndarray, "time mode"]
    second: Float[np.ndarray, "time mode"]

    @property
    def product(self) -> Float[np.ndarray, "time mode"]:
        """The mode strength, end to end."""
        return self.first * self.second


def layer_strengths_at(
    time: Values, correlation: Values, first: Values, second: Values, power: Values | float = 1.0
) -> LayerStrengths:
    r"""Return the strengths of both layers at flow times :math:`t`.

    With :math:`z = \sqrt d\,(a, b)`, :math:`\lambda = d\,(b_0^2 - a_0^2)`,
    :math:`q = \sqrt{\lambda^2 + 4s^2}` and
    :math:`F = \begin{pmatrix}-\lambda/2 & s\\ s & \lambda/2\end{pmatrix}`,

    .. math:: z(t) = \frac{e^{Ft} z_0}{\sqrt{1 + z_0^\top \int_0^t e^{2Fr}dr\, z_0}},
              \qquad e^{Ft} = \cosh\tfrac{qt}{2} + \tfrac2q F \sinh\tfrac{qt}{2},

    which needs no case for :math:`c = 0` or strengths of opposite sign, and is finite at all times.

    Args:
        time: Flow times, ``[time]``.
        correlation: :math:`s > 0` per mode.
        first: :math:`a_0` per mode, any sign.
        second: :math:`b_0` per mode, any sign.
        power: :math:`d > 0` per mode; 1 for whitened inputs.

    Raises:
        InputError: if a correlation or power is not positive.

    >>> layers = layer_strengths_at(np.array([0.0, 1e9]), np.ones(1), np.ones(1), np.full(1, 0.01))
    >>> layers.product.round(12).ravel().tolist()
    [0.01, 1.0]
    """
    s, d = np.asarray(correlation, np.float64), np.asarray(power, np.float64)
    _require_positive(s, d)
    a, b = np.sqrt(d) * np.asarray(first), np.sqrt(d) * np.asarray(second)
    clock = np.asarray(time, np.float64)[:, None]
    imbalance = b**2 - a**2
    q = np.hypot(imbalance, 2.0 * s)
    rising, falling = _eigenvectors(imbalance, s, q)
    grows, decays = rising[0] * a + rising[1] * b, falling[0] * a + falling[1] * b
    gone = -np.expm1(-q * clock) / q
    rest = 1.0 + decays**2 * gone
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # Each part over the growth e^{qt/2} that it has, so that neither overflows.
        grown = grows / np.sqrt(grows**2 * gone + np.exp(-q * clock) * rest)
        ahead = np.where(grows == 0.0, 0.0, grows**2 * np.expm1(q * clock) / q)
        left = decays * np.exp(-q * clock / 2.0) / np.sqrt(rest + ahead)
    grown = np.where(grows == 0.0, 0.0, grown) / np.sqrt(d)
    left = left / np.sqrt(d)
    return LayerStrengths(
        rising[0] * grown + falling[0] * left, rising[1] * grown + falling[1] * left
    )


def time_between(
    strength: Values,
    correlation: Values,
    start: Values,
    imbalance: Values | float,
    power: Values | float = 1.0,
) -> Values:
    r"""Return the flow time from ``start`` to ``strength``, both on one side of the end.

    .. math:: t = \frac1q \ln\frac{R(u)}{R(u_0)}, \quad
              R(u) = \frac{(s\,w + q\,u)\,(q + w)}{s^2 - u^2}, \quad
              w = \sqrt{c^2 + 4u^2}, \; q = \sqrt{c^2 + 4s^2}

    (with :math:`d\,u` and :math:`d\,c` for :math:`u` and :math:`c` at input power :math:`d`), the
    expression :math:`\frac1q\ln\frac{q+c+2s\tanh(\theta/2)}{q-c-2s\tanh(\theta/2)}` of saxe2014,
    :math:`u = \tfrac c2\sinh\theta`, without its cancellations. A transcription with :math:`s` in
    place of :math:`2s` is in circulation; its course ends at :math:`s/2`.

    Infinite where a balanced mode starts at or below zero, which it never leaves.

    Raises:
        InputError: unless the strength lies between the start and the end :math:`s/d`, and the
            start above :math:`-s/d` (below, no closed form is given: use `layer_strengths_at`).

    >>> exact = time_between(np.array(0.5), np.array(1.0), np.array(0.01), 0.0)
    >>> float(exact.round(5)), round(float(np.log(99) / 2), 5)
    (2.29756, 2.29756)
    """
    s, d = np.asarray(correlation, np.float64), np.asarray(power, np.float64)
    _require_positive(s, d)
    u, u0 = d * np.asarray(strength, np.float64), d * np.asarray(start, np.float64)
    require(
        bool(np.all(((u0 < s) & (u0 <= u) & (u < s)) | ((u0 > s) & (u <= u0) & (u > s)))),
        f"strengths {strength} from {start}",
        "strengths between the start and the end of the course",
        "use layer_strengths_at",
    )
    require(
        bool(np.all(u0 > -s)), f"a start of {start}", "one above -s/d", "use layer_strengths_at"
    )
    c = d * np.asarray(imbalance, np.float64)
    q = np.hypot(c, 2.0 * s)
    with np.errstate(divide="ignore"):
        return (_log_odds(u, s, c, q) - _log_odds(u0, s, c, q)) / q


def chain_strengths_at(
    time: Values,
    correlation: float,
    layers: Float[np.ndarray, " depth"],
    power: float = 1.0,
    *,
    rtol: float = 1e-11,
) -> Float[np.ndarray, "time depth"]:
    r"""Return the layer strengths of one mode at any depth, from unequal layers, by an ODE solver.

    :math:`\dot a_l = \bigl(\prod_{k \ne l} a_k\bigr)\,\bigl(s - d \prod_k a_k\bigr)`. There is no
    closed form beyond two layers; every :math:`a_l^2 - a_k^2` is conserved. ``time`` must rise.

    >>> layers = chain_strengths_at(np.array([0.0, 50.0]), 2.0, np.array([1.0, 0.5, 0.1]))
    >>> layers.prod(axis=1).round(6).tolist()
    [0.05, 2.0]
    """
    times = np.asarray(time, np.float64)
    start = np.asarray(layers, np.float64)

    def velocity(_t: float, a: Values) -> Values:
        others = np.array([np.prod(np.delete(a, index)) for index in range(len(a))])
        return others * (correlation - power * np.prod(a))

    solution = solve_ivp(
        velocity,
        (0.0, max(float(times[-1]), np.finfo(np.float64).tiny)),
        start,
        method="DOP853",
        t_eval=times,
        rtol=rtol,
        atol=rtol * 1e-4,
    )
    return cast("Values", solution.y).T


def _eigenvectors(
    imbalance: Values, s: Values, q: Values
) -> tuple[tuple[Values, Values], tuple[Values, Values]]:
    """Return the eigenvectors of F to q/2 and -q/2, without cancellation in either entry."""
    large = np.sqrt((q + np.abs(imbalance)) / (2.0 * q))
    # Equal to the last digit where balanced: a mode of the opposite sign then never grows.
    small = np.where(imbalance == 0.0, large, s / (q * large))
    first = np.where(imbalance >= 0.0, small, large)
    second = np.where(imbalance >= 0.0, large, small)
    return (first, second), (second, -first)


def _log_odds(u: Values, s: Values, c: Values, q: Values) -> Values:
    """Return ln R(u), above zero and below it each without cancellation."""
    w = np.hypot(c, 2.0 * u)
    above = (s * w + q * np.abs(u)) / np.abs(s**2 - u**2)
    # (s w + q u)(s w - q u) = c^2 (s^2 - u^2)
    with np.errstate(invalid="ignore"):  # both zero for a balanced mode at zero, above zero's case
        below = c**2 / (s * w + q * np.abs(u))
    return np.log(np.where(u >= 0.0, above, below)) + np.log(q + w)


def _require_positive(s: Values, d: Values) -> None:
    require(bool(np.all(s > 0)), f"mode correlations {s}", "positive numbers", "drop null modes")
    require(bool(np.all(d > 0)), f"input power {d}", "positive numbers", "drop null directions")
