"""Where an error over time, or over a penalty, is least; and when each mode is best stopped."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar

from carnotlab.core.errors import require, require_positive

Values = Float[np.ndarray, " k"]


class Least(NamedTuple):
    """Where an error is least, and how large it is there."""

    at: float
    error: float


def least(error: Callable[[Values], Values], low: float, high: float, *, count: int = 200) -> Least:
    """Return the least of ``error`` over ``low`` to ``high``: a logarithmic grid, then a search.

    Errors of early stopping may have several minima; the grid finds the lowest that is wider than
    its spacing.

    >>> found = least(lambda u: (u - 2.0) ** 2, 0.01, 100.0)
    >>> round(found.at, 6)
    2.0
    """
    grid = np.linspace(np.log(low), np.log(high), count)
    index = int(np.argmin(error(np.exp(grid))))
    ends = float(grid[max(index - 1, 0)]), float(grid[min(index + 1, count - 1)])
    found: Any = minimize_scalar(
        lambda u: float(error(np.exp(np.array([u])))[0]),
        bounds=ends,
        method="bounded",
        options={"xatol": 1e-9},
    )
    return Least(float(np.exp(found.x)), float(found.fun))


def stopping_of_mode(eigenvalue: Values, signal_to_noise: float) -> Values:
    r"""Return when one mode is best stopped, :math:`\lambda^{-1}\ln(1+\lambda\,SNR)`.

    Then its filter is that of the best ridge: :math:`1-e^{-\lambda t} = \lambda/(\lambda+1/SNR)`.
    Large eigenvalues of :math:`X^\top X` are stopped first, small ones at time SNR. The signal is
    what there is to learn, :math:`\sigma_w^2+\sigma_0^2`. Units of `isotropic_regression`.

    >>> stopping_of_mode(np.array([1e-9, 1.0]), 3.0).round(6).tolist()
    [3.0, 1.386294]
    """
    values = np.asarray(eigenvalue, np.float64)
    require(bool(np.all(values > 0.0)), f"eigenvalues {values}", "above 0", "drop those of 0")
    require_positive("signal_to_noise", signal_to_noise)
    return np.log1p(values * signal_to_noise) / values
