r"""Learning-rate schedules that theory speaks of, as factors on a base rate over T steps."""

from typing import Literal, TypeAlias, assert_never, get_args

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive

ScheduleName: TypeAlias = Literal[
    "constant", "1/√t", "1/t", "constant, then 1/t", "step", "cosine", "linear"
]
SCHEDULES: tuple[ScheduleName, ...] = get_args(ScheduleName)


def schedule(name: ScheduleName, steps: int, turn: float) -> Float[np.ndarray, " steps"]:
    r"""Return the factors :math:`\eta_t/\eta_0` for t = 0 … T−1.

    - ``"constant"``: 1.
    - ``"1/√t"``: :math:`(1 + t/\tau)^{-1/2}`, minimax for convex losses without strong convexity.
    - ``"1/t"``: :math:`(1 + t/\tau)^{-1}`; with ``turn`` :math:`\tau = 1/\eta_0\mu` it is
      :math:`1/(1/\eta_0 + \mu t)`, minimax where the least curvature is :math:`\mu`
      (robbins1951, bottou2018).
    - ``"constant, then 1/t"``: 1 for half of the steps, then falling as ``"1/t"`` does.
    - ``"step"``: a tenth after half of the steps and again after three quarters.
    - ``"cosine"``, ``"linear"``: to zero at T.

    Raises:
        InputError: for fewer than one step or a turn that is not above 0.

    >>> schedule("1/t", 3, turn=1.0).round(3).tolist()
    [1.0, 0.5, 0.333]
    """
    require(steps >= 1, f"steps = {steps}", "at least 1", "give the length of training")
    require_positive("turn", turn)
    t = np.arange(steps, dtype=np.float64)
    match name:
        case "constant":
            return np.ones(steps)
        case "1/√t":
            return (1.0 + t / turn) ** -0.5
        case "1/t":
            return 1.0 / (1.0 + t / turn)
        case "constant, then 1/t":
            return 1.0 / (1.0 + np.maximum(t - steps // 2, 0.0) / turn)
        case "step":
            return np.where(t < steps // 2, 1.0, np.where(t < 3 * steps // 4, 0.1, 0.01))
        case "cosine":
            return 0.5 * (1.0 + np.cos(np.pi * t / steps))
        case "linear":
            return 1.0 - t / steps
        case _:
            assert_never(name)
