import numpy as np

from carnotlab.core.descriptions import content_key
from carnotlab.tasks.small_data_sets import bundled_sets, drawn_split, with_reporting, with_splits


def toy(n=60):
    rng = np.random.default_rng(1)
    return with_splits("toy", 3.0 + 5.0 * rng.standard_normal((n, 2)), np.arange(n) % 3)


def test_drawn_splits_divide_every_class_in_proportion():
    y = np.repeat([0, 1, 2], [8, 40, 12])
    split = drawn_split(y, np.random.default_rng(0), 0.75)
    np.testing.assert_array_equal(np.sort(np.concatenate(split)), np.arange(60))
    assert np.bincount(y[split.train]).tolist() == [6, 30, 9]


def test_own_splits_come_first_and_further_ones_are_drawn_and_differ():
    given = toy()
    more = with_reporting(given, 6)
    assert more.reporting[:4] == given.reporting
    assert len({tuple(split.test) for split in more.reporting}) == 6
    assert with_reporting(given, 2).reporting == given.reporting[:2]
    again = with_reporting(given, 6)
    assert content_key(more) == content_key(again) != content_key(given)


def test_sets_with_drawn_splits_are_standardised_without_constant_features():
    x = np.column_stack([np.arange(12.0), np.ones(12)])
    given = with_splits("toy", x, np.arange(12) % 2)
    assert given.x.shape == (12, 1)
    np.testing.assert_allclose([given.x.mean(), given.x.std()], [0.0, 1.0], atol=1e-12)


def test_bundled_questions_ask_disjoint_digits():
    sets = bundled_sets()[:5]
    assert sum(len(each.y) for each in sets) == 1797
    assert all(0.1 < each.majority < 0.75 for each in sets)
    majority = np.bincount(sets[1].y).max() / len(sets[1].y)
    assert sets[1].majority == majority
