r"""One weight that must find a frequency: local minima in closed form, and how to walk past them.

The model :math:`\cos(wx)` learns :math:`\cos(w^* x)` from inputs spread evenly over [−s, s]. With
:math:`S(u) = \sin(u)/u` the mean loss :math:`\tfrac12\langle(\cos wx - \cos w^*x)^2\rangle` is

.. math:: L_s(w) = \tfrac12\bigl[1 + \tfrac12 S(2ws) + \tfrac12 S(2w^*s) - S((w - w^*)s)
          - S((w + w^*)s)\bigr].

Around :math:`w^*` it falls only up to the first minimum of S, :math:`|w - w^*| < 4.4934/s`; beyond
there is a local minimum about every :math:`2\pi/s`, in which descent ends. Narrow inputs (small s)
see one wide valley: learning them first and widening s slowly is a continuation whose start is
easy and whose end is the problem itself. Derived here; on the idea bengio2009.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive

VALLEY = 4.493409457909064
"""The least positive root of tan u = u, where sin(u)/u has its first minimum."""

Weights = Float[np.ndarray, " starts"]


def frequency_loss(w: Weights, target: float, reach: float) -> Weights:
    r"""Return :math:`L_s(w)` at ``reach`` s, for many weights.

    >>> frequency_loss(np.array([0.0, 5.0]), 5.0, 1.0).round(6).tolist()
    [0.928184, 0.0]
    """
    require_positive("reach", reach)
    w = np.asarray(w, dtype=np.float64)
    s = reach / np.pi  # numpy's sinc has it inside
    both = np.sinc((w - target) * s) + np.sinc((w + target) * s)
    return 0.5 * (1.0 + 0.5 * np.sinc(2 * w * s) + 0.5 * np.sinc(2 * target * s) - both)


def frequency_slope(w: Weights, target: float, reach: float) -> Weights:
    r"""Return :math:`L_s'(w)`.

    >>> frequency_slope(np.array([5.0]), 5.0, 1.0).round(12).tolist()
    [0.0]
    """
    require_positive("reach", reach)
    w = np.asarray(w, dtype=np.float64)
    s = reach
    return 0.5 * s * (_slope(2 * w * s) - _slope((w - target) * s) - _slope((w + target) * s))


def frequency_courses(
    starts: Weights,
    target: float,
    reaches: Sequence[float],
    rates: Sequence[float],
    steps: int,
) -> Float[np.ndarray, "phases starts"]:
    """Return where descent from each start is at the end of every phase.

    A phase is ``steps`` steps at its own reach and rate; a single one is direct training.

    Raises:
        InputError: for different numbers of reaches and rates.

    >>> direct = frequency_courses(np.array([3.0, 19.0]), 20.0, [1.0], [1.0], 500)
    >>> direct.round(3).tolist()
    [[2.071, 20.0]]
    >>> widened = frequency_courses(np.array([3.0]), 20.0, [0.2, 1.0], [25.0, 1.0], 500)
    >>> round(float(widened[-1, 0]), 3)
    20.0
    """
    require(
        len(reaches) == len(rates) > 0,
        f"{len(reaches)} reaches and {len(rates)} rates",
        "one rate for each reach",
        "give as many of both",
    )
    w = np.asarray(starts, dtype=np.float64)
    ends: list[Weights] = []
    for reach, rate in zip(reaches, rates, strict=True):
        for _ in range(steps):
            w = w - rate * frequency_slope(w, target, reach)
        ends.append(w)
    return np.stack(ends)


def _slope(u: Weights) -> Weights:
    """Return the derivative of sin(u)/u, by its series where u is small."""
    small = np.abs(u) < 1e-2
    safe = np.where(small, 1.0, u)
    series = -u / 3.0 + u**3 / 30.0 - u**5 / 840.0
    return np.where(small, series, (np.cos(safe) - np.sin(safe) / safe) / safe)
