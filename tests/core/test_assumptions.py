"""Checks: a value, its limit, and nan on the failing side."""

import json
import math

import pytest

from carnotlab.core.assumptions import Assumption, Check


@pytest.mark.parametrize(
    ("value", "holds"),
    [(0.0, True), (1.0, True), (1.0000001, False), (math.nan, False), (math.inf, False)],
)
def test_a_check_holds_up_to_and_including_its_limit(value, holds):
    assert Check("n", "s", value, 1.0).holds is holds


def test_nan_fails_even_an_infinite_limit():
    assert not Check("n", "s", math.nan, math.inf).holds


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.5])
def test_a_check_is_plain_json(value):
    record = Check("n", "s", value, 1.0).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["value"] == (0.5 if math.isfinite(value) else None)
    assert record["holds"] is (value == 0.5)


def test_an_assumption_measures_experiment_and_start():
    assumption = Assumption("sum", "the sum is small", 3.0, lambda one, two: one + two)
    assert assumption.check(1, 2) == Check("sum", "the sum is small", 3.0, 3.0)
    assert isinstance(assumption.check(1, 2).value, float)
    assert not assumption.check(2, 2).holds
