r"""One eigendecomposition of a kernel, whole or of low rank, for every ridge."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.theories.kernel_regression.checking import (
    ROUNDING,
    kernel_matrix,
    not_positive_definite,
)
from carnotlab.theories.kernel_regression.low_rank import LowRank


@dataclass(frozen=True, eq=False)
class Spectrum:
    r"""Eigenvalues and orthonormal eigenvectors; directions that are missing have eigenvalue 0."""

    eigenvalues: Float[np.ndarray, " m"]
    eigenvectors: Float[np.ndarray, "n m"]

    @property
    def thin(self) -> bool:
        """Whether there are fewer eigenvectors than samples."""
        return self.eigenvectors.shape[1] < self.eigenvectors.shape[0]

    def solve(self, columns: RealArray, ridge: float) -> Float[np.ndarray, "n k"]:
        r"""Return :math:`(K + \kappa)^{-1} B`.

        Raises:
            InputError: if the shifted matrix is not positive definite up to rounding.
        """
        self.require_definite(ridge)
        B, U = np.asarray(columns, dtype=np.float64), self.eigenvectors
        seen = U.T @ B
        found = U @ (seen / (self.eigenvalues + ridge)[:, None])
        return found + (B - U @ seen) / ridge if self.thin else found

    def inverse_diagonal(self, ridge: float) -> Float[np.ndarray, " n"]:
        r"""Return the diagonal of :math:`(K + \kappa)^{-1}`."""
        self.require_definite(ridge)
        squares = self.eigenvectors**2
        found = squares @ (1.0 / (self.eigenvalues + ridge))
        return found + (1.0 - squares.sum(axis=1)) / ridge if self.thin else found

    def require_definite(self, ridge: float) -> None:
        """Raise `InputError` unless the shifted matrix is positive definite up to rounding."""
        least = 0.0 if self.thin else float(self.eigenvalues.min())
        most = float(self.eigenvalues.max(initial=0.0))
        n = self.eigenvectors.shape[0]
        if not least + ridge > n * ROUNDING * (most + ridge):
            zeros = np.zeros(n - self.eigenvalues.size)
            raise not_positive_definite(np.concatenate([self.eigenvalues, zeros]), ridge)


def spectrum(kernel: RealArray) -> Spectrum:
    """Return the eigendecomposition of a symmetric matrix, smallest eigenvalue first.

    Raises:
        InputError: if it is not square, finite and symmetric.

    >>> spectrum(2 * np.eye(2)).solve(np.ones((2, 1)), ridge=2.0).ravel().tolist()
    [0.25, 0.25]
    """
    eigenvalues, eigenvectors = np.linalg.eigh(kernel_matrix("kernel", kernel))
    return Spectrum(eigenvalues, eigenvectors)


def low_rank_spectrum(approximation: LowRank) -> Spectrum:
    r"""Return that of :math:`L L^\top`, from the singular vectors of :math:`L`.

    >>> from carnotlab.theories.kernel_regression.low_rank import low_rank_of
    >>> low_rank_spectrum(low_rank_of(np.ones((2, 2)), 1)).eigenvalues.round(12).tolist()
    [2.0]
    """
    require(
        approximation.factor.shape[1] > 0,
        "a kernel of zeros",
        "a kernel with a positive diagonal",
        "look at the inputs",
    )
    left, singular, _ = np.linalg.svd(approximation.factor, full_matrices=False)
    return Spectrum(singular**2, left)
