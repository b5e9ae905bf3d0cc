r"""How long a mode takes to be learned, and the power of the start in it.

From a small start nearly all of the time is spent growing: with :math:`D` layers of strength
:math:`b` each, hence :math:`u_0 = b^D` end to end,

.. math:: T \simeq \frac{b^{-(D-2)}}{(D-2)\,s} = \frac{u_0^{-(1-2/D)}}{(D-2)\,s}, \quad D \ge 3,
          \qquad T \simeq \frac{1}{2s}\ln\frac{s}{d\,u_0}, \quad D = 2.

So the slowing that is called exponential in depth is so at a fixed strength *per layer*; the
exponent counts weight layers minus two. Source: saxe2014.
"""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import InputError, require
from carnotlab.theories.deep_linear.mode_dynamics import time_to_reach

Values = Float[np.ndarray, "..."]
Strength: TypeAlias = Literal["per layer", "end to end"]


def learning_time(
    depth: int,
    correlation: Values,
    start: Values,
    power: Values | float = 1.0,
    share: float = 0.5,
) -> Values:
    r"""Return the flow time until a balanced mode has ``share`` of its final strength, exactly.

    ``start`` is the end-to-end strength :math:`u_0`, below ``share`` of :math:`s/d`; for layers of
    strength :math:`b` it is :math:`b^D`.

    Raises:
        InputError: if ``share`` is not between the start and the end.

    >>> float(learning_time(2, np.array(1.0), np.array(0.01)).round(6))
    2.29756
    """
    require(0.0 < share < 1.0, f"share = {share}", "a fraction between 0 and 1", "use 0.5")
    s, d = np.asarray(correlation, np.float64), np.asarray(power, np.float64)
    return time_to_reach(share * s / d, depth, s, np.asarray(start, np.float64), d)


def small_start_time(
    depth: int,
    correlation: Values,
    start: Values,
    power: Values | float = 1.0,
    share: float = 0.5,
) -> Values:
    r"""Return the leading term of `learning_time` from a small start, for two layers or more.

    :math:`u_0^{-(1-2/D)}/((D-2)\,s)` beyond two layers, whatever the share: what is left out is a
    part of order :math:`(d u_0/s)^{1-2/D}`. At two layers
    :math:`\frac{1}{2s}\ln\frac{s\,\rho}{d\,u_0 (1-\rho)}` for a share :math:`\rho`, up to a part
    of order :math:`d u_0/s`.

    Raises:
        InputError: for one layer, whose time hardly depends on the start.

    >>> float(small_start_time(3, np.array(1.0), np.array(1e-3)).round(6))
    10.0
    """
    require(depth >= 2, f"depth = {depth}", "two layers or more", "use learning_time")
    s, d = np.asarray(correlation, np.float64), np.asarray(power, np.float64)
    u0 = np.asarray(start, np.float64)
    if depth == 2:
        return np.log(s / (d * u0) * share / (1.0 - share)) / (2.0 * s)
    return u0 ** (-(1.0 - 2.0 / depth)) / ((depth - 2) * s)


def learning_time_exponent(depth: int, strength: Strength = "per layer") -> float:
    r"""Return the power of a small start in the learning time.

    :math:`-(D-2)` in the strength of each layer, :math:`-(1-2/D)` end to end. 0 at two layers,
    where the start enters by its logarithm, and at one, where it does not matter.

    >>> [learning_time_exponent(depth) for depth in (1, 2, 3, 8)]
    [0.0, 0.0, -1.0, -6.0]
    >>> learning_time_exponent(4, "end to end")
    -0.5
    """
    if strength not in ("per layer", "end to end"):
        raise InputError(f"strength = {strength!r}", "'per layer' or 'end to end'", "choose one")
    beyond = float(max(depth - 2, 0))
    # Never a negative zero.
    return 0.0 - (beyond if strength == "per layer" else beyond / depth)


def learning_time_slope(
    depth: int,
    correlation: Values,
    start: Values,
    power: Values | float = 1.0,
    share: float = 0.5,
) -> Values:
    r"""Return the slope :math:`d\ln T/d\ln b` at a start that is not infinitely small, exactly.

    In the strength :math:`b` of each layer; over :math:`D` it is the slope in :math:`u_0`. It tends
    to `learning_time_exponent` as the start shrinks, to :math:`-2/\ln(s/d u_0)` at two layers.

    >>> learning_time_slope(3, np.array(1.0), np.array([1e-2, 1e-9])).round(3).tolist()
    [-1.244, -1.001]
    """
    s, d = np.asarray(correlation, np.float64), np.asarray(power, np.float64)
    u0 = np.asarray(start, np.float64)
    # A later start shortens the time by one over the velocity there: dT/du0 = -1/f(u0).
    velocity = depth * u0 ** (2.0 - 2.0 / depth) * (s - d * u0)
    return -depth * u0 / velocity / learning_time(depth, s, u0, d, share)
