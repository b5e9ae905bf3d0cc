import numpy as np
import pytest

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.label_noise import NoisyLabels, RandomLabels, ShuffledLabels

CLEAN = Digits(600, 300)


def changed(task):
    return np.argmax(task.data().train.y, 1) != np.argmax(CLEAN.data().train.y, 1)


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_exactly_the_share_of_training_labels_is_wrong(share):
    task = NoisyLabels(CLEAN, share)
    data, clean = task.data(), CLEAN.data()
    assert changed(task).sum() == round(share * 600)
    np.testing.assert_array_equal(np.sort(data.train.y, axis=1), np.sort(clean.train.y, axis=1))
    np.testing.assert_array_equal(data.train.x, clean.train.x)
    np.testing.assert_array_equal(data.test.y, clean.test.y)


def test_wrong_labels_are_uniform_over_the_other_classes():
    """Chi-squared of how far labels have moved, nine classes: mean 8, deviation 4."""
    moved = np.zeros(10)
    for seed in range(20):
        data = NoisyLabels(CLEAN, 0.5, seed).data()
        shift = np.argmax(data.train.y, 1) - np.argmax(CLEAN.data().train.y, 1)
        moved += np.bincount(shift % 10, minlength=10)
    others = moved[1:]
    assert moved[0] == 20 * 300
    assert np.sum((others - others.mean()) ** 2) / others.mean() < 8 + 4 * 4


def test_random_labels_are_independent_of_the_true_ones():
    right = np.mean([np.mean(~changed(RandomLabels(CLEAN, seed))) for seed in range(30)])
    assert right == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 18000))
    held_out = RandomLabels(CLEAN).data().test.y
    assert np.mean(np.argmax(held_out, 1) == np.argmax(CLEAN.data().test.y, 1)) < 0.2


def test_shuffled_labels_keep_the_counts_of_classes_and_lose_the_inputs():
    task = ShuffledLabels(CLEAN)
    for batch, clean in zip(task.data(), CLEAN.data(), strict=True):
        np.testing.assert_array_equal(batch.y.sum(axis=0), clean.y.sum(axis=0))
    assert np.mean(~changed(task)) < 0.2


def test_scaled_and_centred_targets_stay_so():
    task = NoisyLabels(Digits(100, 50, centre_targets=True, target_scale=2.0), 0.5)
    np.testing.assert_allclose(np.unique(task.data().train.y), [-0.2, 1.8])


def test_seeds_give_other_labels_and_equal_descriptions_equal_data():
    for kind in (RandomLabels, ShuffledLabels):
        one, other = kind(CLEAN), kind(CLEAN, seed=1)
        assert not np.array_equal(one.data().train.y, other.data().train.y)
        np.testing.assert_array_equal(one.data().train.y, kind(Digits(600, 300)).data().train.y)
        assert content_key(one) != content_key(other)
        assert not one.data().train.y.flags.writeable
        assert one.input_shape == (64,)
        assert one.is_classification


def test_noise_is_nested_in_the_share():
    """More noise keeps the labels wrong that were wrong, so that levels compare."""
    few, many = changed(NoisyLabels(CLEAN, 0.1)), changed(NoisyLabels(CLEAN, 0.4))
    assert np.all(many[few])


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match=r"share = 1\.5"):
        NoisyLabels(CLEAN, 1.5)
    with pytest.raises(InputError, match="seed"):
        RandomLabels(CLEAN, -1)
    with pytest.raises(OutOfReachError, match="no classification"):
        ShuffledLabels(GaussianRegression(3, 5))
