"""What arms without a cost share: labelled sides, and errors between them."""

from dataclasses import dataclass

import numpy as np
import pytest

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.judging import judge
from carnotlab.studies.without_a_cost.simulation import (
    Found,
    Simulation,
    apart,
    course_apart,
    level,
    slope,
)

PAIR = Quantity("pair", ("side",), "1", "two numbers")
ROWS = np.arange(2)


@dataclass(frozen=True)
class Made(Simulation):
    offset: float

    def find(self) -> Found:
        there = np.array([[1.0, 2.0], [3.0, 4.0]])
        return Found({PAIR: there}, {PAIR: np.array([2.0 - self.offset, 3.0])})


def test_errors_are_of_the_mean_of_the_part_asked_for():
    result = Made(0.5).compute()
    assert apart(PAIR)(result)(ROWS) == pytest.approx(0.5)
    assert apart(PAIR, part=1)(result)(ROWS) == pytest.approx(0.0)
    assert apart(PAIR, part=0, instead=1)(result)(ROWS) == pytest.approx(1.0)
    assert apart(PAIR, part=1, wanted=1.0)(result)(ROWS) == pytest.approx(2.0)
    assert apart(PAIR, relative=True, part=0)(result)(ROWS) == pytest.approx(0.5 / 1.5)
    assert level(PAIR)(result)(ROWS) == pytest.approx(3.0)
    assert level(PAIR, 0)(result)(ROWS[:1]) == pytest.approx(1.0)
    wanted = np.mean([np.hypot(0.5, 1.0), np.hypot(1.5, 1.0)]) / np.hypot(1.5, 3.0)
    assert course_apart(PAIR)(result)(ROWS) == pytest.approx(wanted)


def test_keys_change_with_the_description_and_roles_follow_labels():
    assert Made(0.5).key != Made(0.6).key
    assert Made(0.5).key == Made(0.5).key
    tolerance = Tolerance(PAIR, 0.1, "why")
    judgements = [judge(label, tolerance, "made", apart(PAIR)) for label in ("a", "control: a")]
    assert [each.role for each in judgements] == ["test", "control"]


def test_slopes_of_rows():
    x = np.array([0.0, 1.0, 3.0])
    np.testing.assert_allclose(slope(x, np.stack([2 * x + 1, -x])), [2.0, -1.0])
