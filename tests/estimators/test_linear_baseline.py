"""Linear baselines against leaving samples out by hand, and limits where the answer is known."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import InputError
from carnotlab.estimators.linear_baseline import (
    linear_baselines,
    logistic_baseline,
    ridge_baseline,
)
from carnotlab.tasks.targets import one_hot


def linear_data(n: int, d: int, noise: float, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    w, scale = rng.normal(size=(d, 2)), rng.uniform(0.2, 3.0, d)

    def batch(count: int) -> Batch:
        x = 1.5 + scale * rng.normal(size=(count, d))
        return Batch(x, x @ w + noise * rng.normal(size=(count, 2)))

    return Data(batch(n), batch(4000))


@pytest.mark.parametrize("strength", [1e-3, 1.0])
@pytest.mark.parametrize("n", [12, 40])
def test_leaving_one_out_is_what_refitting_without_it_gives(n: int, strength: float) -> None:
    data = linear_data(n, 20, 1.0)
    found = ridge_baseline(data, False, strengths=(strength,))
    x, y = np.asarray(data.train.x), np.asarray(data.train.y)
    penalty = strength * n * x.var(axis=0).mean()
    errors = []
    for i in range(n):
        kept = np.arange(n) != i
        machine = Ridge(alpha=penalty).fit(x[kept], y[kept])
        errors.append(np.sum((machine.predict(x[i : i + 1]) - y[i]) ** 2))
    assert found.validation_error == pytest.approx(np.mean(errors), rel=1e-8)
    whole = Ridge(alpha=penalty).fit(x, y).predict(data.test.x)
    wanted = np.mean(np.sum((whole - data.test.y) ** 2, axis=1))
    assert found.test_error == pytest.approx(wanted, rel=1e-8)


def test_the_strength_chosen_is_near_the_best_and_never_looks_at_held_out_samples() -> None:
    data = linear_data(60, 40, 3.0)
    found = ridge_baseline(data, False)
    errors = [
        ridge_baseline(data, False, strengths=(10.0**power,)).test_error
        for power in np.arange(-6.0, 2.1, 0.5)
    ]
    assert found.test_error <= 1.1 * min(errors) < 0.8 * errors[0]
    moved = Data(data.train, Batch(data.test.x, 0.0 * data.test.y))
    assert ridge_baseline(moved, False).strength == found.strength


def test_without_noise_and_with_samples_enough_the_line_is_found() -> None:
    found = ridge_baseline(linear_data(200, 5, 0.0), False)
    assert found.test_error < 1e-6
    assert found.strength == pytest.approx(1e-6)


def classes(n: int, flipped: float, seed: int = 0) -> Data:
    rng = np.random.default_rng(seed)
    centres = 3.0 * np.eye(3, 12)

    def batch(count: int, share: float) -> Batch:
        codes = rng.integers(0, 3, count)
        x = centres[codes] + rng.normal(size=(count, 12))
        shown = np.where(rng.uniform(size=count) < share, (codes + 1) % 3, codes)
        return Batch(x.reshape(count, 3, 4), one_hot(shown, 3))

    return Data(batch(n, flipped), batch(4000, 0.0))


def test_classes_of_equal_gaussians_are_told_apart_nearly_as_well_as_can_be() -> None:
    """The best rule takes the nearest centre; three of 3√2 apart: error by its own count."""
    data = classes(600, 0.0)
    x = np.asarray(data.test.x).reshape(-1, 12)[:, :3]
    bayes = np.mean(x.argmax(axis=1) != np.asarray(data.test.y).argmax(axis=1))
    ridge, logistic = linear_baselines(data, True)
    assert (ridge.kind, logistic.kind) == ("ridge", "logistic")
    for found in (ridge, logistic):
        assert found.test_error < bayes + 0.01


def test_noisy_labels_call_for_more_regularization() -> None:
    data = classes(60, 0.3)
    weak = logistic_baseline(data, strengths=(1e-5,))
    chosen = logistic_baseline(data)
    assert chosen.strength > 1e-3
    assert chosen.test_error < weak.test_error - 0.02


def test_a_regression_has_no_logistic_baseline() -> None:
    assert [each.kind for each in linear_baselines(linear_data(30, 4, 0.1), False)] == ["ridge"]


def test_what_cannot_be_fitted_is_refused() -> None:
    data = classes(60, 0.0)
    alike = Batch(data.train.x, one_hot(np.zeros(60, dtype=np.int64), 3))
    with pytest.raises(InputError, match="one class"):
        logistic_baseline(Data(alike, data.test))
    with pytest.raises(InputError, match="61 parts"):
        logistic_baseline(data, folds=61)
    with pytest.raises(InputError, match="strength"):
        ridge_baseline(data, True, strengths=(0.0,))
