"""Families of curves: slopes by finite differences, and where two families are one curve."""

import numpy as np
import pytest
from scipy.special import erf, expit

from carnotlab.core.errors import InputError
from carnotlab.theories.learners.families import (
    Constant,
    DeepLinear,
    PowerLaw,
    families,
    has_start,
    shape_bounds,
    share,
)

CLOCK = np.arange(30) + 0.5
EVERY = [
    PowerLaw(),
    *(DeepLinear(d, r, n) for d in (1, 2, 3) for r in ("linear", "decision") for n in (1, 2)),
]


def inside(family, floor_known=True, at=0.45):
    bounds = shape_bounds(family, len(CLOCK), floor_known=floor_known)
    return {name: low + at * (high - low) for name, (low, high) in bounds.items()}


@pytest.mark.parametrize("family", EVERY, ids=str)
@pytest.mark.parametrize("floor_known", [True, False])
def test_slopes_are_those_of_finite_differences(family, floor_known):
    shape = inside(family, floor_known)
    _, slopes = share(family, CLOCK, shape)
    assert set(slopes) == set(shape)
    for name in shape:
        up, down = ({**shape, name: shape[name] + e} for e in (1e-5, -1e-5))
        difference = (share(family, CLOCK, up)[0] - share(family, CLOCK, down)[0]) / 2e-5
        np.testing.assert_allclose(slopes[name], difference, atol=3e-7)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_a_share_rises_from_the_start_towards_one(family):
    value = share(family, CLOCK, inside(family))[0]
    assert np.all(np.diff(value) >= 0.0)
    assert 0.0 <= value[0] <= value[-1] <= 1.0


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_half_of_the_way_is_done_at_the_half_time(depth):
    shape = {"log_half_time": np.log(7.0), "start": -3.0}
    value = share(DeepLinear(depth), np.array([0.0, 7.0]), shape)[0]
    assert value[0] == pytest.approx(expit(-3.0), rel=1e-7)
    assert value[1] == pytest.approx((1.0 + expit(-3.0)) / 2.0, rel=1e-7)


def test_depth_one_from_the_floor_is_exponential():
    assert not has_start(DeepLinear(1), floor_known=False)
    value = share(DeepLinear(1), CLOCK, {"log_half_time": np.log(4.0)})[0]
    np.testing.assert_allclose(value, 1.0 - 0.5 ** (CLOCK / 4.0))


def test_a_decision_reads_out_an_error_function():
    shape = {"log_half_time": np.log(9.0), "start": -4.0}
    plain = share(DeepLinear(2), CLOCK, shape)[0]
    read = share(DeepLinear(2, "decision"), CLOCK, {**shape, "log_sharpness": np.log(2.0)})[0]
    np.testing.assert_allclose(read, erf(2.0 * plain) / erf(2.0))
    nearly = share(DeepLinear(2, "decision"), CLOCK, {**shape, "log_sharpness": np.log(0.3)})[0]
    assert np.abs(nearly - plain).max() < 0.03


def test_two_stages_are_a_weighted_sum_of_one_stage_each():
    shape = {"log_half_time": np.log(4.0), "start": -4.0}
    both = {**shape, "log_delay": np.log(5.0), "weight": 1.0}
    late = {**shape, "log_half_time": np.log(20.0)}
    w = expit(1.0)
    expected = w * share(DeepLinear(3), CLOCK, shape)[0]
    expected = expected + (1.0 - w) * share(DeepLinear(3), CLOCK, late)[0]
    np.testing.assert_allclose(share(DeepLinear(3, stages=2), CLOCK, both)[0], expected)


def test_the_families_asked_for_and_their_names():
    names = [family.name for family in families((2, 3), ("linear", "decision"))]
    assert names == ["constant", "power law", *["depth 2 (logistic)"] * 2, *["depth 3"] * 2]
    assert share(Constant(), CLOCK, {})[0].tolist() == [1.0] * 30


def test_refusals():
    with pytest.raises(InputError, match="depth = 0"):
        DeepLinear(0)
    with pytest.raises(InputError, match="stages = 3"):
        DeepLinear(1, stages=3)
