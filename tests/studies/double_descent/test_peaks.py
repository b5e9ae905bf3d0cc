"""Shapes of curves that are known, and what is asked of them."""

import numpy as np
import pytest
import xarray as xr

from carnotlab.runs.run import RunResult
from carnotlab.studies.double_descent.curves import (
    TEST_ERROR,
    TRAIN_ERROR,
    by_size,
    curves,
    sizes_of,
    with_wrong_labels,
)
from carnotlab.studies.double_descent.peaks import (
    bump,
    distance_from_theory,
    edge_of,
    end_over,
    end_over_peak,
    gain_at,
    place_of_interpolation,
    place_of_peak,
    rise,
    rise_at,
    trough_over_peak,
)
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.splitting import validation_and_test

ALL = np.arange(2)


def run_of(test: list[float], train: list[float], theory: list[float] | None = None) -> RunResult:
    sizes = tuple(2**index for index in range(len(test)))
    both = np.array([test, test])
    seen = by_size(sizes, {TEST_ERROR: both, TRAIN_ERROR: np.array([train, train])})
    told = xr.Dataset() if theory is None else by_size(sizes, {TEST_ERROR: np.array([theory])})
    return RunResult(told if theory is None else told.isel(seed=0), seen, (), 0.0)


def test_a_rise_is_the_largest_and_nothing_rises_in_a_falling_curve() -> None:
    assert rise(np.array([5.0, 2.0, 3.0, 1.0, 1.2])) == (pytest.approx(2.0 / 3.0), 2)
    assert rise(np.array([4.0, 3.0, 2.0])) == (1.0, 0)
    curve = np.array([[3.0, 1.0, 2.0, 0.5]] * 2)
    assert trough_over_peak(curve)(ALL) == pytest.approx(0.5)
    assert end_over_peak(curve)(ALL) == pytest.approx(0.25)
    assert rise_at(curve, 2)(ALL) == pytest.approx(0.5)
    assert rise_at(curve, 3)(ALL) == 1.0


def test_a_bump_is_as_high_as_it_rises_and_falls() -> None:
    assert bump(np.array([3.0, 1.0, 2.0, 0.5])) == (pytest.approx(0.5), 2)
    assert bump(np.array([3.0, 1.0, 2.0, 1.5])) == (pytest.approx(0.25), 2)
    assert bump(np.array([3.0, 1.0, 2.0]))[0] == 0.0  # it rises and stays
    assert bump(np.array([3.0, 2.0, 1.0]))[0] == 0.0
    # On a plateau that is left late, a ripple is not made large by what follows.
    assert bump(np.array([0.9, 0.84, 0.85, 0.4]))[0] == pytest.approx(1.0 - 0.84 / 0.85)
    # The largest fall of the second bump does not count with the rise of the first.
    assert bump(np.array([1.0, 0.5, 1.0, 0.9, 0.91, 0.1])) == (pytest.approx(0.5), 2)


def test_the_mean_over_seeds_is_judged_and_not_the_seeds() -> None:
    opposite = np.array([[1.0, 2.0, 1.0], [2.0, 1.0, 2.0]])
    assert trough_over_peak(opposite)(ALL) == 1.0
    assert trough_over_peak(opposite)(np.zeros(2, dtype=int)) == 0.5


def test_places_are_counted_in_factors_of_two() -> None:
    result = run_of([3.0, 1.0, 2.0, 0.5], [0.5, 0.2, 0.04, 0.0])
    assert place_of_peak(result, 8.0)(ALL) == pytest.approx(1.0)
    assert place_of_interpolation(result)(ALL) == 0.0
    never = run_of([3.0, 1.0, 2.0, 0.5], [0.5, 0.4, 0.3, 0.2])
    assert place_of_interpolation(never)(ALL) == np.inf


def test_a_gain_is_that_of_four_times_the_samples_up_to_the_last_that_are_fitted() -> None:
    grows = run_of([3.0, 1.0, 2.4, 0.6], [0.0, 0.05, 0.08, 0.3])
    values, sizes = curves(grows), sizes_of(grows)
    assert edge_of(grows) == 2
    assert gain_at(values, sizes, 2)(ALL) == pytest.approx(0.2)
    assert gain_at(values, sizes, 3)(ALL) == pytest.approx(0.4)
    assert end_over(values, 2)(ALL) == pytest.approx(0.25)
    never = run_of([3.0, 1.0, 2.0, 0.5], [0.5, 0.4, 0.3, 0.2])
    assert gain_at(values, sizes, edge_of(never))(ALL) == np.inf


def test_theory_is_left_out_near_the_threshold_alone() -> None:
    result = run_of([1.0, 2.2, 9.0, 1.0], [0.0] * 4, [1.0, 2.0, np.inf, 1.0])
    assert distance_from_theory(result, 4.0)(ALL) == pytest.approx(0.1 / 3**0.5)


def test_wrong_labels_are_as_many_as_said_and_spare_the_test() -> None:
    clean = Digits(200, 100).data()
    noisy = with_wrong_labels(clean, 0.25, 3)
    changed = np.asarray(noisy.train.y).argmax(1) != np.asarray(clean.train.y).argmax(1)
    assert changed.sum() == 50
    assert np.all(np.asarray(noisy.train.y).sum(axis=1) == 1.0)
    before, after = (validation_and_test(each.test) for each in (clean, noisy))
    assert np.sum(np.asarray(before[0].y) != np.asarray(after[0].y)) == 2 * round(0.25 * 50)
    np.testing.assert_array_equal(before[1].y, after[1].y)
    np.testing.assert_array_equal(with_wrong_labels(clean, 0.25, 3).train.y, noisy.train.y)
