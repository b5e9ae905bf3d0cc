"""Convergence as the theory of the iteration has it, and what a failure looks like."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.kernel_regression.conjugate_gradients import (
    ConjugateGradients,
    conjugate_gradients,
)
from carnotlab.theories.kernel_regression.low_rank import low_rank_of

PLAIN = ConjugateGradients(rank=0)


def _with_eigenvalues(eigenvalues):
    Q = np.linalg.qr(np.random.default_rng(5).normal(size=(len(eigenvalues),) * 2))[0]
    matrix = (Q * eigenvalues) @ Q.T
    return (matrix + matrix.T) / 2


@pytest.mark.parametrize("distinct", [1, 2, 4])
def test_as_many_steps_as_distinct_eigenvalues(distinct):
    kernel = _with_eigenvalues(np.repeat(np.arange(1.0, distinct + 1), 8))
    targets = np.random.default_rng(0).normal(size=(8 * distinct, 3))
    assert conjugate_gradients(kernel, targets, 0.0, PLAIN).iterations == distinct


def test_steps_are_within_chebyshevs_bound():
    condition, tolerance = 100.0, 1e-6
    kernel = _with_eigenvalues(np.linspace(1.0, condition, 150))
    targets = np.random.default_rng(0).normal(size=(150, 2))
    found = conjugate_gradients(kernel, targets, 0.0, ConjugateGradients(tolerance, rank=0))
    # |error|_A <= 2 q^t |x|_A, and residual / |y| <= sqrt(condition) times that ratio.
    q = (condition**0.5 - 1) / (condition**0.5 + 1)
    most = np.log(tolerance / (2 * condition**0.5)) / np.log(q)
    assert 1 < found.iterations <= np.ceil(most)
    assert (found.relative_residual <= tolerance).all()


def test_the_preconditioner_saves_steps_and_changes_nothing_else(decaying):
    kernel, targets = decaying
    plain = conjugate_gradients(kernel, targets, 1e-4, PLAIN)
    helped = conjugate_gradients(kernel, targets, 1e-4, ConjugateGradients(rank=60))
    assert helped.iterations < plain.iterations / 2
    # Both have a residual of at most 1e-8 |y|, over a smallest eigenvalue of 1.2e-4.
    bound = plain.error_bound + helped.error_bound
    assert (np.linalg.norm(plain.coefficients - helped.coefficients, axis=0) <= bound).all()


def test_a_function_does_what_its_matrix_does(decaying):
    kernel, targets = decaying
    by_matrix = conjugate_gradients(kernel, targets, 0.1, ConjugateGradients(rank=20))
    by_function = conjugate_gradients(
        lambda columns: kernel @ columns,
        targets,
        0.1,
        ConjugateGradients(rank=20),
        preconditioner=low_rank_of(kernel, 20),
    )
    # The matrix is made exactly symmetric first, so that the last digits differ.
    np.testing.assert_allclose(by_matrix.coefficients, by_function.coefficients, atol=1e-12)
    assert by_matrix.iterations == by_function.iterations


def test_right_hand_sides_do_not_disturb_each_other(decaying):
    kernel, targets = decaying
    together = conjugate_gradients(kernel, targets, 0.01)
    for column in range(targets.shape[1]):
        alone = conjugate_gradients(kernel, targets[:, [column]], 0.01)
        # A product with three columns rounds unlike one with a single column.
        np.testing.assert_allclose(
            together.coefficients[:, [column]], alone.coefficients, rtol=1e-6, atol=1e-6
        )


def test_too_few_steps_are_recorded(decaying):
    kernel, targets = decaying
    found = conjugate_gradients(kernel, targets, 1e-6, ConjugateGradients(1e-10, 0, 3))
    assert not found.converged
    assert found.iterations == 3
    assert (found.relative_residual > 1e-10).all()


def test_a_tolerance_beyond_rounding_is_recorded_and_ends():
    kernel = _with_eigenvalues(np.geomspace(1e-9, 1.0, 40))
    targets = np.random.default_rng(0).normal(size=(40, 1))
    found = conjugate_gradients(kernel, targets, 0.0, ConjugateGradients(1e-15, 0, 20_000))
    assert not found.converged


def test_a_function_of_negative_curvature_is_refused():
    kernel = _with_eigenvalues(np.linspace(-1.0, 2.0, 20))
    targets = np.random.default_rng(0).normal(size=(20, 1))
    with pytest.raises(InputError, match="curvature -"):
        conjugate_gradients(lambda columns: kernel @ columns, targets, 0.1)


def test_a_function_that_is_not_symmetric_is_refused():
    kernel = np.triu(np.ones((5, 5)))
    with pytest.raises(InputError, match="symmetric"):
        conjugate_gradients(lambda columns: kernel @ columns, np.ones((5, 1)), 0.1)
