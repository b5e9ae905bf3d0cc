r"""The exact solver: :math:`K + \kappa = L L^\top`, refused where rounding would decide."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require_not_negative
from carnotlab.theories.kernel_regression.checking import (
    ROUNDING,
    kernel_matrix,
    not_positive_definite,
)


@dataclass(frozen=True, eq=False)
class CholeskyFactor:
    r"""Lower triangular :math:`L` with :math:`L L^\top = K + \kappa`."""

    lower: Float[np.ndarray, "n n"]

    def whiten(self, columns: RealArray) -> Float[np.ndarray, "n k"]:
        r"""Return :math:`L^{-1} B`, whose Gram matrix is :math:`B^\top (K+\kappa)^{-1} B`."""
        return solve_triangular(self.lower, np.asarray(columns), lower=True, check_finite=False)

    def solve(self, columns: RealArray) -> Float[np.ndarray, "n k"]:
        r"""Return :math:`(K + \kappa)^{-1} B`."""
        half = self.whiten(columns)
        return solve_triangular(self.lower, half, lower=True, trans=1, check_finite=False)

    @property
    def log_determinant(self) -> float:
        r""":math:`\log\det(K + \kappa)`."""
        return 2.0 * float(np.log(np.diagonal(self.lower)).sum())


def cholesky_factor(kernel: RealArray, ridge: float = 0.0) -> CholeskyFactor:
    r"""Factor :math:`K + \kappa`; :math:`O(n^3/3)` operations. Nothing else is added.

    Raises:
        InputError: if the kernel is not square, finite and symmetric, or a pivot is within what
            rounding moves it by; says the smallest eigenvalue and a ridge that mends.

    >>> cholesky_factor(np.eye(2), ridge=3.0).solve(np.ones((2, 1))).ravel().tolist()
    [0.25, 0.25]
    """
    require_not_negative("ridge", ridge)
    matrix = kernel_matrix("kernel", kernel)
    shifted = matrix + ridge * np.eye(matrix.shape[0])
    try:
        lower = np.asarray(cholesky(shifted, lower=True, check_finite=False))
    except LinAlgError:
        raise not_positive_definite(np.linalg.eigvalsh(matrix), ridge) from None
    pivots = np.diagonal(lower) ** 2
    if pivots.min() <= pivots.size * ROUNDING * float(np.diagonal(shifted).max()):
        raise not_positive_definite(np.linalg.eigvalsh(matrix), ridge)
    return CholeskyFactor(lower)
