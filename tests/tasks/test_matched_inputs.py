"""Statistics that stay exactly, and what is left to chance."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.label_noise import ShuffledLabels
from carnotlab.tasks.matched_inputs import ClassMatched, SpectrumMatched, WhiteInputs
from carnotlab.tasks.real_data import real_data_name
from carnotlab.tasks.teacher_student import TeacherStudent

TASKS = (
    Digits(300, 150),
    Digits(40, 30),  # fewer samples than pixels
    Digits(100, 90, centre_targets=True),
    GaussianRegression(5, samples=30),
    TeacherStudent(4, 2, samples=20, held_out=9),
)


def moments(batch):
    x, y = np.asarray(batch.x).reshape(len(batch.x), -1), np.asarray(batch.y)
    return x.mean(axis=0), x.T @ x / len(x), y.T @ x / len(x)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_all_second_moments_stay_and_targets_too(task):
    matched = SpectrumMatched(task, seed=3)
    for real, other in zip(task.data(), matched.data(), strict=True):
        np.testing.assert_array_equal(other.y, real.y)
        for before, after in zip(moments(real), moments(other), strict=True):
            np.testing.assert_allclose(after, before, atol=1e-10 * max(1.0, np.abs(before).max()))
    assert matched.input_shape == task.input_shape
    assert matched.is_classification == task.is_classification


@pytest.mark.parametrize("size", [300, 60])
def test_every_class_keeps_its_mean_and_covariance(size):
    task = Digits(size, 100)
    for real, other in zip(task.data(), ClassMatched(task).data(), strict=True):
        codes = np.asarray(real.y).argmax(axis=1)
        for code in range(10):
            before, after = (np.asarray(batch.x)[codes == code] for batch in (real, other))
            np.testing.assert_allclose(after.mean(axis=0), before.mean(axis=0), atol=1e-10)
            np.testing.assert_allclose(after.T @ after, before.T @ before, atol=1e-9)


def test_what_is_not_kept_is_gaussian():
    """Kurtosis along the data's own directions: real images have tails, their stand-ins none."""
    task = Digits(1200, 100)
    real, matched = task.data().train, SpectrumMatched(task).data().train
    codes = np.asarray(real.y).argmax(axis=1)

    def kurtosis(batch):
        x = np.asarray(batch.x)
        means = np.stack([x[codes == code].mean(axis=0) for code in range(10)])
        rest = x - means[codes]
        along = rest @ np.linalg.svd(rest, full_matrices=False)[2][:50].T
        return np.mean(along**4, axis=0) / np.mean(along**2, axis=0) ** 2

    # Of 1200 Gaussian numbers it is 3 with standard deviation sqrt(24 / 1200) = 0.14; over 50
    # directions the mean has 0.02.
    assert np.mean(kurtosis(matched)) == pytest.approx(3.0, abs=0.06)
    assert np.mean(kurtosis(real)) > 3.5


def test_samples_are_new():
    task = Digits(300, 150)
    real = np.asarray(task.data().train.x)
    for kind in (SpectrumMatched, ClassMatched, WhiteInputs):
        one, same, other = (np.asarray(kind(task, seed=s).data().train.x) for s in (0, 0, 1))
        np.testing.assert_array_equal(one, same)
        for before in (real, other):
            assert np.linalg.norm(one - before) > 0.3 * np.linalg.norm(before - before.mean(axis=0))


def test_white_inputs_have_the_variance_and_no_structure():
    task = Digits(1000, 500)
    real, white = (np.asarray(each.data().train.x) for each in (task, WhiteInputs(task)))
    assert white.var() == pytest.approx(real.var(axis=0).mean(), rel=0.02)
    spectrum = np.linalg.eigvalsh(white.T @ white / 1000) / white.var()
    # Marchenko and Pastur: the edges (1 ± sqrt(d/n))^2.
    edge = np.sqrt(64 / 1000)
    assert spectrum.max() == pytest.approx((1 + edge) ** 2, rel=0.06)
    assert spectrum.min() == pytest.approx((1 - edge) ** 2, rel=0.06)


def test_wrappers_can_be_put_over_each_other():
    task = ShuffledLabels(SpectrumMatched(Digits(100, 50)))
    np.testing.assert_array_equal(
        task.data().train.x, SpectrumMatched(Digits(100, 50)).data().train.x
    )
    assert real_data_name(task) == "digits, SpectrumMatched, ShuffledLabels"


def test_refusals():
    with pytest.raises(OutOfReachError, match="use SpectrumMatched"):
        ClassMatched(GaussianRegression(3, samples=9))
    for kind in (SpectrumMatched, ClassMatched, WhiteInputs):
        with pytest.raises(InputError, match="seed"):
            kind(Digits(100, 50), seed=-1)
