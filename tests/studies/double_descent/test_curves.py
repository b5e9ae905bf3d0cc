"""Curves at a few sizes, against solutions found another way."""

from dataclasses import replace

import numpy as np

from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.studies.double_descent.curves import (
    CHOSEN_ERROR,
    curves,
    expected,
)
from carnotlab.studies.double_descent.feature_curve import FeatureCurve, SphereCurve
from carnotlab.studies.double_descent.linear_curve import LinearCurve
from carnotlab.studies.double_descent.network_curve import COURSE, NetworkCurve
from carnotlab.studies.double_descent.two_scale_run import TwoScaleRun
from carnotlab.tasks.digits import Digits


def test_least_squares_is_exact_on_average() -> None:
    """Far from the threshold, where draws scatter little: within 3 standard errors of the mean."""
    run = LinearCurve("samples", (10, 60), 20, seeds=40, draws=1).compute()
    found, wanted = curves(run), expected(run)
    error = found.std(axis=0) / len(found) ** 0.5
    assert np.all(np.abs(found.mean(axis=0) - wanted) < 3.0 * error)


def test_the_best_ridge_beats_half_and_double_of_it() -> None:
    """The theory's ridge against others, by its own solution on the same draw."""
    base = LinearCurve("width", (30,), 40, seeds=30, draws=1)
    best = curves(base.compute(), CHOSEN_ERROR).mean()
    for factor in (0.25, 4.0):
        errors = []
        for seed in range(30):
            random = np.random.default_rng([seed, 0, 30, 40, 11])
            x = random.standard_normal((40, 30)) / np.sqrt(30)
            w = random.standard_normal(30)
            y = x @ w + 0.5 * random.standard_normal(40)
            solved = np.linalg.solve(x.T @ x + factor * 0.25 * np.eye(30), x.T @ y)
            errors.append(np.mean((solved - w) ** 2))
        assert np.mean(errors) > best


def test_random_features_of_digits_peak_at_as_many_as_samples() -> None:
    run = FeatureCurve(Digits(80, 200), "width", (20, 80, 800), seeds=2).compute()
    low, peak, high = curves(run).mean(axis=0)
    assert peak > 1.5 * low
    assert peak > 2.0 * high
    assert curves(run, CHOSEN_ERROR).mean(axis=0)[1] < 0.6 * peak


def test_features_on_a_sphere_follow_their_theory() -> None:
    run = SphereCurve("width", (30, 300), 90, seeds=3, dimension=30, draws=6).compute()
    np.testing.assert_allclose(curves(run).mean(axis=0), expected(run), rtol=0.2)
    told = run.prediction[CHOSEN_ERROR.name].values
    np.testing.assert_allclose(curves(run, CHOSEN_ERROR).mean(axis=0), told, rtol=0.15)


def test_two_scales_fall_twice_and_one_scale_once() -> None:
    small = TwoScaleRun(4, features=40, samples=160, duration=600, records=12)
    run = small.compute()
    assert np.sqrt(np.mean((curves(run).mean(axis=0) / expected(run) - 1.0) ** 2)) < 0.15
    one = replace(small, steps_by_feature=True)
    assert np.all(np.diff(expected(one.compute())[4:]) > 0.0)


def test_networks_end_where_their_course_ends_and_are_read_from_the_store(tmp_path) -> None:
    network = NetworkCurve(Digits(60, 40), "samples", (20, 60), 2, 0.2, 5, steps=20, records=4)
    result = execute(network, Store(tmp_path))
    assert execute(network, Store(tmp_path)).cached
    course = result.observation[COURSE.name].transpose("seed", "size", "step").values
    np.testing.assert_array_equal(course[:, :, -1], curves(result))
    assert np.all(curves(result, CHOSEN_ERROR) >= course.min(axis=-1))
    assert np.ptp(course) > 0.1
    wrong = network.draw(0).train.y != replace(network.task, seed=0).data().train.y
    assert np.sum(wrong) == 2 * 12
