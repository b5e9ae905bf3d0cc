"""Errors in one line of three parts, which survive a trip between processes."""

import pickle

import pytest

from carnotlab.core.errors import (
    CarnotError,
    InputError,
    OutOfReachError,
    require,
    require_not_negative,
    require_positive,
)


@pytest.mark.parametrize("kind", [InputError, OutOfReachError])
def test_an_error_is_one_line_of_three_parts(kind):
    error = kind("a\nb", "c", "d")
    assert str(error) == "Got a b; required: c; d."
    assert (error.given, error.required, error.instead) == ("a\nb", "c", "d")
    assert isinstance(error, CarnotError)
    assert isinstance(error, ValueError)


def test_errors_can_be_sent_between_processes():
    again = pickle.loads(pickle.dumps(OutOfReachError("a", "b", "c")))
    assert type(again) is OutOfReachError
    assert str(again) == "Got a; required: b; c."


def test_require_raises_only_where_the_condition_fails():
    require(True, "a", "b", "c")
    with pytest.raises(InputError, match=r"^Got a; required: b; c\.$"):
        require(False, "a", "b", "c")


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_positive_numbers_only(value):
    with pytest.raises(InputError, match=r"steps = .*a finite number above 0"):
        require_positive("steps", value)
    require_positive("steps", 1e-300)


@pytest.mark.parametrize("value", [-1e-300, float("nan"), float("inf")])
def test_no_negative_numbers(value):
    with pytest.raises(InputError, match=r"decay = .*a finite number of at least 0"):
        require_not_negative("decay", value)
    require_not_negative("decay", 0.0)
