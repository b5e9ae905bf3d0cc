"""Members in lanes: as if trained alone, whatever the lane, the padding or the company."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import carnotlab as carnot
from carnotlab.measures.losses import test_loss as held_out_loss
from carnotlab.measures.losses import train_loss
from carnotlab.training.members import Member, programs, record_shapes, train_members

TASK = carnot.GaussianRegression(inputs=4, outputs=2, samples=40)


def experiment(rate=0.05, width=16, depth=1, rule=carnot.GradientDescent, start=None, **training):
    network = carnot.mlp(4, (width,) * depth, 2, bias_variance=0.1, initialisation=start)
    chosen = {
        "duration": 20,
        "batching": carnot.Minibatch(8),
        "record": carnot.At((0.0, 20.0)),
        **training,
    }
    return carnot.Experiment(TASK, network, carnot.Training(rule(rate), **chosen))


def trained(experiments, seeds, measures=(held_out_loss, train_loss)):
    """Return records by (experiment, seed), however members share programs."""
    found = {}
    for program, rows in programs(experiments):
        members = [Member(experiments[row], seed) for row in rows for seed in seeds]
        records = train_members(program, members, measures)
        for at, (row, seed) in enumerate((row, seed) for row in rows for seed in seeds):
            found[row, seed] = {name: values[at] for name, values in records.items()}
    return found


@pytest.mark.parametrize(
    "several",
    [
        [experiment(0.02), experiment(0.05), experiment(0.05, width=40)],
        [experiment(width=5), experiment(width=9), experiment(width=14)],
        [experiment(batching=carnot.FullBatch(), weight_decay=0.1), experiment(depth=2)],
        [experiment(0.01, rule=carnot.Adam), experiment(batching=carnot.Online(8))],
        [experiment(rule=lambda _: carnot.GradientFlow(), duration=1.0,
                    batching=carnot.FullBatch(), record=carnot.At((0.0, 1.0)))],
    ],
    ids=["rates and widths", "padded widths", "decay and depth", "rules", "flow"],
)  # fmt: skip
def test_members_train_as_they_would_alone(several):
    seeds = (0, 3, 7)
    found = trained(several, seeds)
    for row, each in enumerate(several):
        alone = carnot.train(each, [held_out_loss, train_loss], seeds)
        for at, seed in enumerate(seeds):
            for name in ("test_loss", "train_loss"):
                np.testing.assert_allclose(
                    found[row, seed][name], alone[name].values[at], rtol=2e-5, atol=1e-6
                )


def test_widths_between_two_powers_share_a_program():
    several = [experiment(width=width) for width in (17, 24, 32, 40)]
    assert [(p.widths, rows) for p, rows in programs(several)] == [((32,), (0, 1, 2)), (None, (3,))]
    alike = [experiment(rate) for rate in (0.1, 0.2, 0.3)]
    ((program, rows),) = programs(alike)
    assert program.paths == (("training", "rule", "learning_rate"),)
    assert rows == (0, 1, 2)


def test_starts_of_different_kinds_at_one_width_are_trained_as_each_would_alone():
    several = [experiment(width=8), experiment(width=8, start=carnot.Orthogonal(0.5))]
    assert [rows for _, rows in programs(several)] == [(0,), (1,)]
    found = trained(several, (0, 3))
    for row, each in enumerate(several):
        alone = carnot.train(each, [held_out_loss], (0, 3))["test_loss"].values
        for at, seed in enumerate((0, 3)):
            np.testing.assert_allclose(found[row, seed]["test_loss"], alone[at], rtol=2e-5)


def test_a_member_depends_on_its_lane_alone():
    """Not on how many lanes are run with it, nor on the device."""
    several = [experiment(rate) for rate in (0.02, 0.05)]
    ((program, _),) = programs(several)
    program = replace(program, lane=4)
    members = [Member(each, seed) for each in several for seed in range(6)]
    whole = train_members(program, members, [held_out_loss])
    for begin in range(0, 12, 4):
        part = train_members(program, members[begin : begin + 4], [held_out_loss])
        for name, values in part.items():
            np.testing.assert_array_equal(values, whole[name][begin : begin + 4])
    with jax.default_device(jax.devices()[-1]):
        there = train_members(program, members, [held_out_loss])
    for name, values in there.items():
        np.testing.assert_array_equal(values, whole[name])


def test_a_last_lane_is_filled_up_in_silence():
    ((program, _),) = programs([experiment()])
    members = [Member(experiment(), seed) for seed in range(3)]
    records = train_members(program, members, [held_out_loss])
    assert {len(values) for values in records.values()} == {3}


def test_divergence_is_a_record():
    several = [experiment(0.05), experiment(1e6)]
    found = trained(several, (0, 1))
    assert found[0, 0]["diverged_at"] == -1
    assert found[1, 0]["diverged_at"] >= 0
    assert np.isfinite(found[0, 1]["test_loss"]).all()


def test_shapes_are_known_before_anything_is_trained():
    predictions = carnot.Measure(
        carnot.Quantity("outputs", ("sample", "output"), "1", "outputs"),
        lambda state, data: state.model.apply(state.weights, data.test.x),
    )
    shapes = record_shapes(experiment(), [held_out_loss, predictions])
    assert shapes["test_loss"] == ((), np.dtype("float32"))
    assert shapes["outputs"][0] == (TASK.data().test.size, 2)
