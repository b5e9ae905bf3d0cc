"""Cover's count: by its recursion, by all labellings of a few points, and at capacity."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.associative_memory.separable_patterns import is_separable, separable_share


def test_the_count_satisfies_its_recursion():
    count = lambda p, n: separable_share(p, n) * 2**p  # noqa: E731
    for p in range(1, 12):
        for n in range(2, 8):
            assert count(p + 1, n) == count(p, n) + count(p, n - 1)


def test_all_labellings_of_six_points():
    points = np.random.default_rng(0).standard_normal((6, 3))
    found = sum(is_separable(points, np.array(signs)) for signs in product([-1.0, 1.0], repeat=6))
    assert Fraction(found, 64) == separable_share(6, 3)


@pytest.mark.parametrize("inputs", [1, 7, 200])
def test_one_half_at_twice_the_inputs(inputs):
    assert separable_share(2 * inputs, inputs) == Fraction(1, 2)
    assert separable_share(inputs, inputs) == 1


def test_nothing_is_no_dimension():
    with pytest.raises(InputError, match="at least one"):
        separable_share(3, 0)
