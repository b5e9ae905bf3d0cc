"""Record times: exact, whole where they must be, within the run."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.experiment.rules import GradientFlow
from carnotlab.experiment.times import At, Evenly, Logarithmically, recorded
from carnotlab.experiment.training import Training


def test_times_are_taken_exactly():
    assert recorded(At((0, 3, 7)), 10, whole=True).tolist() == [0, 3, 7]
    assert recorded(At((0.0, 0.25, 1.7)), 2.0, whole=False).tolist() == [0.0, 0.25, 1.7]


def test_evenly_includes_both_ends():
    assert recorded(Evenly(5), 100, whole=True).tolist() == [0, 25, 50, 75, 100]
    assert recorded(Evenly(5), 1.0, whole=False).tolist() == [0, 0.25, 0.5, 0.75, 1.0]
    # More records than steps: every step once.
    assert recorded(Evenly(50), 3, whole=True).tolist() == [0, 1, 2, 3]


def test_logarithmically_is_geometric_between_first_and_end():
    times = recorded(Logarithmically(4, first=0.01), 10.0, whole=False)
    np.testing.assert_allclose(times, [0, 0.01, 0.1, 1.0, 10.0], rtol=1e-14)
    whole = recorded(Logarithmically(40), 1000, whole=True)
    assert whole[0] == 0
    assert whole[-1] == 1000
    assert len(set(whole.tolist())) == len(whole) <= 41
    np.testing.assert_array_equal(whole, np.rint(whole))


@pytest.mark.parametrize("times", [Evenly(7), Logarithmically(7), Logarithmically(7, first=1e9)])
@pytest.mark.parametrize("end", [1, 2, 1000])
def test_times_increase_from_start_to_end(times, end):
    values = recorded(times, end, whole=True)
    assert values[0] == 0
    assert values[-1] == end
    assert (np.diff(values) > 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: At(()), r"times = \(\).*increasing times from 0 on"),
        (lambda: At((1.0, 1.0)), r"increasing times"),
        (lambda: At((2.0, 1.0)), r"sort them"),
        (lambda: At((-1.0,)), r"from 0 on"),
        (lambda: Evenly(0), r"count = 0"),
        (lambda: Logarithmically(0), r"count = 0"),
        (lambda: Logarithmically(3, first=0.0), r"first = 0.0"),
        (lambda: recorded(At((0.0, 11.0)), 10, whole=True), r"a record at 11 in a run .*at 10"),
        (lambda: recorded(At((0.0, 2.5)), 10, whole=True), r"times = \(0.0, 2.5\).*whole steps"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_flow_times_are_steps_times_the_rate():
    training = Training(duration=10, record=At((0, 4)))
    assert training.flow_times.tolist() == [0.0, 0.4]
    flow = Training(GradientFlow(), duration=1.5, record=At((0.0, 1.25)))
    assert flow.flow_times.tolist() == flow.times.tolist() == [0.0, 1.25]
