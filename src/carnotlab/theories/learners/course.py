r"""The course of learning by itself: a share learned, free of strength and of the unit of time.

One mode of a deep linear network, as a share :math:`x = u d/s` of what it ends at and in its own
time, has :math:`\dot x = D\,x^{c}(1-x)` with :math:`c = 2 - 2/D`. All its courses are one curve,
entered at different points. Depth 1 is the exponential curve, depth 2 the logistic one.
Source: saxe2014.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicHermiteSpline
from scipy.special import expit

from carnotlab.core.errors import require
from carnotlab.theories.deep_linear.mode_dynamics import time_to_reach

Values = Float[np.ndarray, "..."]

LOWEST, HIGHEST, STEP = -16.0, 30.0, 0.01
"""Log-odds between which the curve is tabulated; beyond, nothing or all counts as learned.

The cubic through exact values and slopes at this spacing is off by 1e-8 at most, to depth 8.
"""


@dataclass(frozen=True)
class Course:
    """The one curve of a depth, as time over log-odds of the share learned and back."""

    depth: int
    table: CubicHermiteSpline
    times: CubicHermiteSpline
    first: float
    last: float

    def clock(self, log_odds: Values) -> Values:
        """Return the curve's own time at which a share is reached, up to a constant."""
        return np.asarray(self.times(np.clip(log_odds, LOWEST, HIGHEST)))

    def log_odds(self, time: Values) -> Values:
        """Return the log-odds of the share learned at the curve's own time."""
        return np.asarray(self.table(np.clip(time, self.first, self.last)))

    def share(self, time: Values) -> Values:
        """Return the share learned at the curve's own time."""
        return expit(self.log_odds(time))

    def speed(self, share: Values) -> Values:
        r"""Return :math:`\dot x = D x^c (1 - x)`."""
        return self.depth * share ** (2.0 - 2.0 / self.depth) * (1.0 - share)


@lru_cache(maxsize=16)
def course(depth: int) -> Course:
    """Return the curve of a depth, tabulated once.

    Raises:
        InputError: for a depth below 1.

    >>> logistic = course(2)
    >>> float(logistic.share(logistic.clock(np.array(0.5)) + 1.0).round(6))
    0.924142
    """
    require(depth >= 1, f"depth = {depth}", "at least 1", "count the layers of weights")
    count = round((HIGHEST - LOWEST) / STEP) + 1
    z = np.linspace(LOWEST, HIGHEST, count)
    half = np.array(0.5)
    up, down = z > STEP / 2.0, z < -STEP / 2.0
    times = np.zeros(count)
    times[up] = time_to_reach(expit(z[up]), depth, np.array(1.0), half)
    times[down] = -time_to_reach(half, depth, np.array(1.0), expit(z[down]))
    # The slope of z over time is speed / (x (1 - x)); as a power of x it does not cancel near 1.
    slope = depth * expit(z) ** (1.0 - 2.0 / depth)
    return Course(
        depth,
        CubicHermiteSpline(times, z, slope),
        CubicHermiteSpline(z, times, 1.0 / slope),
        float(times[0]),
        float(times[-1]),
    )
