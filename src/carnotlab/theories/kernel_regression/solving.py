r"""One call for all solvers of :math:`(K + \kappa)\,\alpha = y`."""

from typing import TypeAlias, assert_never

import numpy as np

from carnotlab.core.data import RealArray
from carnotlab.theories.kernel_regression.checking import (
    finite_block,
    kernel_matrix,
    target_columns,
)
from carnotlab.theories.kernel_regression.cholesky import cholesky_factor
from carnotlab.theories.kernel_regression.conjugate_gradients import (
    ConjugateGradients,
    conjugate_gradients,
)
from carnotlab.theories.kernel_regression.nystrom import Nystrom, solve_by_nystrom
from carnotlab.theories.kernel_regression.solution import Solution, solution

Solver: TypeAlias = ConjugateGradients | Nystrom | None
"""``None`` is the exact solver, by Cholesky's factor."""


def solve(
    kernel: RealArray, targets: RealArray, ridge: float = 0.0, solver: Solver = None
) -> Solution:
    r"""Solve :math:`(K + \kappa)\,\alpha = y` for a matrix ``[n, n]`` and targets ``[n, k]``.

    ``ridge`` is :math:`\kappa`, in units of the kernel: weight decay :math:`\kappa/n` for a loss
    that is a mean over samples, or the variance of noise. No solver adds anything else.

    - ``None``: exact, :math:`O(n^3/3)`.
    - `ConjugateGradients`: :math:`O(n^2)` a step, to a stated residual.
    - `Nystrom`: :math:`O(n m^2)` with m landmarks, with a bound on the error; needs a ridge.

    Raises:
        InputError: if the kernel is not finite, symmetric and positive definite with the ridge;
            says which ridge mends.

    >>> solve(np.array([[1.0]]), np.array([[8.0]]), ridge=3.0).coefficients.item()
    2.0
    """
    match solver:
        case None:
            K = kernel_matrix("kernel", kernel)
            y = target_columns(targets)
            y = finite_block("targets", y, (K.shape[0], y.shape[1]))
            alpha = cholesky_factor(K, ridge).solve(y)
            return solution(np.asarray(alpha), K @ alpha, y, ridge)
        case ConjugateGradients():
            return conjugate_gradients(kernel, targets, ridge, solver)
        case Nystrom():
            return solve_by_nystrom(kernel, targets, ridge, solver)
        case _:
            assert_never(solver)
