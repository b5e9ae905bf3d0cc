"""What every solver of a kernel's linear system returns."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray


@dataclass(frozen=True, eq=False)
class Solution:
    r"""Coefficients :math:`\alpha \approx (K + \kappa)^{-1} y`, and how far they can be trusted.

    Nothing is added to the kernel but ``ridge``.
    """

    coefficients: Float[np.ndarray, "n k"]
    ridge: float
    r"""The :math:`\kappa` that was added, no more and no less than what was asked for."""
    residual: Float[np.ndarray, " k"]
    r""":math:`|y - (K + \kappa)\alpha|`, computed anew from the coefficients."""
    relative_residual: Float[np.ndarray, " k"]
    r"""The same over :math:`|y|`; 0 where :math:`y = 0`."""
    iterations: int
    """Steps taken; 0 for direct solvers."""
    converged: bool
    """Whether the solver reached its own tolerance; always so for direct ones."""

    @property
    def error_bound(self) -> Float[np.ndarray, " k"]:
        r"""A bound on :math:`|\alpha - (K+\kappa)^{-1}y|`: ``residual / ridge``, infinite at 0.

        It holds for any positive semidefinite kernel, as :math:`|(K+\kappa)^{-1}| \le 1/\kappa`.
        Fitted values, :math:`y - \kappa\alpha`, are off by at most ``residual``.
        """
        if self.ridge > 0.0:
            return self.residual / self.ridge
        return np.where(self.residual > 0.0, np.inf, 0.0)


def solution(
    coefficients: RealArray,
    applied: RealArray,
    targets: RealArray,
    ridge: float,
    *,
    iterations: int = 0,
    converged: bool = True,
) -> Solution:
    r"""Return a solution with its residual; ``applied`` is :math:`K\alpha`.

    >>> one = np.ones((1, 1))
    >>> solution(one, one, 3 * one, 1.0).error_bound.tolist()
    [1.0]
    """
    alpha, y = np.asarray(coefficients), np.asarray(targets)
    residual = np.linalg.norm(y - np.asarray(applied) - ridge * alpha, axis=0)
    size = np.linalg.norm(y, axis=0)
    relative = np.divide(residual, size, out=np.zeros_like(residual), where=size > 0)
    return Solution(alpha, ridge, residual, relative, iterations, converged)
