r"""Conjugate gradients, preconditioned by a partial pivoted Cholesky factor.

All right-hand sides advance together, so that a step is one product :math:`K P` with a matrix;
each has its own step sizes and stops by itself. The preconditioner is :math:`L L^\top + s` with
:math:`s` the ridge, or without one the mean diagonal that :math:`L L^\top` leaves out
(gardner2018). The error after :math:`t` steps falls at least as :math:`((\sqrt c-1)/(\sqrt c+1))^t`
in the energy norm, :math:`c` the condition number after preconditioning (golub2013).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import InputError, require, require_not_negative, require_positive
from carnotlab.theories.kernel_regression.checking import (
    ASYMMETRY,
    finite_block,
    kernel_matrix,
    not_positive_definite,
    target_columns,
)
from carnotlab.theories.kernel_regression.low_rank import LowRank, low_rank_of
from carnotlab.theories.kernel_regression.solution import Solution, solution

Product: TypeAlias = Callable[[Float[np.ndarray, "n k"]], RealArray]
r"""The kernel times some columns, :math:`K B`."""

RESTARTS = 5
"""Times the residual is computed anew where rounding has moved it away from the recursion's."""


@dataclass(frozen=True)
class ConjugateGradients:
    """Stops at ``|y - (K + ridge) a| <= tolerance |y|`` or after ``max_iterations`` steps.

    ``rank`` is that of the preconditioner, 0 for none; a kernel that is given as a function has
    the one passed to `conjugate_gradients`, if any.
    """

    tolerance: float = 1e-8
    rank: int = 100
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        require_positive("tolerance", self.tolerance)
        require(self.rank >= 0, f"rank = {self.rank}", "at least 0", "use 0 for none")
        require_positive("max_iterations", self.max_iterations)


def conjugate_gradients(
    kernel: RealArray | Product,
    targets: RealArray,
    ridge: float = 0.0,
    solver: ConjugateGradients | None = None,
    preconditioner: LowRank | None = None,
) -> Solution:
    r"""Solve :math:`(K + \kappa)\alpha = y` for a matrix, or a function that multiplies by one.

    Where the tolerance is not reached the result says so in ``converged``, with the residuals.

    Raises:
        InputError: if the kernel is not symmetric, or a direction of negative or zero curvature
            shows that it is not positive definite.

    >>> K = np.diag([1.0, 2.0, 3.0])
    >>> found = conjugate_gradients(lambda columns: K @ columns, np.ones((3, 1)))
    >>> found.iterations, found.converged, (6 * found.coefficients).round(6).ravel().tolist()
    (3, True, [6.0, 3.0, 2.0])
    """
    require_not_negative("ridge", ridge)
    settings = ConjugateGradients() if solver is None else solver
    y = target_columns(targets)
    n, k = y.shape
    matrix: Float[np.ndarray, "n n"] | None = None
    if callable(kernel):
        given: Product = kernel

        def multiply(columns: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n q"]:
            return finite_block("a product with the kernel", given(columns), columns.shape)

        _require_symmetric(multiply, n)
    else:
        matrix = kernel_matrix("kernel", kernel)
        y = finite_block("targets", y, (matrix.shape[0], k))
        known = matrix

        def multiply(columns: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n q"]:
            return known @ columns

        if preconditioner is None and settings.rank > 0:
            preconditioner = low_rank_of(matrix, settings.rank)

    def shifted(columns: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n q"]:
        return multiply(columns) + ridge * columns

    try:
        alpha, steps, converged = _iterate(
            shifted, _preconditioned(preconditioner, ridge), y, settings
        )
    except _NegativeCurvature as found:
        if matrix is not None:
            raise not_positive_definite(np.linalg.eigvalsh(matrix), ridge) from None
        raise InputError(
            f"a kernel that, with ridge {ridge:.2g}, has the curvature {found.args[0]:.2g} in some "
            "direction",
            "a positive definite matrix",
            f"use a ridge above {max(ridge - float(found.args[0]), 0.0):.2g}",
        ) from None
    return solution(alpha, multiply(alpha), y, ridge, iterations=steps, converged=converged)


class _NegativeCurvature(Exception):  # noqa: N818
    """Carries a Rayleigh quotient that is not positive: the smallest eigenvalue is below it."""


def _iterate(
    multiply: Product, precondition: Product, y: Float[np.ndarray, "n k"], s: ConjugateGradients
) -> tuple[Float[np.ndarray, "n k"], int, bool]:
    goal = s.tolerance * np.linalg.norm(y, axis=0)
    x, residual, steps = np.zeros_like(y), y.copy(), 0
    for _ in range(RESTARTS):
        steps = _descend(multiply, precondition, x, residual, goal, s.max_iterations, steps)
        residual = y - np.asarray(multiply(x))
        if bool((np.linalg.norm(residual, axis=0) <= goal).all()):
            return x, steps, True
        if steps >= s.max_iterations:
            break
    return x, steps, False


def _descend(
    multiply: Product,
    precondition: Product,
    x: Float[np.ndarray, "n k"],
    residual: Float[np.ndarray, "n k"],
    goal: Float[np.ndarray, " k"],
    limit: int,
    steps: int,
) -> int:
    """Advance ``x`` and ``residual`` in place until every column is at its goal."""
    z = np.asarray(precondition(residual))
    direction = z.copy()
    energy = _inner(residual, z)
    active = np.flatnonzero(np.linalg.norm(residual, axis=0) > goal)
    while active.size and steps < limit:
        p = direction[:, active]
        Kp = np.asarray(multiply(p))
        curvature, length = _inner(p, Kp), _inner(p, p)
        if not bool((curvature > 0.0).all()):
            raise _NegativeCurvature(float((curvature / length).min()))
        size = energy[active] / curvature
        x[:, active] += size * p
        residual[:, active] -= size * Kp
        steps += 1
        active = active[np.linalg.norm(residual[:, active], axis=0) > goal[active]]
        z = np.asarray(precondition(residual[:, active]))
        after = _inner(residual[:, active], z)
        direction[:, active] = z + (after / energy[active]) * direction[:, active]
        energy[active] = after
    return steps


def _inner(a: Float[np.ndarray, "n k"], b: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " k"]:
    return np.einsum("nk,nk->k", a, b)


def _preconditioned(approximation: LowRank | None, ridge: float) -> Product:
    r"""Return multiplication by :math:`s(LL^\top + s)^{-1}`; a common factor does not matter.

    With the singular vectors U of L, directions within them and beside them are treated apart,
    as what is left beside them must not be drowned by rounding where L is large.
    """
    if approximation is None or approximation.factor.shape[1] == 0:
        return lambda columns: columns
    shift = ridge if ridge > 0.0 else approximation.trace_left / approximation.factor.shape[0]
    if shift <= 0.0:
        return lambda columns: columns
    U, singular, _ = np.linalg.svd(approximation.factor, full_matrices=False)
    damping = (shift / (singular**2 + shift))[:, None]

    def precondition(columns: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n q"]:
        within = U.T @ columns
        beside = columns - U @ within
        return beside - U @ (U.T @ beside) + U @ (damping * within)

    return precondition


def _require_symmetric(multiply: Product, n: int) -> None:
    """Compare ⟨u, K v⟩ with ⟨K u, v⟩ for two fixed vectors: what a product alone can show."""
    pair = np.random.default_rng(0).standard_normal((n, 2))
    products = np.asarray(multiply(pair))
    there, back = float(pair[:, 0] @ products[:, 1]), float(products[:, 0] @ pair[:, 1])
    size = float(np.linalg.norm(pair) * np.linalg.norm(products))
    require(
        abs(there - back) <= ASYMMETRY * size,
        f"a kernel with <u, K v> = {there:.6g} but <K u, v> = {back:.6g}",
        "a symmetric one",
        "look at the function that multiplies",
    )
