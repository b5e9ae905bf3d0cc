r"""Ridge regression within the span of a few landmarks' kernels, Nyström's method as a solver.

.. math::
    f(x) = K_{xS}\,\beta, \qquad
    \min_\beta\; |K_{XS}\beta - y|^2 + \kappa\, \beta^\top K_{SS}\, \beta,

whose solution is :math:`(K_{SX} K_{XS} + \kappa K_{SS})^{-1} K_{SX}\, y` (rudi2015). The kernel
among all samples is never needed. The normal equations have the square of the condition number, so
that the least-squares problem is solved instead, in the features :math:`K_{XS} C^{-\top}` with
:math:`C C^\top = K_{SS}`, by a QR factorization to which rows are added block by block.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require, require_positive
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.runs.block_work import Kind
from carnotlab.runs.blocked_kernel import BlockedKernel
from carnotlab.runs.landmarks import landmark_factor
from carnotlab.theories.kernel_regression.checking import finite_block, target_columns


@dataclass(frozen=True, eq=False)
class LandmarkRegression:
    """What `nystrom_solve` found: a function in the span of the landmarks' kernels."""

    network: Network
    kind: Kind
    landmarks: Float[np.ndarray, "m *input"]
    coefficients: Float[np.ndarray, "m k"]
    ridge: float
    training_residual: Float[np.ndarray, " k"]
    """``|y - f(X)| / |y|``: what ridge and landmarks leave of the targets; 0 where y = 0."""

    def predict(self, x: RealArray, block: int | None = None) -> Float[np.ndarray, "q k"]:
        """Return the function at new samples, in blocks of the kernel with the landmarks."""
        cross = BlockedKernel(
            self.network, np.asarray(x), None, others=self.landmarks, kind=self.kind,
            dtype="float64", block=block,
        )  # fmt: skip
        return cross.matmat(self.coefficients)


def nystrom_solve(cross: BlockedKernel, targets: RealArray, ridge: float) -> LandmarkRegression:
    r"""Fit targets ``[n, k]`` from the kernel between all samples and the landmarks, ``others``.

    Takes :math:`O(n m^2)` operations, and memory for a few ``[m, m]`` and one band of blocks. The
    blocks of ``cross`` are computed as they are needed, or kept by `BlockedKernel.build`.

    Raises:
        InputError: if ``cross`` is a kernel among ``x``, or the ridge is not above 0.

    >>> from carnotlab.networks.architectures import mlp
    >>> x = np.eye(3)
    >>> cross = BlockedKernel(mlp(3, (8,), 1), x, None, others=x, dtype="float64")
    >>> found = nystrom_solve(cross, np.ones((3, 1)), 1e-9)
    >>> found.predict(x).round(6).ravel().tolist()
    [1.0, 1.0, 1.0]
    """
    require_positive("ridge", ridge)
    require(
        cross.others is not None,
        "a kernel among all samples",
        "one between samples and landmarks",
        "use BlockedKernel(network, x, folder, others=x[landmarks], dtype='float64')",
    )
    assert cross.others is not None
    n, m = cross.shape
    y = target_columns(targets)
    y = finite_block("targets", y, (n, y.shape[1]))
    both = kernels(cross.network, cross.others, threads=cross.threads)
    # The features' error is the columns', magnified by what is small of the landmarks' kernel.
    lower, _ = landmark_factor(both.ntk if cross.kind == "ntk" else both.nngp, cross.dtype)
    triangle = np.sqrt(ridge) * np.eye(m, m + y.shape[1])
    for rows, values in cross.bands():
        features = solve_triangular(lower, values.T.astype(np.float64), lower=True).T
        added = np.hstack([features, y[rows]])
        triangle = np.asarray(np.linalg.qr(np.vstack([triangle, added]), mode="r"))
    inner = solve_triangular(triangle[:m, :m], triangle[:m, m:])
    # What the factorization leaves of the targets is error and penalty together.
    whole = np.sum(triangle[m:, m:] ** 2, axis=0)
    error = np.sqrt(np.maximum(whole - ridge * np.sum(inner**2, axis=0), 0.0))
    size = np.linalg.norm(y, axis=0)
    return LandmarkRegression(
        cross.network,
        cross.kind,
        np.asarray(cross.others),
        solve_triangular(lower.T, inner),
        ridge,
        np.divide(error, size, out=np.zeros_like(error), where=size > 0),
    )
