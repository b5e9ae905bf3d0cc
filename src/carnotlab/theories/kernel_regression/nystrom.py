r"""Nyström's solver: the kernel is replaced by its approximation on a few landmarks.

.. math::
    \tilde\alpha = (L L^\top + \kappa)^{-1} y, \qquad
    |\tilde\alpha - \alpha| \le \frac{|E \tilde\alpha|}{\kappa}
    \le \frac{\mathrm{tr} E}{\kappa} |\tilde\alpha|, \qquad E = K - L L^\top,

as :math:`\alpha - \tilde\alpha = -(K + \kappa)^{-1} E\, \tilde\alpha` and E is positive
semidefinite (williams2001). `Solution.error_bound` is the first of the two.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require, require_not_negative
from carnotlab.theories.kernel_regression.checking import (
    finite_block,
    kernel_matrix,
    target_columns,
)
from carnotlab.theories.kernel_regression.low_rank import Choice, LowRank, low_rank_of
from carnotlab.theories.kernel_regression.solution import Solution, solution
from carnotlab.theories.kernel_regression.spectrum import low_rank_spectrum


@dataclass(frozen=True)
class Nystrom:
    """At most ``rank`` landmarks, ``"greedy"`` or ``"uniform"`` under ``seed``.

    Greedy ones stop early once at most ``trace_share`` of the kernel's trace is left out.
    """

    rank: int = 500
    choice: Choice = "greedy"
    trace_share: float = 0.0
    seed: int = 0


def solve_low_rank(
    approximation: LowRank, targets: RealArray, ridge: float
) -> Float[np.ndarray, "n k"]:
    r"""Return :math:`(L L^\top + \kappa)^{-1} y`; the ridge must be above 0.

    >>> found = low_rank_of(np.ones((2, 2)), 1)
    >>> solve_low_rank(found, np.ones((2, 1)), 2.0).round(12).ravel().tolist()
    [0.25, 0.25]
    """
    require_not_negative("ridge", ridge)
    _require_ridge(ridge)
    return low_rank_spectrum(approximation).solve(targets, ridge)


def solve_by_nystrom(
    kernel: RealArray, targets: RealArray, ridge: float, solver: Nystrom
) -> Solution:
    """Solve with the approximated kernel; the residual and its bound are those of the true one.

    Raises:
        InputError: if the kernel is not symmetric and positive semidefinite, or ridge is 0.

    >>> x = np.linspace(0, 1, 50)
    >>> K = np.exp(-(x[:, None] - x) ** 2)
    >>> found = solve_by_nystrom(K, x[:, None], 0.1, Nystrom(rank=10))
    >>> bool(found.error_bound[0] < 1e-6)
    True
    """
    require_not_negative("ridge", ridge)
    _require_ridge(ridge)
    K = kernel_matrix("kernel", kernel)
    y = target_columns(targets)
    y = finite_block("targets", y, (K.shape[0], y.shape[1]))
    found = low_rank_of(
        K, solver.rank, choice=solver.choice, trace_share=solver.trace_share, seed=solver.seed
    )
    alpha = low_rank_spectrum(found).solve(y, ridge)
    return solution(alpha, K @ alpha, y, ridge)


def _require_ridge(ridge: float) -> None:
    require(
        ridge > 0.0,
        "ridge = 0 for Nyström's solver, whose matrix is singular",
        "a ridge above 0",
        "give one, or use the exact solver",
    )
