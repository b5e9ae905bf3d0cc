import numpy as np
import pytest

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError
from carnotlab.tasks.digits import Digits


def test_images_are_drawn_without_overlap_and_in_proportion() -> None:
    task = Digits(train_size=900, test_size=897, standardise="none")
    data = task.data()
    together = np.concatenate([data.train.x, data.test.x])
    assert together.shape == (1797, 64)
    assert len(np.unique(together, axis=0)) == 1797
    counts = data.train.y.sum(axis=0)
    total = counts + data.test.y.sum(axis=0)
    np.testing.assert_allclose(counts, total * 900 / 1797, atol=1.0)


def test_chosen_classes_keep_their_order() -> None:
    kept = {"standardise": "none", "train_size": 100, "test_size": 50}
    data = Digits(classes=(7, 1), **kept).data()
    assert data.train.y.shape == (100, 2)
    swapped = Digits(classes=(1, 7), **kept).data()
    sevens, same = (
        {row.tobytes() for row, label in zip(d.train.x, d.train.y, strict=True) if label[i] == 1}
        for d, i in ((data, 0), (swapped, 1))
    )
    everything = Digits(1000, 797, "none").data()
    true_sevens = {
        row.tobytes()
        for batch in everything
        for row, label in zip(batch.x, batch.y, strict=True)
        if label[7] == 1
    }
    assert sevens <= true_sevens
    assert same <= true_sevens


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_exactly_the_share_of_training_labels_is_wrong(share: float) -> None:
    clean = Digits(200, 100).data()
    noisy = Digits(200, 100, label_noise=share).data()
    changed = np.any(clean.train.y != noisy.train.y, axis=1)
    assert changed.sum() == round(200 * share)
    np.testing.assert_array_equal(noisy.train.y.sum(axis=1), 1.0)
    np.testing.assert_array_equal(noisy.test.y, clean.test.y)
    np.testing.assert_array_equal(noisy.train.x, clean.train.x)


def test_targets_are_centred_and_scaled() -> None:
    data = Digits(100, 50, centre_targets=True, target_scale=3.0).data()
    np.testing.assert_allclose(np.unique(data.train.y), [-0.3, 2.7])


def test_standardisation_uses_training_images_and_survives_constant_pixels() -> None:
    x = Digits(300, 100, "unit range").data().train.x
    assert (x.min(), x.max()) == (0.0, 1.0)
    x = Digits(300, 100, "zero mean, unit norm rows").data().test.x
    np.testing.assert_allclose(x.mean(axis=1), 0.0, atol=1e-15)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1.0)
    data = Digits(300, 100, "per feature").data()
    np.testing.assert_allclose(data.train.x.mean(axis=0), 0.0, atol=1e-14)
    assert set(np.round(data.train.x.std(axis=0), 12)) == {0.0, 1.0}
    assert np.all(np.isfinite(data.test.x))


def test_seeds_draw_different_images_and_descriptions_are_keys() -> None:
    assert not np.array_equal(Digits(seed=1).data().train.x, Digits(seed=2).data().train.x)
    assert content_key(Digits(seed=1)) == content_key(Digits(seed=1)) != content_key(Digits())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"train_size": 1}, "train_size = 1"),
        ({"train_size": 1500}, "train_size \\+ test_size = 2000; required: at most the 1797"),
        ({"train_size": 5}, "train_size = 5 for 10 classes"),
        ({"classes": (1,)}, r"classes = \(1,\)"),
        ({"classes": (1, 1)}, r"classes = \(1, 1\)"),
        ({"classes": (1, 10)}, r"classes = \(1, 10\)"),
        ({"label_noise": 1.5}, "label_noise = 1.5"),
        ({"target_scale": 0.0}, "target_scale = 0.0"),
        ({"standardise": "rows"}, "standardise = 'rows'; required: 'none' or 'unit range'"),
    ],
)
def test_bad_fields_are_refused(fields, message) -> None:
    with pytest.raises(InputError, match=message):
        Digits(**fields)
