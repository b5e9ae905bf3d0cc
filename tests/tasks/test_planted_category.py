import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.planted_category import PlantedCategory


def test_rates_inside_and_outside_are_those_asked_for():
    task = PlantedCategory(300, 400, 100, 50, inside=0.7, outside=0.2)
    y = task.data().train.y
    block = np.outer(task.item_direction, task.feature_direction) > 0
    assert block.sum() == 5000
    # Standard errors: sqrt(.21/5000) = .0065 inside, sqrt(.16/115000) = .0012 outside.
    assert abs(y[block].mean() - 0.5) < 0.03
    assert abs(y[~block].mean()) < 0.006
    assert set(np.unique(y + 0.2).round(12)) == {0.0, 1.0}


def test_the_base_rate_can_be_left_in_and_inputs_whitened():
    plain = PlantedCategory(5, 4, 2, 2, 0.9, 0.2)
    left = PlantedCategory(5, 4, 2, 2, 0.9, 0.2, base_rate=True, whiten=True)
    np.testing.assert_allclose(left.data().train.y - plain.data().train.y, 0.2)
    x = left.data().train.x
    np.testing.assert_allclose(x.T @ x / 5, np.eye(5), atol=1e-15)
    assert plain.data() is plain.data()


def test_seeds_draw_other_tables_and_mistakes_are_named():
    one, other = (PlantedCategory(9, 9, 3, 3, 0.6, 0.3, seed=s).data().train.y for s in (0, 1))
    assert (one != other).any()
    with pytest.raises(InputError, match="smaller"):
        PlantedCategory(9, 9, 10, 3, 0.6, 0.3)
    with pytest.raises(InputError, match="outside"):
        PlantedCategory(9, 9, 3, 3, 0.6, 1.0)
