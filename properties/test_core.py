"""Properties of core that hold for any numbers and any plain data."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnotlab.core.assumptions import Check
from carnotlab.core.descriptions import array_digest, content_key, describe
from carnotlab.core.errors import InputError
from carnotlab.core.verdicts import Interval, agreement, bootstrap

few = settings(max_examples=50, deadline=None)
numbers = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=5)
plain = st.recursive(
    scalars,
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=4), inside, max_size=4)
    ),
    max_leaves=12,
)


@few
@given(plain)
def test_plain_data_describes_itself(thing):
    described = describe(thing)
    assert described == thing
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert content_key(thing) == content_key(json.loads(json.dumps(described)))


@few
@given(plain, plain)
def test_keys_are_equal_where_and_only_where_descriptions_are(one, two):
    same = json.dumps(describe(one), sort_keys=True) == json.dumps(describe(two), sort_keys=True)
    assert (content_key(one) == content_key(two)) == same


@few
@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_whole_numbers_have_one_key(number):
    assert content_key(number) == content_key(float(number))


@few
@given(st.lists(numbers, max_size=6), st.lists(numbers, max_size=6))
def test_array_digests_follow_bytes(one, two):
    first, second = np.array(one), np.array(two)
    same = first.shape == second.shape and first.tobytes() == second.tobytes()
    assert (array_digest(first) == array_digest(second)) == same


@few
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8),
    st.floats(0.1, 10.0),
    st.floats(-1e3, 1e3),
)
def test_bootstrap_moves_and_scales_with_its_statistic(values, scale, shift):
    data = np.array(values)

    def run(factor, offset):
        return bootstrap(
            lambda rows: factor * float(data[rows].mean()) + offset, len(data), resamples=100
        )

    one, other = run(1.0, 0.0), run(scale, shift)
    assert one.low <= one.high
    size = scale * np.abs(data).max() + abs(shift)
    for name in ("value", "low", "high"):
        expected = scale * getattr(one, name) + shift
        assert getattr(other, name) == pytest.approx(expected, abs=1e-9 * (1 + size))


@few
@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_wider_tolerance_never_turns_agreement_around(one, two, three):
    low, high = sorted((one, two))
    order = ["disagrees", "underpowered", "agrees"]
    interval = Interval(low, low, high)
    narrow, wide = sorted((three, 2 * three))
    assert order.index(agreement(interval, narrow)) <= order.index(agreement(interval, wide))


@few
@given(st.floats(), st.floats(allow_nan=False))
def test_a_check_holds_exactly_up_to_its_limit(value, limit):
    assert Check("n", "s", value, limit).holds == (not math.isnan(value) and value <= limit)


@few
@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_the_text_of_an_error_is_one_line(given_, required, instead):
    assert "\n" not in str(InputError(given_, required, instead))
