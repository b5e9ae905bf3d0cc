r"""Nyström approximations by partial pivoted Cholesky, :math:`K \approx L L^\top`.

After the pivots :math:`S`, the partial factor is that of Nyström's approximation with landmarks
:math:`S`, :math:`L L^\top = K_{XS} K_{SS}^{-1} K_{SX}`. What is left out, :math:`E = K - LL^\top`,
is positive semidefinite, so its trace bounds its norm (harbrecht2012, williams2001). Only the
diagonal and one column a landmark are read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import jax
import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular

from carnotlab.core.data import RealArray
from carnotlab.core.errors import InputError, require
from carnotlab.core.keys import key_for
from carnotlab.theories.kernel_regression.checking import ROUNDING, finite_block

Choice: TypeAlias = Literal["greedy", "uniform"]
"""Landmarks of the largest diagonal left (pivoted Cholesky), or drawn uniformly."""

Columns: TypeAlias = Callable[[Int[np.ndarray, " q"]], RealArray]
"""Some columns of a kernel by their indices, ``[n, q]``."""

CACHED = 8
"""Columns kept that were read ahead, in multiples of those read at a time."""


@dataclass(frozen=True, eq=False)
class LowRank:
    r"""A factor :math:`L` with :math:`K \approx L L^\top`; see `low_rank`."""

    factor: Float[np.ndarray, "n m"]
    landmarks: Int[np.ndarray, " m"]
    """Indices of the landmarks in the order of their columns."""
    diagonal_left: Float[np.ndarray, " n"]
    """The diagonal of what is left out; zero at landmarks."""

    @property
    def trace_left(self) -> float:
        r""":math:`\mathrm{tr}(K - LL^\top)`, a bound on its largest eigenvalue."""
        return float(self.diagonal_left.sum())

    @property
    def landmark_factor(self) -> Float[np.ndarray, "m m"]:
        r"""The rows of landmarks, lower triangular: the Cholesky factor of :math:`K_{SS}`."""
        return np.tril(self.factor[self.landmarks])

    def features(self, cross: RealArray) -> Float[np.ndarray, "q m"]:
        r"""Return what :math:`L` is for new inputs, :math:`K_{xS} K_{SS}^{-\top/2}`.

        ``cross`` is :math:`K_{xS}`, ``[q, m]``, columns in the order of ``landmarks``.
        """
        return solve_triangular(self.landmark_factor, np.asarray(cross).T, lower=True).T


def low_rank(
    diagonal: RealArray,
    columns: Columns,
    rank: int,
    *,
    choice: Choice = "greedy",
    trace_share: float = 0.0,
    seed: int = 0,
    ahead: int = 1,
) -> LowRank:
    r"""Approximate a positive semidefinite kernel from its diagonal and at most ``rank`` columns.

    ``columns(S)`` returns :math:`K_{XS}`, ``[n, |S|]``. Stops early once the trace left is at
    most ``trace_share`` of the whole, and in any case where rounding is all that is left: a
    landmark that earlier ones explain is skipped. Takes :math:`O(n m^2)` operations. Where columns
    are cheaper together, ``ahead`` of those likely to come next are asked for at a time; it
    changes nothing else.

    Raises:
        InputError: if the diagonal goes negative by more than rounding, or rank is below 1.

    >>> K = np.diag([1.0, 4.0, 2.0])
    >>> found = low_rank(np.diag(K), lambda chosen: K[:, chosen], 2)
    >>> found.landmarks.tolist(), found.trace_left
    ([1, 2], 1.0)
    """
    left = finite_block("a diagonal", diagonal, np.shape(diagonal)).copy()
    n = left.size
    require(rank >= 1, f"rank = {rank}", "at least one landmark", "try 100")
    require(0.0 <= trace_share < 1.0, f"trace_share = {trace_share}", "0 to 1", "try 1e-3")
    require(choice in ("greedy", "uniform"), f"choice = {choice!r}", "a way", "use 'greedy'")
    rank = min(rank, n)
    whole, floor = float(left.sum()), 10 * n * ROUNDING * float(np.abs(left).max(initial=0.0))
    _refuse_negative(left, floor)
    factor = np.zeros((n, rank))
    landmarks: list[int] = []
    order = _drawn(n, seed) if choice == "uniform" else np.empty(0, dtype=np.int64)
    cached: dict[int, Float[np.ndarray, " n"]] = {}
    while len(landmarks) < rank and left.sum() > trace_share * whole:
        if choice == "greedy":
            order = np.argsort(left, kind="stable")[: -ahead - 1 : -1]
        order = order[left[order] > floor]
        if order.size == 0:
            break
        pivot = int(order[0])
        if pivot not in cached:
            _read(columns, order[:ahead], n, cached)
        j = len(landmarks)
        values = cached.pop(pivot)
        new = values - factor[:, :j] @ factor[pivot, :j]
        new = new / np.sqrt(left[pivot])
        new[landmarks] = 0.0
        new[pivot] = np.sqrt(left[pivot])
        factor[:, j] = new
        left -= new**2
        landmarks.append(pivot)
        left[landmarks] = 0.0
        _refuse_negative(left, floor)
    m = len(landmarks)
    chosen = np.asarray(landmarks, dtype=np.int64)
    return LowRank(np.ascontiguousarray(factor[:, :m]), chosen, np.maximum(left, 0.0))


def low_rank_of(
    matrix: RealArray,
    rank: int,
    *,
    choice: Choice = "greedy",
    trace_share: float = 0.0,
    seed: int = 0,
) -> LowRank:
    """Approximate a kernel that is at hand as a matrix; see `low_rank`.

    >>> low_rank_of(np.ones((4, 4)), 3).factor.shape
    (4, 1)
    """
    K = np.asarray(matrix, dtype=np.float64)
    return low_rank(
        np.diagonal(K),
        lambda chosen: K[:, chosen],
        rank,
        choice=choice,
        trace_share=trace_share,
        seed=seed,
    )


def _drawn(n: int, seed: int) -> Int[np.ndarray, " n"]:
    return np.asarray(jax.random.permutation(key_for(seed, "landmarks"), n))


def _read(columns: Columns, chosen: Int[np.ndarray, " q"], n: int, cached: dict[int, Any]) -> None:
    values = finite_block("columns", columns(chosen), (n, chosen.size))
    for _ in range(len(cached) - (CACHED - 1) * chosen.size):
        del cached[next(iter(cached))]
    cached.update(zip(chosen.tolist(), values.T, strict=True))


def _refuse_negative(left: Float[np.ndarray, " n"], floor: float) -> None:
    worst = float(left.min(initial=0.0))
    if worst < -floor:
        raise InputError(
            f"a kernel with the pivot {worst:.2g}",
            "a positive semidefinite kernel",
            f"use kernels(network, x), or add a ridge above {-worst:.2g} to its diagonal",
        )
