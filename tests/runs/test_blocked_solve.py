"""Solving from blocks on disk: the dense solution, in as many steps as theory has it."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.runs.block_files import write_block
from carnotlab.runs.block_work import block_file
from carnotlab.runs.blocked_kernel import BlockedKernel
from carnotlab.runs.blocked_solve import solve_in_blocks
from carnotlab.runs.landmarks import drawn_landmarks, landmark_factor, nystrom_factor
from carnotlab.theories.kernel_regression.conjugate_gradients import ConjugateGradients

NETWORK = mlp(5, (8, 8), 2)


def samples(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 5))


def filled(folder, matrix, block=16, dtype="float64"):
    """Return a kernel whose blocks on disk are those of a matrix."""
    x = samples(len(matrix))
    kernel = BlockedKernel(NETWORK, x, folder, block=block, dtype=dtype)
    for tile in kernel.tiling.tiles():
        write_block(
            block_file(kernel.place, tile), matrix[kernel.tiling.slices(tile)].astype(dtype)
        )
    return kernel


def with_eigenvalues(eigenvalues):
    n = len(eigenvalues)
    Q = np.linalg.qr(np.random.default_rng(5).normal(size=(n, n)))[0]
    matrix = (Q * eigenvalues) @ Q.T
    return (matrix + matrix.T) / 2


@pytest.mark.parametrize("rank", [0, 30])
@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_the_solution_is_the_dense_one(tmp_path, kind, rank):
    x, y = samples(90), samples(90, 1)
    K = getattr(kernels(NETWORK, x), kind)
    kernel = BlockedKernel(NETWORK, x, tmp_path, block=16, kind=kind, dtype="float64")
    ridge = 0.05
    found = solve_in_blocks(kernel, y, ridge, ConjugateGradients(1e-11, rank))
    dense = np.linalg.solve(K + ridge * np.eye(90), y)
    assert found.converged
    # |a - exact| <= residual / ridge, of at most 1e-11 |y| / 0.05.
    assert (np.linalg.norm(found.coefficients - dense, axis=0) <= 1e-8).all()
    new = samples(20, 2)
    across = getattr(kernels(NETWORK, new, x), kind)
    predicted = kernel.across(new).matmat(found.coefficients)
    np.testing.assert_allclose(predicted, across @ dense, atol=1e-8)


def test_single_precision_solves_the_matrix_it_holds_and_comes_near_the_exact_one(tmp_path):
    x, y = samples(90), samples(90, 1)
    K, ridge = kernels(NETWORK, x).ntk, 0.5
    kernel = BlockedKernel(NETWORK, x, tmp_path, block=16)
    found = solve_in_blocks(kernel, y, ridge, ConjugateGradients(1e-11, 20))
    held = kernel.matmat(np.eye(90))
    assert found.converged
    residual = y - held @ found.coefficients - ridge * found.coefficients
    assert (np.linalg.norm(residual, axis=0) <= 1e-11 * np.linalg.norm(y, axis=0)).all()
    # (K + E + r) a = y: a is off by at most |E| |a| / r.
    dense = np.linalg.solve(K + ridge * np.eye(90), y)
    bound = np.linalg.norm(held - K, 2) / ridge * np.linalg.norm(found.coefficients, axis=0)
    apart = np.linalg.norm(found.coefficients - dense, axis=0)
    assert (apart <= bound + 1e-9).all()
    assert (bound < 1e-4 * np.linalg.norm(dense, axis=0)).all()


def test_an_identity_and_a_matrix_of_rank_one_take_two_steps(tmp_path):
    """Two distinct eigenvalues, hence two steps; three, hence three, which is the control."""
    y, one = samples(50, 1), np.random.default_rng(2).standard_normal(50)
    two = filled(tmp_path / "two", np.eye(50) + np.outer(one, one))
    found = solve_in_blocks(two, y, 0.0, ConjugateGradients(1e-10, 0))
    assert (found.iterations, found.converged) == (2, True)
    other = np.random.default_rng(3).standard_normal(50)
    three = filled(tmp_path / "three", np.eye(50) + np.outer(one, one) + 3 * np.outer(other, other))
    assert solve_in_blocks(three, y, 0.0, ConjugateGradients(1e-10, 0)).iterations == 3


def decaying(n=80):
    """Gaussian kernel of points on a line: eigenvalues fall faster than exponentially."""
    x = np.linspace(-1.0, 1.0, n)
    return np.exp(-((x[:, None] - x) ** 2) / 0.08)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_landmarks_save_steps_where_few_directions_have_most_of_the_kernel(tmp_path, dtype):
    kernel, ridge = filled(tmp_path, decaying(), dtype=dtype), 1e-3
    y = samples(80, 1)
    plain = solve_in_blocks(kernel, y, ridge, ConjugateGradients(1e-8, 0))
    helped = solve_in_blocks(kernel, y, ridge, ConjugateGradients(1e-8, 30))
    assert plain.converged
    assert helped.converged
    assert helped.iterations < plain.iterations / 3
    # What 30 of 80 landmarks leave out is below the ridge, so that the condition number is at
    # most 2, and the energy of the error falls by more than 5.8 a step.
    approximation = nystrom_factor(kernel, drawn_landmarks(80, 30))
    assert approximation.trace_left < ridge
    assert helped.iterations <= np.ceil(np.log(2 * np.sqrt(2 / ridge * 20) / 1e-8) / np.log(5.8))


def test_landmarks_do_not_help_where_all_directions_are_alike(tmp_path):
    """The control: of an identity they take a part and leave the others, so that there are two."""
    kernel, y = filled(tmp_path, np.eye(60)), samples(60, 1)
    plain = solve_in_blocks(kernel, y, 0.01, ConjugateGradients(1e-10, 0))
    helped = solve_in_blocks(kernel, y, 0.01, ConjugateGradients(1e-10, 20))
    assert plain.iterations == 1
    assert helped.iterations == 2
    # And on a flat spectrum without structure they save nothing either.
    flat = filled(tmp_path / "flat", with_eigenvalues(np.linspace(1.0, 30.0, 60)))
    plain = solve_in_blocks(flat, y, 0.01, ConjugateGradients(1e-10, 0))
    helped = solve_in_blocks(flat, y, 0.01, ConjugateGradients(1e-10, 6))
    assert helped.iterations > 0.9 * plain.iterations


def test_the_approximation_is_nystroms(tmp_path):
    K = decaying()
    chosen = np.array([3, 70, 41, 12, 55])
    found = nystrom_factor(filled(tmp_path, K), chosen)
    exact = K[:, chosen] @ np.linalg.solve(K[np.ix_(chosen, chosen)], K[chosen])
    np.testing.assert_allclose(found.factor @ found.factor.T, exact, atol=1e-12)
    np.testing.assert_allclose(found.diagonal_left, np.diagonal(K - exact), atol=1e-12)
    np.testing.assert_allclose(found.features(K[:, chosen]), found.factor, atol=1e-12)


def test_landmarks_that_are_one_sample_twice_have_a_factor():
    K = np.ones((30, 30)) + 1e-17
    lower, shift = landmark_factor(K, "float64")
    np.testing.assert_allclose(lower @ lower.T, K, atol=1e-12)
    assert shift < 1e-12
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.cholesky(K - 1e-9 * np.eye(30))


def test_landmarks_can_be_named_and_are_the_same_under_one_seed(tmp_path):
    kernel, y = filled(tmp_path, decaying()), samples(80, 1)
    solver = ConjugateGradients(1e-8, 12)
    drawn = solve_in_blocks(kernel, y, 1e-3, solver, seed=4)
    named = solve_in_blocks(kernel, y, 1e-3, solver, landmarks=drawn_landmarks(80, 12, 4))
    np.testing.assert_array_equal(drawn.coefficients, named.coefficients)
    assert set(drawn_landmarks(80, 12, 4)) != set(drawn_landmarks(80, 12, 5))


def test_too_few_steps_are_said_with_the_true_residual(tmp_path):
    K, y = decaying(), samples(80, 1)
    found = solve_in_blocks(filled(tmp_path, K), y, 1e-6, ConjugateGradients(1e-10, 0, 3))
    assert not found.converged
    assert found.iterations == 3
    residual = np.linalg.norm(y - K @ found.coefficients - 1e-6 * found.coefficients, axis=0)
    np.testing.assert_allclose(found.residual, residual, rtol=1e-9)
    assert (found.relative_residual > 1e-10).all()


def test_a_matrix_that_is_not_positive_definite_is_refused_and_not_solved(tmp_path):
    kernel = filled(tmp_path, with_eigenvalues(np.linspace(-1.0, 2.0, 40)))
    with pytest.raises(InputError, match="curvature -"):
        solve_in_blocks(kernel, samples(40, 1), 0.1, ConjugateGradients(1e-8, 0))


def test_a_block_damaged_while_solving_is_mended(tmp_path):
    x, y = samples(60), samples(60, 1)
    kernel = BlockedKernel(NETWORK, x, tmp_path, block=16)
    whole = solve_in_blocks(kernel, y, 0.1)
    victim = block_file(kernel.place, (1, 2))
    content, passes = victim.read_bytes(), []

    def damage(number):
        passes.append(number)
        changed = bytearray(content)
        changed[-1 - 4 * number] ^= 64
        victim.write_bytes(bytes(changed))

    found = solve_in_blocks(kernel, y, 0.1, progress=damage)
    assert passes == list(range(1, len(passes) + 1))
    assert len(passes) > found.iterations > 1
    np.testing.assert_array_equal(found.coefficients, whole.coefficients)


def test_mistakes_are_told_in_one_line(tmp_path):
    x, y = samples(9), samples(9, 1)
    kernel = BlockedKernel(NETWORK, x, None)
    cases = [
        (lambda: solve_in_blocks(kernel.across(x), y, 0.1), "trained on"),
        (lambda: solve_in_blocks(kernel, y[:5], 0.1), "match the samples"),
        (lambda: solve_in_blocks(kernel, y[:, 0], 0.1), r"y\[:, None\]"),
        (lambda: solve_in_blocks(kernel, y, -0.1), "ridge"),
        (lambda: solve_in_blocks(kernel, y, 0.1, landmarks=np.array([3, 3])), "different indices"),
        (lambda: solve_in_blocks(kernel, y, 0.1, landmarks=np.array([9])), "below 9"),
        (lambda: drawn_landmarks(9, 0), "at least one"),
    ]
    for mistake, words in cases:
        with pytest.raises(InputError, match=words) as told:
            mistake()
        assert "\n" not in str(told.value)
