import numpy as np
import pytest

from carnotlab.core.data import Batch
from carnotlab.core.errors import InputError
from carnotlab.tasks import statistics
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import Eigenvalues, Geometric

RANDOM = np.random.default_rng(0)
WIDE = Batch(RANDOM.normal(size=(5, 8)), RANDOM.normal(size=(5, 3)))
TALL = Batch(RANDOM.normal(size=(20, 2, 3)), RANDOM.normal(size=(20, 3)))


@pytest.mark.parametrize("batch", [WIDE, TALL])
def test_spectrum_is_that_of_the_covariance(batch: Batch) -> None:
    covariance = statistics.input_covariance(batch)
    rows = np.asarray(batch.x).reshape(batch.size, -1)
    by_hand = sum(np.outer(row, row) for row in rows) / len(rows)
    np.testing.assert_allclose(covariance, by_hand, atol=1e-14)
    values = np.linalg.eigvalsh(covariance)[::-1]
    np.testing.assert_allclose(statistics.input_spectrum(batch), values, atol=1e-12)
    assert np.all(statistics.input_spectrum(batch) >= 0)


@pytest.mark.parametrize("batch", [WIDE, TALL])
def test_modes_rebuild_the_covariance_whatever_the_sign_of_the_data(batch: Batch) -> None:
    modes = statistics.input_output_modes(batch)
    x = np.asarray(batch.x).reshape(batch.size, -1)
    rebuilt = (modes.left * modes.strengths) @ modes.right.T
    np.testing.assert_allclose(rebuilt, np.asarray(batch.y).T @ x / len(x), atol=1e-13)
    flipped = statistics.input_output_modes(Batch(-x, batch.y))
    np.testing.assert_allclose(flipped.right, modes.right, atol=1e-12)
    np.testing.assert_allclose(flipped.left, -modes.left, atol=1e-12)


@pytest.mark.parametrize("batch", [WIDE, TALL])
def test_power_along_a_mode_is_the_mean_square_of_the_inputs_along_it(batch: Batch) -> None:
    modes = statistics.input_output_modes(batch)
    along = np.asarray(batch.x).reshape(batch.size, -1) @ modes.right
    power = statistics.input_power_along(batch, modes)
    np.testing.assert_allclose(power, np.mean(along**2, axis=0), rtol=1e-12)


def test_modes_below_rounding_or_tolerance_are_left_out() -> None:
    task = LinearMap(8, 6, (2.0, 1.0, 0.01))
    assert len(statistics.input_output_modes(task).strengths) == 3
    # sqrt(<|x|^2><|y|^2>) = sqrt(8 * 5) = 6.3, so that 0.1 of it is 0.63.
    assert len(statistics.input_output_modes(task, tolerance=0.1).strengths) == 2
    x = np.concatenate([np.eye(4), np.eye(4)])
    y = np.concatenate([np.full((4, 1), 0.1), np.full((4, 1), -0.1)])
    assert len(statistics.input_output_modes(Batch(x, y)).strengths) == 0
    with pytest.raises(InputError, match="tolerance = 2"):
        statistics.input_output_modes(task, tolerance=2.0)


def test_whiteness_and_effective_rank_of_known_spectra() -> None:
    task = LinearMap(2, 1, (1.0,), input_spectrum=Eigenvalues((3.0, 1.0)))
    np.testing.assert_allclose(statistics.whiteness(task), np.sqrt(2 / 10))
    np.testing.assert_allclose(statistics.effective_rank(task), 16 / 10)
    assert statistics.whiteness(LinearMap(5, 1, (1.0,))) < 1e-12
    covariance = statistics.input_covariance(WIDE)
    closest = np.trace(covariance) / 8 * np.eye(8)
    by_hand = np.linalg.norm(covariance - closest) / np.linalg.norm(covariance)
    np.testing.assert_allclose(statistics.whiteness(WIDE), by_hand)


def test_mode_alignment_is_the_off_diagonal_fraction() -> None:
    full = LinearMap(4, 4, (4.0, 3.0, 2.0, 1.0), input_spectrum=Geometric(10.0))
    V = np.asarray(statistics.input_output_modes(full).right)
    M = V.T @ statistics.input_covariance(full) @ V
    by_hand = np.linalg.norm(M - np.diag(np.diag(M))) / np.linalg.norm(M)
    np.testing.assert_allclose(statistics.mode_alignment(full), by_hand, rtol=1e-10)
    # One mode alone has no off-diagonal entry, yet it leaks into the other directions.
    one = LinearMap(4, 4, (1.0,), input_spectrum=Geometric(10.0))
    assert statistics.mode_alignment(one) > 0.1
    white = LinearMap(4, 4, (1.0, 1.0))
    assert statistics.mode_alignment(white) < 1e-12


@pytest.mark.parametrize("batch", [WIDE, TALL])
def test_alignment_and_power_of_targets_match_their_kernels(batch: Batch) -> None:
    x = np.asarray(batch.x).reshape(batch.size, -1)
    y = np.asarray(batch.y)
    K, T = x @ x.T, y @ y.T
    by_hand = np.sum(K * T) / np.linalg.norm(K) / np.linalg.norm(T)
    np.testing.assert_allclose(statistics.target_alignment(batch), by_hand)
    power = statistics.target_power(batch)
    fitted = x @ np.linalg.lstsq(x, y)[0]
    np.testing.assert_allclose(power.sum(), np.sum(fitted**2) / np.sum(y**2))


def test_all_zero_data_gives_nan_rather_than_a_warning() -> None:
    zero = Batch(np.zeros((3, 2)), np.zeros((3, 1)))
    assert len(statistics.input_output_modes(zero).strengths) == 0
    for measure in (
        statistics.whiteness,
        statistics.mode_alignment,
        statistics.effective_rank,
        statistics.target_alignment,
    ):
        assert np.isnan(measure(zero))
    assert np.all(np.isnan(statistics.target_power(zero)))
    with pytest.raises(InputError, match="no samples"):
        statistics.input_covariance(Batch(np.zeros((0, 2)), np.zeros((0, 1))))
