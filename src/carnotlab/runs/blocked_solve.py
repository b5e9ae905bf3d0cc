r"""Kernel regression whose matrix is read block by block: :math:`(K + \kappa)\,\alpha = y`."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.runs.blocked_kernel import BlockedKernel
from carnotlab.runs.landmarks import drawn_landmarks, nystrom_factor
from carnotlab.theories.kernel_regression.checking import finite_block, target_columns
from carnotlab.theories.kernel_regression.conjugate_gradients import (
    ConjugateGradients,
    conjugate_gradients,
)
from carnotlab.theories.kernel_regression.solution import Solution

Passes = Callable[[int], None]
"""Called with how many times the matrix has been read."""


def solve_in_blocks(
    kernel: BlockedKernel,
    targets: RealArray,
    ridge: float,
    solver: ConjugateGradients | None = None,
    *,
    landmarks: Int[np.ndarray, " m"] | None = None,
    seed: int = 0,
    progress: Passes | None = None,
) -> Solution:
    r"""Solve for all columns of ``targets`` ``[n, k]`` at once by `conjugate_gradients`.

    A step reads the matrix once, for all columns. The preconditioner is Nyström's approximation
    plus the ridge, from ``solver.rank`` landmarks drawn under ``seed``, or from the samples at the
    indices ``landmarks``; with rank 0 there is none. It pays where few directions have most of the
    kernel (frangella2023), and takes memory for some ``[n, rank]`` in float64. The residual in the
    result is computed anew from the coefficients; ``converged`` says whether it is at the
    tolerance. ``progress`` is called with the number of times that the matrix has been read.

    Raises:
        InputError: if the kernel is one with other samples, targets do not fit, or the kernel with
            its ridge is not positive definite: in ``float32``, a small ridge may be below rounding.

    >>> from carnotlab.networks.architectures import mlp
    >>> kernel = BlockedKernel(mlp(3, (8,), 1), np.eye(3), None, dtype="float64")
    >>> found = solve_in_blocks(kernel, np.ones((3, 1)), ridge=0.1)
    >>> found.converged, bool(found.relative_residual[0] < 1e-8)
    (True, True)
    """
    require(
        kernel.others is None,
        "a kernel between two sets of samples",
        "a kernel among the samples trained on",
        "leave out others",
    )
    settings = ConjugateGradients() if solver is None else solver
    y = target_columns(targets)
    n = kernel.shape[0]
    y = finite_block("targets", y, (n, y.shape[1]))
    if landmarks is None and settings.rank > 0:
        landmarks = drawn_landmarks(n, settings.rank, seed)
    helper = None if landmarks is None else nystrom_factor(kernel, landmarks)
    passes = 0

    def multiply(columns: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n q"]:
        nonlocal passes
        product = kernel.matmat(columns)
        passes += 1
        if progress is not None:
            progress(passes)
        return product

    return conjugate_gradients(multiply, y, ridge, settings, helper)
