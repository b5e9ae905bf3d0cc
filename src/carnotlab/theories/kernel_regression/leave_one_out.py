r"""Leaving out each sample in turn, in closed form from one fit with all of them.

With :math:`C = K + \kappa` and :math:`\alpha = C^{-1} y`, the model fitted without sample
:math:`i` misses it by :math:`\alpha_i / (C^{-1})_{ii}`, and for a Gaussian process with noise
variance :math:`\kappa` that target's predictive variance is :math:`1/(C^{-1})_{ii}`, noise
included (rasmussen2006, sundararajan2001). One eigendecomposition serves all ridges.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require, require_not_negative
from carnotlab.theories.kernel_regression.checking import finite_block, target_columns
from carnotlab.theories.kernel_regression.spectrum import Spectrum, spectrum


class LeftOut(NamedTuple):
    """What models that have not seen a sample say of it; one row a sample."""

    predictions: Float[np.ndarray, "n k"]
    residuals: Float[np.ndarray, "n k"]
    """Targets minus predictions."""
    variance: Float[np.ndarray, " n"]
    """Of the target, noise included, if the kernel is a covariance and the ridge its noise."""
    log_density: Float[np.ndarray, "n k"]
    """Of the target under that Gaussian, in nats."""

    @property
    def mean_squared_error(self) -> float:
        """Mean over samples of the squared residual, summed over outputs."""
        return float(np.mean(np.sum(self.residuals**2, axis=1)))


class RidgeChoice(NamedTuple):
    """Ridges, the error that each has on samples left out, and the best of them."""

    ridges: Float[np.ndarray, " r"]
    errors: Float[np.ndarray, " r"]
    ridge: float


def leave_one_out(kernel: RealArray | Spectrum, targets: RealArray, ridge: float) -> LeftOut:
    r"""Return predictions for each sample by the fit to all others.

    ``kernel`` is a matrix ``[n, n]``, or its `spectrum` where several ridges are wanted; that of
    a low-rank approximation keeps the landmarks, also while one of them is left out.

    Raises:
        InputError: if the kernel with its ridge is not positive definite.

    >>> leave_one_out(np.eye(3), np.ones((3, 1)), ridge=1.0).predictions.ravel().tolist()
    [0.0, 0.0, 0.0]
    """
    require_not_negative("ridge", ridge)
    basis = kernel if isinstance(kernel, Spectrum) else spectrum(kernel)
    y = target_columns(targets)
    y = finite_block("targets", y, (basis.eigenvectors.shape[0], y.shape[1]))
    precision = basis.inverse_diagonal(ridge)
    residuals = basis.solve(y, ridge) / precision[:, None]
    variance = 1.0 / precision
    density = -0.5 * (np.log(2 * np.pi * variance)[:, None] + residuals**2 / variance[:, None])
    return LeftOut(y - residuals, residuals, variance, density)


def ridge_by_leave_one_out(
    kernel: RealArray | Spectrum, targets: RealArray, ridges: Sequence[float] | RealArray
) -> RidgeChoice:
    """Choose the ridge of the smallest mean squared error on samples left out.

    Raises:
        InputError: if a ridge leaves the kernel indefinite, or there are none.

    >>> K, y = np.eye(3) + 1, np.array([[1.0], [1.0], [1.0]])
    >>> ridge_by_leave_one_out(K, y, [0.1, 10.0]).ridge
    0.1
    """
    grid = np.asarray(ridges, dtype=np.float64)
    require(grid.ndim == 1 and grid.size > 0, f"ridges of shape {grid.shape}", "some", "try [0.1]")
    basis = kernel if isinstance(kernel, Spectrum) else spectrum(kernel)
    errors = np.array(
        [leave_one_out(basis, targets, float(ridge)).mean_squared_error for ridge in grid]
    )
    return RidgeChoice(grid, errors, float(grid[int(np.argmin(errors))]))
