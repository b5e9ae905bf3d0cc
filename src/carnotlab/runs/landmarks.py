r"""Nyström approximations of a kernel on disk, from its columns of a few landmark samples.

.. math::
    K \approx L L^\top, \qquad L = (K_{XS} + \nu I_{XS})\, C^{-\top}, \qquad
    C C^\top = K_{SS} + \nu,

the approximation of :math:`K + \nu` with landmarks :math:`S` (williams2001). The shift
:math:`\nu` is what rounding of the kernel's entries can move its eigenvalues by, without which a
factor need not exist (frangella2023).
"""

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from carnotlab.core.errors import require
from carnotlab.core.keys import key_for
from carnotlab.runs.block_work import DType
from carnotlab.runs.blocked_kernel import BlockedKernel
from carnotlab.theories.kernel_regression.low_rank import LowRank

GROWTH = 10.0
"""By how much the shift grows where it was not enough."""


def drawn_landmarks(samples: int, landmarks: int, seed: int = 0) -> Int[np.ndarray, " m"]:
    """Return indices of samples drawn uniformly without repetition; all of them if there are fewer.

    >>> drawn_landmarks(5, 9).size
    5
    """
    require(landmarks >= 1, f"{landmarks} landmarks", "at least one", "try 100")
    order = np.asarray(jax.random.permutation(key_for(seed, "landmarks"), samples))
    return order[:landmarks]


def nystrom_factor(kernel: BlockedKernel, landmarks: Int[np.ndarray, " m"]) -> LowRank:
    r"""Approximate a kernel on disk, for `conjugate_gradients` to be preconditioned by.

    Blocks are read twice at most; in memory are some arrays of ``[n, m]`` in float64.

    Raises:
        InputError: if the landmarks are not indices of samples, or the kernel is one of zeros.

    >>> from carnotlab.networks.architectures import mlp
    >>> kernel = BlockedKernel(mlp(2, (8,), 1), np.eye(2), None, dtype="float64")
    >>> nystrom_factor(kernel, np.array([1])).diagonal_left.round(2).tolist()
    [0.97, 0.0]
    """
    n = kernel.shape[0]
    require(
        landmarks.size > 0
        and bool(((landmarks >= 0) & (landmarks < n)).all())
        and np.unique(landmarks).size == landmarks.size,
        "landmarks that repeat or are no samples",
        f"different indices below {n}",
        "use drawn_landmarks",
    )
    diagonal, columns = kernel.diagonal(), kernel.columns(landmarks)
    lower, shift = landmark_factor(columns[landmarks], kernel.dtype)
    columns[landmarks, np.arange(landmarks.size)] += shift
    factor = solve_triangular(lower, columns.T, lower=True, check_finite=False).T
    left = np.maximum(diagonal - np.einsum("nm,nm->n", factor, factor), 0.0)
    left[landmarks] = 0.0
    return LowRank(np.ascontiguousarray(factor), landmarks, left)


def landmark_factor(
    among: Float[np.ndarray, "m m"], dtype: DType
) -> tuple[Float[np.ndarray, "m m"], float]:
    r"""Return :math:`C` with :math:`C C^\top = K_{SS} + \nu`, and the shift :math:`\nu`.

    The shift is ``m`` times the rounding of ``dtype`` relative to the largest diagonal entry, and
    grows until a factor exists.

    >>> lower, shift = landmark_factor(np.ones((2, 2)), "float64")
    >>> bool(0.0 < shift < 1e-15), (lower @ lower.T).round(9).tolist()
    (True, [[1.0, 1.0], [1.0, 1.0]])
    """
    size = float(np.diagonal(among).max(initial=0.0))
    require(size > 0.0, "a kernel of zeros", "a positive diagonal", "look at the inputs")
    shift = len(among) * float(np.finfo(dtype).eps) * size
    while True:
        try:
            shifted = among + shift * np.eye(len(among))
            return np.asarray(cholesky(shifted, lower=True, check_finite=False)), shift
        except LinAlgError:
            shift *= GROWTH
