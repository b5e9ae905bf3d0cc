r"""The published form of growing rates: a fixed root, and jumps where the rate drops.

At a constant rate the recursion of `growing_rates` tends to the larger root :math:`\alpha` of

.. math:: x^2 - (1 + \gamma - \lambda\eta)\,x + \gamma = 0,

which is real for :math:`\lambda\eta \le (1 - \sqrt\gamma)^2`, and rates become
:math:`\tilde\eta_t = \eta\,\alpha^{-2t-1}`. They are exact from the first step on only if the
momentum buffer starts at :math:`-(1 - \alpha) w_0/(\eta\alpha)` rather than zero; where the rate
drops to :math:`\eta_I`, they jump by :math:`(\eta_I/\eta_{I-1})/(\alpha_I \alpha_{I-1})`, which is
exact only once the recursion has settled at its new root. Source: li2020.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require


def fixed_root(rate: float, decay: float, momentum: float) -> float:
    """Return the larger root, the factor by which decay shrinks weights a step.

    Raises:
        InputError: where there is no real root.

    >>> round(fixed_root(0.1, 5e-4, 0.9), 6)
    0.999498
    """
    require(
        0.0 <= decay * rate <= (1.0 - sqrt(momentum)) ** 2,
        f"rate times decay = {decay * rate:.3g} at momentum {momentum}",
        f"at most (1 - sqrt(momentum))² = {(1.0 - sqrt(momentum)) ** 2:.3g}",
        "lower one of them, or use without_decay(), which needs no root",
    )
    half = 0.5 * (1.0 + momentum - decay * rate)
    return half + sqrt(max(half**2 - momentum, 0.0))


def first_buffer(rate: float, decay: float, momentum: float) -> float:
    """Return what multiple of the first weights the growing run's buffer starts as.

    >>> round(first_buffer(0.1, 5e-4, 0.9), 6)
    -0.005025
    """
    alpha = fixed_root(rate, decay, momentum)
    return -(1.0 - alpha) / (rate * alpha)


def steps_to_overflow(
    rate: float,
    decay: float,
    momentum: float,
    square_norm: float = 1.0,
    largest: float = float(np.finfo(np.float32).max),
) -> float:
    r"""Return after how many steps the squared norm of growing weights exceeds ``largest``.

    Weights whose norm decay would keep, never rescaled: it grows as :math:`\alpha^{-2t}`. The
    default is the largest number of single precision; rates overflow when norms of 1 do.

    >>> round(steps_to_overflow(0.1, 5e-4, 0.9), -2)
    88300.0
    """
    alpha = fixed_root(rate, decay, momentum)
    return float(np.log(largest / square_norm) / (-2.0 * np.log(alpha)))


def stepped_exponential(
    phases: Sequence[tuple[float, int]], decay: float, momentum: float
) -> Float[np.ndarray, " steps"]:
    r"""Return the growing rates of phases ``(rate, steps)`` by the fixed roots (TEXP).

    Exact within the first phase, given `first_buffer`; an approximation behind each drop.

    >>> rates = stepped_exponential([(0.1, 2), (0.01, 1)], 0.0, 0.9)
    >>> rates.round(6).tolist()
    [0.1, 0.1, 0.01]
    """
    logs: list[float] = []
    before: tuple[float, float] | None = None
    for rate, steps in phases:
        alpha = fixed_root(rate, decay, momentum)
        if before is None:
            logs.append(float(np.log(rate / alpha)))
        else:
            logs.append(logs[-1] + float(np.log(rate / before[0] / (alpha * before[1]))))
        logs += [logs[-1] - 2.0 * float(np.log(alpha)) * n for n in range(1, steps)]
        before = rate, alpha
    return np.exp(np.array(logs))
