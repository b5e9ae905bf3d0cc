r"""The effective ridge: what directions that too few samples cannot resolve do to the others.

Ridge regression on n samples whose features have covariance eigenvalues :math:`\lambda_i`,
minimizing :math:`|y - Xw|^2 + \delta|w|^2`, behaves as regression on infinitely many samples with
the ridge :math:`\kappa` that solves

.. math:: n = \sum_i \frac{\lambda_i}{\lambda_i + \kappa} + \frac{\delta}{\kappa}.

Mode i is learned to the share :math:`\lambda_i/(\lambda_i + \kappa)`. Asymptotic where many modes
share the samples. Sources: bordelon2020, canatar2021, hastie2022.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from carnotlab.core.data import require_finite
from carnotlab.core.errors import require, require_not_negative, require_positive


class DegreesOfFreedom(NamedTuple):
    r""":math:`\sum_i s_i` and :math:`\sum_i s_i^2` with :math:`s_i = \lambda_i/(\lambda_i+\kappa)`.

    The first counts the directions that are learned, the second how much noise enters them.
    """

    first: float
    second: float


def effective_ridge(
    eigenvalues: Float[np.ndarray, " d"], samples: float, ridge: float = 0.0
) -> float:
    r"""Return :math:`\kappa` in units of the eigenvalues, to a relative 1e-12.

    Args:
        eigenvalues: Of the covariance of the features (mean over samples), any order, at least
            zero; those below rounding of the largest count as zero.
        samples: n > 0; need not be whole.
        ridge: :math:`\delta` beside the *sum* of squares over samples, at least 0. Beside their
            mean it is n times as large.

    Returns:
        0 where samples resolve every direction and there is no ridge.

    Raises:
        InputError: for no positive eigenvalue, a negative one, n of zero or less, or a ridge
            below zero.

    >>> round(effective_ridge(np.ones(20), samples=10), 12)
    1.0
    >>> effective_ridge(np.ones(10), samples=20)
    0.0
    """
    values = learnable(eigenvalues)
    require_positive("samples", samples)
    require_not_negative("ridge", ridge)
    rank, least = values.size, float(values.min())
    if ridge == 0.0 and samples >= rank:
        return 0.0
    # Below the lower end the sum exceeds n term by term; above the upper one it falls short of it.
    low = max(ridge / samples, least * (rank - samples) / samples)
    high = (ridge + float(values.sum())) / samples

    def excess(log_kappa: float) -> float:
        kappa = np.exp(log_kappa)
        return float(np.sum(values / (values + kappa)) + ridge / kappa - samples)

    ends = float(np.log(low)) - 1e-9, float(np.log(high)) + 1e-9
    return float(np.exp(root_between(excess, *ends)))


def degrees_of_freedom(eigenvalues: Float[np.ndarray, " d"], kappa: float) -> DegreesOfFreedom:
    """Return how many directions are learned at an effective ridge ``kappa``.

    >>> degrees_of_freedom(np.ones(20), 1.0)
    DegreesOfFreedom(first=10.0, second=5.0)
    """
    values = learnable(eigenvalues)
    share = values / (values + kappa)
    return DegreesOfFreedom(float(share.sum()), float(np.sum(share**2)))


def learnable(eigenvalues: Float[np.ndarray, " d"]) -> Float[np.ndarray, " r"]:
    """Return the eigenvalues that are not zero up to rounding, float64.

    Raises:
        InputError: if there is none, or one is negative beyond rounding.

    >>> learnable(np.array([1.0, 0.0])).tolist()
    [1.0]
    """
    values = np.asarray(eigenvalues, dtype=np.float64)
    require_finite("eigenvalues", values, "look at the features")
    largest = float(values.max(initial=0.0))
    require(
        values.ndim == 1 and largest > 0.0,
        f"eigenvalues of shape {values.shape}, largest {largest:g}",
        "a list with a positive one",
        "give the spectrum of a covariance",
    )
    rounding = values.size * float(np.finfo(np.float64).eps) * largest
    require(
        float(values.min()) >= -1e3 * rounding,
        f"an eigenvalue of {float(values.min()):g}",
        "eigenvalues of at least 0",
        "give the spectrum of a covariance",
    )
    return values[values > rounding]


def root_between(
    function: Callable[[float], float], low: float, high: float, resolution: float = 1e-14
) -> float:
    """Return the root of a continuous function that changes sign from ``low`` to ``high``.

    To a relative 1e-14 or to ``resolution``, whichever is coarser.

    >>> round(root_between(lambda x: 2.0 - x**2, 0.0, 2.0), 12)
    1.414213562373
    """
    return float(brentq(function, low, high, xtol=resolution, rtol=1e-14))  # pyright: ignore
