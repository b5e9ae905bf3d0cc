"""What a kernel matrix must be, and which ridge mends one that is not."""

from typing import Any

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray, require_finite
from carnotlab.core.errors import InputError, require

ROUNDING = float(np.finfo(np.float64).eps)
ASYMMETRY = 1e-9
"""Size of an entry of ``K - K.T``, relative to the largest of ``K``, that is not rounding."""


def finite_block(name: str, given: RealArray, shape: tuple[int, ...]) -> Float[np.ndarray, "..."]:
    """Return an array as float64 of this shape.

    Raises:
        InputError: if the shape differs or entries are not finite.

    >>> finite_block("targets", np.ones((2, 1)), (2, 1)).dtype
    dtype('float64')
    """
    values = np.asarray(given, dtype=np.float64)
    require(
        values.shape == shape,
        f"{name} of shape {values.shape}",
        f"shape {shape}",
        "match the samples",
    )
    require_finite(name, values, "look at the inputs")
    return values


def target_columns(given: RealArray) -> Float[np.ndarray, "n k"]:
    """Return targets as columns, one a right-hand side.

    Raises:
        InputError: if they are not ``[n, k]`` with at least one entry, or not finite.

    >>> target_columns(np.ones((3, 2))).shape
    (3, 2)
    """
    y = np.asarray(given, dtype=np.float64)
    require(
        y.ndim == 2 and y.size > 0,
        f"targets of shape {y.shape}",
        "[n, k] with at least one entry",
        "give one row a sample, y[:, None] for one output",
    )
    return finite_block("targets", y, y.shape)


def kernel_matrix(name: str, given: RealArray) -> Float[np.ndarray, "n n"]:
    """Return a kernel matrix as float64, exactly symmetric.

    Raises:
        InputError: if it is not square, not finite, or not symmetric up to rounding.

    >>> kernel_matrix("kernel", np.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    matrix = np.asarray(given, dtype=np.float64)
    n = matrix.shape[0] if matrix.ndim else 0
    require(n > 0, f"a {name} of shape {matrix.shape}", "[n, n]", "pass kernels(network, x)")
    matrix = finite_block(f"a {name}", matrix, (n, n))
    size, gap = float(np.abs(matrix).max()), float(np.abs(matrix - matrix.T).max())
    require(
        gap <= ASYMMETRY * size,
        f"a {name} that differs from its transpose by {gap:.2g}",
        "a symmetric matrix",
        "pass kernels(network, x), or (K + K.T) / 2 if you know why",
    )
    return matrix if gap == 0.0 else (matrix + matrix.T) / 2


def mending_ridge(eigenvalues: Float[np.ndarray, " n"]) -> float:
    r"""Return a ridge, of two digits, that makes a symmetric matrix safely positive definite.

    It lifts the smallest eigenvalue to at least :math:`10\,n\epsilon\,|\lambda|_{\max}`, ten times
    what rounding can move it by.

    >>> mending_ridge(np.array([-0.5, 1.0]))
    0.51
    """
    floor = 10 * eigenvalues.size * ROUNDING * float(np.abs(eigenvalues).max())
    return _two_digits_up(max(floor - float(eigenvalues.min()), floor))


def not_positive_definite(eigenvalues: Float[np.ndarray, " n"], ridge: float) -> InputError:
    """Return the error for a matrix of these eigenvalues, before the ridge; says what mends.

    >>> str(not_positive_definite(np.zeros(1), 0.0)).startswith("Got a kernel whose smallest")
    True
    """
    enough = mending_ridge(eigenvalues)
    return InputError(
        f"a kernel whose smallest eigenvalue, with ridge {ridge:.2g}, is "
        f"{float(eigenvalues.min()) + ridge:.2g} beside a largest of {eigenvalues.max():.2g}",
        "a positive definite matrix up to rounding",
        f"use ridge={enough:.2g} or more, or drop duplicated samples",
    )


def _two_digits_up(value: float) -> float:
    if value <= 0.0:
        return float(np.finfo(np.float64).tiny)
    unit = 10.0 ** (np.floor(np.log10(value)) - 1)
    rounded: Any = np.ceil(value / unit) * unit
    return float(f"{rounded:.1e}")
