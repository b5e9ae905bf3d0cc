import numpy as np

from carnotlab.core.quantities import Quantity
from carnotlab.studies.errors import course_error, mean_course_error, observed, predicted

STRENGTH = Quantity("strength", ("mode",), "1", "strength of a mode")


def test_error_is_the_known_one(make):
    expected = np.ones((4, 2))
    seen = np.stack([1.1 * expected, 0.7 * expected])
    result = make.result(STRENGTH, seen, expected)
    np.testing.assert_allclose(course_error(result, STRENGTH), [0.1, 0.3])
    assert np.isclose(mean_course_error(result, STRENGTH)(np.array([0, 0, 1])), 0.5 / 3)


def test_a_member_that_diverged_is_infinitely_wrong_and_the_other_is_not(make):
    expected = np.ones((4, 2))
    seen = np.stack([expected, np.where(np.arange(4)[:, None] > 2, np.nan, expected)])
    error = course_error(make.result(STRENGTH, seen, expected), STRENGTH)
    assert error[0] == 0.0
    assert error[1] == np.inf


def test_dimensions_come_in_one_order_whatever_order_they_were_stored_in(make):
    result = make.result(STRENGTH, np.arange(24.0).reshape(2, 3, 4), np.zeros((3, 4)))
    turned = result.observation.transpose("mode", "time", "seed")
    again = type(result)(result.prediction, turned, (), 0.0)
    np.testing.assert_array_equal(observed(again, STRENGTH), observed(result, STRENGTH))
    assert predicted(result, STRENGTH).shape == (1, 3, 4)
