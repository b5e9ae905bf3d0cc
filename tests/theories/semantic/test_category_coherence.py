import numpy as np
import pytest
from scipy.sparse.linalg import svds

from carnotlab.core.errors import InputError
from carnotlab.tasks.planted_category import PlantedCategory
from carnotlab.theories.semantic.category_coherence import (
    category_overlap,
    coherence,
    feature_overlap,
    inside_rate,
    item_overlap,
    leading_singular_value,
)


def planted(value, items, features, seed, outside=0.3):
    """A category with inside = 1 - outside, so that noise has one variance everywhere."""
    size = np.sqrt(value * outside * (1 - outside) / (1 - 2 * outside) ** 2)
    members, own = round(size * np.sqrt(items)), round(size * np.sqrt(features))
    inside = inside_rate(value, outside, members, own, items, features)
    return PlantedCategory(items, features, members, own, inside, outside, seed=seed)


def leading(task):
    """Overlaps and leading singular value of one draw, by brute force."""
    table = task.data().train.y
    left, values, right = svds(table, k=1, v0=np.ones(min(table.shape)), random_state=0)
    return (
        abs(left[:, 0] @ task.item_direction),
        abs(right[0] @ task.feature_direction),
        values[0] / np.sqrt(task.outside * (1 - task.outside)) / (table.size**0.25),
    )


@pytest.mark.parametrize(("items", "features"), [(400, 400), (200, 800), (800, 200)])
@pytest.mark.parametrize("value", [2.0, 3.0, 6.0])
def test_overlaps_of_sampled_tables(items, features, value):
    # At this size one draw scatters by at most 0.045 (C = 2), the mean of 24 by 0.01.
    found = np.mean([leading(planted(value, items, features, s)) for s in range(24)], axis=0)
    ratio = features / items
    assert abs(found[0] - item_overlap(value, ratio)) < 0.03
    assert abs(found[1] - feature_overlap(value, ratio)) < 0.03
    assert abs(found[0] * found[1] - category_overlap(value, ratio)) < 0.03
    assert abs(found[2] / leading_singular_value(value, ratio) - 1) < 0.03


def test_below_the_threshold_the_mode_is_noise():
    found = np.mean([leading(planted(0.4, 600, 600, s)) for s in range(3)], axis=0)
    assert found[0] * found[1] < 0.05
    assert abs(found[2] / 2.0 - 1) < 0.03
    assert category_overlap(0.999) == 0.0
    assert category_overlap(1.001) > 0.0


def test_square_tables_follow_one_minus_one_over_c_and_long_ones_the_known_transition():
    values = np.array([1.0, 1.5, 3.0, 6.0, 50.0])
    np.testing.assert_allclose(category_overlap(values), 1 - 1 / values, atol=1e-14)
    # Benaych-Georges and Nadakuditi, noise of variance 1/m, c = n/m, signal theta.
    c, theta = 0.3, 1.7
    value, ratio = theta**2 / np.sqrt(c), 1 / c
    short = 1 - c * (1 + theta**2) / (theta**2 * (theta**2 + c))
    long = 1 - (c + theta**2) / (theta**2 * (theta**2 + 1))
    assert np.isclose(item_overlap(value, ratio) ** 2, short)
    assert np.isclose(feature_overlap(value, ratio) ** 2, long)
    top = np.sqrt((1 + theta**2) * (c + theta**2)) / theta
    assert np.isclose(leading_singular_value(value, ratio) * c**0.25, top)


def test_transposing_the_table_swaps_items_and_features():
    assert np.isclose(item_overlap(2.5, 3.0), feature_overlap(2.5, 1 / 3.0))
    assert np.isclose(leading_singular_value(2.5, 3.0), leading_singular_value(2.5, 1 / 3.0))


def test_coherence_and_rate_invert_each_other_and_impossible_ones_are_refused():
    for value in (0.5, 1.0, 4.0):
        rate = inside_rate(value, 0.2, 20, 30, 100, 90)
        assert np.isclose(coherence(rate, 0.2, 20, 30, 100, 90), value)
    with pytest.raises(InputError, match="at most"):
        inside_rate(4.0, 0.3, 3, 3, 100, 100)
    with pytest.raises(InputError, match="table"):
        coherence(0.5, 0.2, 101, 3, 100, 100)
    with pytest.raises(InputError, match="outside"):
        coherence(0.5, 0.0, 10, 3, 100, 100)
