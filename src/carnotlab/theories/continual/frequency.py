r"""Items met with different frequencies: which of them a network learns first.

Item i is met with probability :math:`p_i` and has a property of strength :math:`y_i` that no other
item has. Inputs are one-hot, so that :math:`\Sigma_{xx} = \mathrm{diag}(p)` and :math:`\Sigma_{yx}`
is diagonal too: every item is a mode of power :math:`p_i` and correlation :math:`p_i y_i`, and

.. math:: \dot u_i = D\,p_i\,u_i^{2-2/D}\,(y_i - u_i).

Frequency is a clock of the item's own, at every depth. Strength is none in a shallow network; in a
deep one it multiplies frequency. Source: saxe2019.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require
from carnotlab.theories.deep_linear.mode_dynamics import strength_at, time_to_reach

Values = Float[np.ndarray, " items"]


def item_courses(
    time: Float[np.ndarray, " time"],
    depth: int,
    frequencies: Values,
    strengths: Values,
    start: Values,
    rate: float = 0.0,
) -> Float[np.ndarray, "time items"]:
    r"""Return how strongly each item's property is answered over flow time.

    At depth 1 from zero, :math:`y_i (1 - e^{-p_i t})`.

    Args:
        time: Flow times.
        depth: Layers of weights.
        frequencies: How often each item is met; they need not add to 1.
        strengths: Of each item's property, positive.
        start: Strength at time zero, positive beyond depth 1.
        rate: Learning rate of discrete steps, 0 for the flow.

    Raises:
        InputError: for frequencies or strengths that are not positive.

    >>> two = np.array([0.8, 0.2])
    >>> item_courses(np.array([5.0]), 1, two, np.ones(2), np.zeros(2)).round(3).tolist()
    [[0.982, 0.632]]
    """
    p, y = _checked(frequencies, strengths)
    return strength_at(time, depth, p * y, start, p, rate)


def half_times(depth: int, frequencies: Values, strengths: Values, start: Values) -> Values:
    r"""Return when half of each item's property is answered.

    Depth 1 from zero: :math:`\ln 2/p_i`. Depth 2: :math:`\ln(y_i/u_0 - 1)/(2 p_i y_i)`.

    >>> half_times(1, np.array([0.5]), np.array([3.0]), np.zeros(1)).round(6).tolist()
    [1.386294]
    >>> half_times(2, np.array([0.5]), np.array([3.0]), np.array([0.03])).round(6).tolist()
    [1.531707]
    """
    p, y = _checked(frequencies, strengths)
    if depth == 1:
        return np.log((y - start) / (0.5 * y)) / p
    return time_to_reach(0.5 * y, depth, p * y, start, p)


def frequency_that_makes_up(
    depth: int, strength: float, other_strength: float, start: float
) -> float:
    r"""Return how many times as often a weaker item must be met to be learned along with another.

    1 at depth 1 from zero, whatever the strengths. From depth 2 on about the quotient of the
    strengths, from a small start: a weak property met twice as often as one three times as strong
    is learned after it.

    >>> frequency_that_makes_up(1, 1.0, 3.0, 1e-3)
    1.0
    >>> round(frequency_that_makes_up(2, 1.0, 3.0, 1e-3), 3)
    2.588
    """
    if depth == 1:
        return 1.0
    one = np.ones(1)
    own, other = (
        half_times(depth, one, np.array([y]), np.array([start]))[0]
        for y in (strength, other_strength)
    )
    return float(own / other)


def _checked(frequencies: Values, strengths: Values) -> tuple[Values, Values]:
    p, y = np.asarray(frequencies, dtype=np.float64), np.asarray(strengths, dtype=np.float64)
    require(bool(np.all(p > 0)), f"frequencies {p}", "positive numbers", "drop items never met")
    require(bool(np.all(y > 0)), f"strengths {y}", "positive numbers", "flip the property's sign")
    return p, y
