r"""Inputs left out in logistic regression: a penalty that is known to second order only.

The log-loss is linear in the label but for :math:`A(z) = \ln(1 + e^z)`, :math:`z = w\cdot x`, so
leaving inputs out adds the same for both labels, :math:`E A(\tilde z) - A(z)`. To second order in
the noise of z,

.. math:: \tfrac12 \frac{1-q}{q} \langle p(1-p) \sum_j x_j^2 w_j^2 \rangle, \qquad
          p = 1/(1 + e^{-z}):

weak where the model is sure, so that rare inputs that decide are spared. What is left out is of
the order of :math:`A''' = p(1-p)(1-2p)` times the third moment of z's noise, and
:math:`A'''' = p(1-p)(1 - 6p(1-p))`, of either sign, times its fourth. Source: wager2013.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError, require

MOST_INPUTS = 16
"""Beyond, the sum over all masks has more than 65536 terms a sample."""


def logistic_penalty(
    x: Float[np.ndarray, "n p"], weights: Float[np.ndarray, " p"], keep: float
) -> float:
    """Return the penalty to second order, in nats a sample.

    Raises:
        InputError: for a probability outside (0, 1].

    >>> logistic_penalty(np.ones((1, 2)), np.array([1.0, -1.0]), keep=0.5)
    0.25
    """
    require(0.0 < keep <= 1.0, f"keep = {keep}", "in (0, 1]", "use keep=0.5")
    p = 1.0 / (1.0 + np.exp(-(x @ weights)))
    return float(0.5 * (1.0 - keep) / keep * np.mean(p * (1.0 - p) * (x**2 @ weights**2)))


def exact_logistic_penalty(
    x: Float[np.ndarray, "n p"], weights: Float[np.ndarray, " p"], keep: float
) -> float:
    """Return what leaving inputs out adds to the log-loss, by the sum over all masks.

    Raises:
        InputError: for a probability outside (0, 1].
        OutOfReachError: for more than 16 inputs.

    >>> exact_logistic_penalty(np.ones((1, 2)), np.array([1.0, -1.0]), keep=0.5).__round__(4)
    0.2169
    """
    require(0.0 < keep <= 1.0, f"keep = {keep}", "in (0, 1]", "use keep=0.5")
    p = x.shape[1]
    if p > MOST_INPUTS:
        raise OutOfReachError(
            f"a sum over masks of {p} inputs", f"at most {MOST_INPUTS}", "use logistic_penalty"
        )
    masks = (np.arange(2**p)[:, None] >> np.arange(p)) & 1
    kept = masks.sum(axis=1)
    probabilities = keep**kept * (1.0 - keep) ** (p - kept)
    noisy = np.logaddexp(0.0, (x * weights) @ masks.T / keep) @ probabilities
    return float(np.mean(noisy - np.logaddexp(0.0, x @ weights)))
