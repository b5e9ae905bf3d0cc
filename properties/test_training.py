"""Properties of record times, schedules, batches and one mode's course for any settings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from carnotlab.core.data import Batch
from carnotlab.core.keys import key_for
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.schedules import Constant, Cosine, InverseTime, Piecewise, rate_factor
from carnotlab.experiment.times import Evenly, Logarithmically, recorded
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.mode_dynamics import strength_at, time_to_reach
from carnotlab.training.batches import batches
from carnotlab.training.sweep import differing_numbers, number_at, rebuild, skeleton

few = settings(max_examples=40, deadline=None)
TASK = LinearMap(3, 2, (1.0,), held_out=2)


@few
@given(
    st.integers(2, 60),
    st.integers(1, 10_000),
    st.floats(1e-3, 1e5),
    st.sampled_from([Evenly, Logarithmically]),
)
def test_steps_recorded_are_whole_increasing_and_within_the_run(count, end, first, kind):
    times = kind(count) if kind is Evenly else kind(count, first)
    values = recorded(times, end, whole=True)
    assert values[0] == 0.0
    assert values[-1] == end
    assert (np.diff(values) >= 1).all()
    assert (values == np.rint(values)).all()
    assert len(values) <= count + 1


@few
@given(st.integers(1, 50), st.integers(0, 60), st.integers(0, 10), st.floats(0.0, 1.0))
def test_falling_schedules_stay_between_their_ends(steps, step, warmup, final):
    step = min(step, steps)
    factor = float(rate_factor(Cosine(warmup, final), step, steps))
    assert -1e-6 <= factor <= 1.0 + 1e-6
    if step >= warmup:
        assert factor >= final - 1e-6
    assert float(rate_factor(Constant(), step, steps)) == 1.0
    assert 0.0 < float(rate_factor(InverseTime(steps), step, steps)) <= 1.0
    drops = float(rate_factor(Piecewise((5, 9), 0.5), step, steps))
    assert drops == pytest.approx(0.5 ** ((step >= 5) + (step >= 9)))


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([5, 8, 13]), st.sampled_from([1, 3, 5]), st.integers(0, 2**31 - 1))
def test_an_epoch_never_repeats_a_sample(samples, size, seed):
    begin, draw = batches(Minibatch(size), TASK, samples)
    key = key_for(seed, "batches")
    train = Batch(jnp.arange(samples), jnp.arange(samples))
    epoch = samples // size

    def step(order, index):
        order, batch = draw(order, key, index, train)
        return order, batch.x

    _, rows = jax.lax.scan(step, begin(key), jnp.arange(3 * epoch))
    for each in np.asarray(rows).reshape(3, -1).tolist():
        assert len(set(each)) == len(each) == epoch * size


@few
@given(
    st.integers(1, 8),
    st.floats(0.05, 20.0),
    st.floats(1e-6, 3.0),
    st.floats(0.05, 20.0),
    st.floats(0.01, 0.5),
    st.booleans(),
)
def test_courses_run_straight_to_their_end(depth, s, ratio, d, step, discrete):
    final, u0 = s / d, ratio * s / d
    # A step small against the curvature at start and end, as the correction supposes.
    top = max(final, u0)
    rate = 0.1 * step / (depth * d * top ** (2 - 2 / depth)) if discrete else 0.0
    times = np.concatenate([[0.0], np.geomspace(1e-3, 1e6, 40)]) / (d * final ** (2 - 2 / depth))
    one = np.ones(1)
    course = strength_at(times, depth, s * one, u0 * one, d * one, rate)[:, 0]
    assert np.isfinite(course).all()
    assert course[0] == pytest.approx(u0, rel=1e-9)
    slack = 1e-9 * top
    assert (course >= min(u0, final) - slack).all()
    assert (course <= max(u0, final) + slack).all()
    assert (np.sign(final - u0) * np.diff(course) >= -slack).all()


@few
@given(st.integers(2, 8), st.floats(0.1, 10.0), st.floats(1e-6, 0.9), st.floats(0.001, 0.999))
def test_strength_and_time_are_inverse(depth, s, ratio, share):
    u0 = ratio * s
    u = u0 + share * (s - u0)
    assume(u > u0)
    t = time_to_reach(np.array(u), depth, np.array(s), np.array(u0))
    back = strength_at(np.atleast_1d(t), depth, np.array([s]), np.array([u0]), np.ones(1))
    assert back[0, 0] == pytest.approx(u, rel=1e-8)


@few
@given(st.floats(1e-6, 1e3), st.floats(1e-6, 1e3), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_sweeps_find_and_rebuild_what_differs(rate, other_rate, momentum, other_momentum):
    def build(eta, mu):
        return Experiment(TASK, mlp(3, (4,), 2), Training(GradientDescent(eta, mu)))

    one, two = build(rate, momentum), build(other_rate, other_momentum)
    assert skeleton(one) == skeleton(two)
    paths = differing_numbers([one, two])
    assert len(paths) == (rate != other_rate) + (momentum != other_momentum)
    assert rebuild(one, paths)([number_at(two, path) for path in paths]) == two
