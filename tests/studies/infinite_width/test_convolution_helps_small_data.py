"""Arms, verdicts, table and estimate of the study of convolution on few images."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from carnotlab.core.errors import InputError
from carnotlab.runs.kernel_blocks import KernelBlocks
from carnotlab.runs.kernel_curves import FIRST_KERNEL, PRIOR_ACCURACY, KernelCurve
from carnotlab.runs.learning_curves import ACCURACY, CHANCE
from carnotlab.runs.run import RunResult
from carnotlab.runs.store import Store
from carnotlab.studies.infinite_width.convolution_helps_small_data import ConvolutionHelpsSmallData
from carnotlab.studies.infinite_width.convolution_panels import accuracy_table
from carnotlab.studies.infinite_width.convolution_verdicts import (
    DENSE,
    FLAT,
    POOLED,
    SHUFFLED,
    TRAINED,
    kernel_difference,
    label_of,
    quotient,
)
from carnotlab.studies.running import resolve

STUDY = ConvolutionHelpsSmallData()


def made(values, kernel=None):
    """Return a curve with these accuracies ``[seed, samples]``."""
    values = np.asarray(values, dtype=float)
    kernels = np.ones((len(values), 2, 2)) if kernel is None else np.asarray(kernel, dtype=float)
    observation = xr.Dataset(
        {
            ACCURACY.name: ACCURACY.label(values, ("seed",)),
            PRIOR_ACCURACY.name: PRIOR_ACCURACY.label(values - 0.01, ("seed",)),
            FIRST_KERNEL.name: FIRST_KERNEL.label(kernels, ("seed",)),
            CHANCE: 0.1,
        },
        {"seed": range(len(values)), "samples": [10 * 2**i for i in range(values.shape[1])]},
    )
    return RunResult(xr.Dataset(), observation, (), 0.0)


def archive(path, side=4):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 10
    x = rng.random((40, side, side, 1))
    np.savez(path, x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    return str(path)


def test_a_quotient_is_of_means_above_chance_at_the_largest_size():
    rival, leader = made([[0.9, 0.2], [0.9, 0.3]]), made([[0.1, 0.5], [0.1, 0.7]])
    statistic = quotient(rival, leader)
    assert statistic(np.array([0, 1])) == pytest.approx(0.15 / 0.5)
    assert statistic(np.array([1, 1])) == pytest.approx(0.2 / 0.6)


def test_a_leader_no_better_than_chance_leads_nobody():
    assert quotient(made([[0.3]]), made([[0.1]]))(np.array([0])) == float("inf")
    assert quotient(made([[0.05]]), made([[0.3]]))(np.array([0])) == 0.0


def test_kernels_are_compared_entry_by_entry_in_the_worst_draw():
    before = [[[4.0, 1.0], [1.0, 2.0]]] * 2
    after = [[[4.0, 1.0], [1.0, 2.0]], [[4.0, 1.5], [1.5, 2.0]]]
    statistic = kernel_difference(made([[0.1]] * 2, before), made([[0.1]] * 2, after))
    assert statistic(np.array([0])) == 0.0
    assert statistic(np.array([0, 1])) == 0.125


def test_without_the_archive_digits_remain_and_words_say_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))
    arms, skipped = STUDY.arms(STUDY.defaults("full"))
    assert {arm.label.split(": ")[0] for arm in arms} == {"moved digits"}
    assert len(skipped) == 1
    assert "CARNOT_DATA" in skipped[0]
    assert "--data" in skipped[0]
    assert STUDY.arms(STUDY.defaults("smoke"))[1] == ()


def test_a_users_archive_takes_the_place_of_both(tmp_path):
    path = archive(tmp_path / "pets.npz")
    changes = {"data": path, "sizes": "10,20", "image_side": "2", "image_held_out": "20"}
    arms, _ = STUDY.arms(resolve(STUDY, "smoke", changes))
    assert {arm.label.split(": ")[0] for arm in arms} == {"pets"}
    assert arms[0].run.task.input_shape == (2, 2, 1)
    labels = tuple(arm.label for arm in arms)
    for judgement in STUDY.judgements(STUDY.defaults("smoke"), labels):
        assert set(judgement.arms) <= set(labels)


@pytest.mark.parametrize("sizes", ["5", "20,10", "10,20,50", "10,30,40"])
def test_sizes_that_are_not_balanced_or_do_not_nest_are_refused(sizes):
    with pytest.raises(InputError, match="multiples of the number of classes"):
        STUDY.arms(resolve(STUDY, "smoke", {"sizes": sizes}))


def test_pixels_are_shuffled_in_the_controls_alone_and_the_network_is_the_same():
    arms = {arm.label: arm.run for arm in STUDY.arms(STUDY.defaults("smoke"))[0]}
    for kind in (POOLED, DENSE):
        plain = arms[label_of("moved digits", kind)]
        mixed = arms[label_of("moved digits", kind, SHUFFLED)]
        assert plain.network == mixed.network
        assert plain.task.shuffle is None
        assert mixed.task.shuffle == 0
        first, second = (np.asarray(run.task.data().train.x) for run in (plain, mixed))
        np.testing.assert_array_equal(np.sort(first, axis=None), np.sort(second, axis=None))


def test_the_full_network_has_fourteen_layers():
    settings = STUDY.defaults("full")
    assert settings.image_convolutions + 1 == 14
    assert settings.image_sizes == (10, 20, 40, 80, 160, 320, 640)


def test_what_takes_long_is_timed_and_foretold(monkeypatch, tmp_path):
    path = archive(tmp_path / "pets.npz", side=32)
    changes = {"data": path, "image_sizes": "10,20,40", "image_held_out": "20", "seeds": "3"}
    changes["image_control_sizes"] = "10"
    settings = resolve(STUDY, "full", changes)
    monkeypatch.setattr(KernelBlocks, "seconds_per_pair", lambda _: 3.6)
    lines = STUDY.outlook(settings, Store(tmp_path))
    pooled = next(line for line in lines if "pooling" in line and "no pooling" not in line)
    # Three draws of 40 * 41 / 2 + 20 * 40 pairs, 3.6 seconds each.
    assert f"{3 * (820 + 800)} pairs" in pooled
    assert "4.9 h" in pooled
    assert all("dense" not in line for line in lines)
    assert STUDY.outlook(STUDY.defaults("smoke"), Store(tmp_path)) == ()


@pytest.fixture
def results():
    rng = np.random.default_rng(0)
    kinds = [(POOLED, None), (FLAT, None), (DENSE, None), (POOLED, SHUFFLED), (DENSE, SHUFFLED)]
    found = {label_of("cats", *kind): made(rng.uniform(0.2, 0.9, (4, 3))) for kind in kinds}
    # Shuffled pixels may have fewer sizes.
    found[label_of("cats", POOLED, SHUFFLED)] = made([[0.2, 0.3]] * 4)
    found[label_of("cats", DENSE, SHUFFLED)] = made([[0.2, 0.3]] * 4)
    found[label_of("cats", TRAINED)] = made(rng.uniform(0.2, 0.9, (4, 3)))
    return found


def test_the_table_has_a_row_for_each_learner_and_a_column_for_each_size(results):
    table = accuracy_table(results, "cats")
    assert [column.header for column in table.columns] == ["training images", "10", "20", "40"]
    assert table.row_count == 5 * 2 + 1
    first = results[label_of("cats", POOLED)].observation[ACCURACY.name].values[:, 0] * 100
    mean, error = first.mean(), first.std(ddof=1) / 2.0
    cells = list(table.columns[1].cells)
    assert cells[0] == f"{mean:.1f} ± {error:.1f}"
    assert cells[1] == f"{mean - 1:.1f} ± {error:.1f}"


def test_the_figure_is_drawn_for_one_data_set_or_several(results):
    both = results | {label.replace("cats", "dogs"): run for label, run in results.items()}
    for chosen, panels in ((results, 2), (both, 4)):
        figure = STUDY.figure(SimpleNamespace(results=chosen))
        assert isinstance(figure, Figure)
        assert len(figure.axes) == panels


def test_arms_of_the_study_are_curves_over_draws():
    arms, _ = STUDY.arms(resolve(STUDY, "smoke", {"seeds": "3"}))
    assert all(arm.run.draws == (0, 1, 2) for arm in arms)
    assert sum(isinstance(arm.run, KernelCurve) for arm in arms) == 5
