import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.splitting import partition


def test_every_class_is_divided_in_proportion_and_keeps_a_sample() -> None:
    classes = np.repeat([0, 1, 2], [100, 10, 1])
    first, second = partition(111, 22, seed=0, classes=classes)
    assert len(second) == 22
    assert np.bincount(classes[second], minlength=3).tolist() == [20, 2, 0]
    assert set(classes[first]) == {0, 1, 2}


def test_order_is_random_and_fixed_by_the_seed() -> None:
    one, again, other = (partition(100, 30, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, np.sort(one))


@pytest.mark.parametrize("second", [0, 10, -1])
def test_empty_parts_are_refused(second: int) -> None:
    with pytest.raises(InputError, match=f"{second} of 10 samples"):
        partition(10, second, seed=0)


def test_a_class_cannot_be_set_apart_altogether() -> None:
    with pytest.raises(InputError, match="4 samples in 2 classes, 3 of them set apart"):
        partition(4, 3, seed=0, classes=np.array([0, 0, 1, 1]))
