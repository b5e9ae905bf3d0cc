"""Every solver against numpy's own, and what each refuses."""

import re

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.kernel_regression.checking import mending_ridge
from carnotlab.theories.kernel_regression.cholesky import cholesky_factor
from carnotlab.theories.kernel_regression.conjugate_gradients import ConjugateGradients
from carnotlab.theories.kernel_regression.nystrom import Nystrom
from carnotlab.theories.kernel_regression.solving import solve

SOLVERS = [None, ConjugateGradients(), ConjugateGradients(rank=0), Nystrom(rank=1000)]
ITERATIVE_OR_EXACT = SOLVERS[:3]


def _exact(kernel, targets, ridge):
    return np.linalg.solve(kernel + ridge * np.eye(len(kernel)), targets)


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_every_solver_finds_numpys_solution(problem, solver, ridge):
    found = solve(problem.train, problem.targets, ridge, solver)
    expected = _exact(problem.train, problem.targets, ridge)
    # Conjugate gradients stop at a relative residual of 1e-8; the condition number is below 100.
    np.testing.assert_allclose(found.coefficients, expected, rtol=1e-6, atol=1e-6)
    assert found.converged
    assert found.ridge == ridge


@pytest.mark.parametrize("solver", [*ITERATIVE_OR_EXACT, Nystrom(rank=20)], ids=str)
def test_residual_and_bound_are_those_of_the_true_kernel(decaying, solver):
    kernel, targets = decaying
    found = solve(kernel, targets, 0.01, solver)
    missed = targets - (kernel + 0.01 * np.eye(200)) @ found.coefficients
    np.testing.assert_allclose(found.residual, np.linalg.norm(missed, axis=0), atol=1e-12)
    error = np.linalg.norm(found.coefficients - _exact(kernel, targets, 0.01), axis=0)
    assert (error <= found.error_bound + 1e-10).all()


@pytest.mark.parametrize("solver", ITERATIVE_OR_EXACT, ids=str)
def test_without_ridge_nothing_is_added(problem, solver):
    found = solve(problem.train, problem.targets, 0.0, solver)
    np.testing.assert_allclose(problem.train @ found.coefficients, problem.targets, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_a_target_of_zero_has_coefficients_of_zero(problem, solver):
    targets = np.zeros_like(problem.targets)
    targets[:, 0] = 1.0
    found = solve(problem.train, targets, 0.1, solver)
    np.testing.assert_array_equal(found.coefficients[:, 1:], 0.0)
    np.testing.assert_array_equal(found.relative_residual[1:], 0.0)


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
def test_bad_matrices_are_refused(problem, solver):
    lopsided, broken = problem.train.copy(), problem.train.copy()
    lopsided[0, 1] += 1e-3
    broken[2, 2] = np.nan
    for matrix, words in ((lopsided, "transpose"), (broken, "finite"), (np.ones((2, 3)), "shape")):
        with pytest.raises(InputError, match=words):
            solve(matrix, problem.targets, 0.1, solver)
    with pytest.raises(InputError, match="targets"):
        solve(problem.train, problem.targets[1:], 0.1, solver)
    with pytest.raises(InputError, match="ridge"):
        solve(problem.train, problem.targets, -0.1, solver)


@pytest.mark.parametrize("solver", ITERATIVE_OR_EXACT, ids=str)
@pytest.mark.parametrize("lowest", [-0.3, -3.0])
def test_indefinite_kernels_are_refused_and_the_ridge_named_mends(solver, lowest):
    rng = np.random.default_rng(3)
    Q = np.linalg.qr(rng.normal(size=(40, 40)))[0]
    kernel = (Q * np.linspace(lowest, 2.0, 40)) @ Q.T
    kernel = (kernel + kernel.T) / 2
    targets = rng.normal(size=(40, 2))
    with pytest.raises(InputError) as refused:
        solve(kernel, targets, 0.0, solver)
    # Pivoted Cholesky, which the preconditioner starts with, sees a pivot and not the eigenvalue.
    if "smallest eigenvalue" in str(refused.value):
        assert f"{lowest:.2g}" in str(refused.value)
        named = float(re.search(r"ridge=([\d.e+-]+)", str(refused.value))[1])
        assert named == pytest.approx(-lowest, rel=0.05)
        cholesky_factor(kernel, named)
    else:
        assert solver is not None


def test_a_singular_kernel_is_refused_though_rounding_would_let_it_pass():
    x = np.random.default_rng(0).normal(size=(20, 4))
    kernel = x @ x.T  # rank 4: sixteen eigenvalues are rounding of either sign
    with pytest.raises(InputError, match="ridge="):
        cholesky_factor(kernel)
    ridge = mending_ridge(np.linalg.eigvalsh(kernel))
    assert ridge < 1e-10
    cholesky_factor(kernel, ridge)


def test_log_determinant(problem):
    expected = np.linalg.slogdet(problem.train + 0.2 * np.eye(len(problem.train)))[1]
    assert cholesky_factor(problem.train, 0.2).log_determinant == pytest.approx(expected, abs=1e-10)


def test_nystrom_needs_a_ridge(problem):
    with pytest.raises(InputError, match="singular"):
        solve(problem.train, problem.targets, 0.0, Nystrom())
