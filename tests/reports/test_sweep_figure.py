"""The picture of a sweep: what is drawn is what was found, whoever diverged or is not done yet."""

import numpy as np
import pytest
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.reports.sweep_figure import sweep_figure
from carnotlab.runs.sweeps.results import SweepResult

RATES, WIDTHS, DECAYS = (0.01, 0.1, 1.0), (8, 16), (0.0, 0.5)
DIMS = ("lr", "width", "decay", "seed")
TIMES = (0.0, 10.0)


def grid(**changes):
    """A loss that is best at lr = 0.1, width = 16, decay = 0; seeds differ by 0.2."""
    lr, width, decay, seed, time = np.meshgrid(
        np.log10(RATES), WIDTHS, DECAYS, (0, 1), TIMES, indexing="ij"
    )
    loss = 1.0 + (lr + 1.0) ** 2 + 1.6 / width + decay + 0.2 * seed + (10.0 - time)
    data = xr.Dataset(
        {
            "test_loss": ((*DIMS, "time"), loss),
            "test_accuracy": ((*DIMS, "time"), 1.0 / loss, {"units": "fraction"}),
            "finished": (DIMS, np.ones(loss.shape[:-1], bool)),
        },
        {
            "lr": list(RATES),
            "width": list(WIDTHS),
            "decay": list(DECAYS),
            "seed": [0, 1],
            "time": ("time", list(TIMES), {"units": "steps"}),
        },
    )
    return SweepResult(data.assign(changes), None)


def lines(axes):
    return {c.get_label(): c.lines[0].get_xydata() for c in axes.containers}


def crosses(axes):
    return [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == "x"]


def test_lines_are_the_means_at_the_best_of_what_is_not_shown():
    ends, courses = sweep_figure(grid()).axes
    found = lines(ends)
    assert sorted(found) == ["16", "8"]
    # Averaged over the seeds 0.1 is added; decay is best at 0.
    expected = [1.0 + 1.0 + 0.2 + 0.1, 1.0 + 0.2 + 0.1, 1.0 + 1.0 + 0.2 + 0.1]
    np.testing.assert_allclose(found["8"], np.stack([RATES, expected], axis=1))
    assert ends.get_xscale() == "log"
    assert "decay" in ends.get_title()
    np.testing.assert_allclose(courses.lines[0].get_ydata(), [11.2, 1.2])
    assert courses.get_xlabel() == "steps"


def test_bars_are_standard_errors_of_the_mean():
    ends, _ = sweep_figure(grid()).axes
    segments = ends.containers[0].lines[2][0].get_segments()
    heights = [segment[1][1] - segment[0][1] for segment in segments]
    # Two values 0.2 apart: a deviation of 0.2 / sqrt(2), over sqrt(2), up and down.
    np.testing.assert_allclose(heights, 2 * 0.1)


def test_fractions_lead_by_being_large():
    figure = sweep_figure(grid(), "test_accuracy")
    assert figure.get_suptitle().startswith("Best at the end: lr 0.1, width 16, decay 0")


def test_a_diverged_member_is_a_cross_and_never_an_average_of_the_others():
    loss = grid().dataset["test_loss"].copy()
    loss.loc[{"lr": 1.0, "seed": 1, "time": 10.0}] = np.nan
    ends, _ = sweep_figure(grid(test_loss=loss)).axes
    assert crosses(ends) == [(1.0,), (1.0,)]
    assert all(len(line) == 2 for line in lines(ends).values())


def test_what_is_not_done_is_not_drawn():
    done = grid().dataset["finished"].copy()
    done.loc[{"lr": 0.01}] = False
    done.loc[{"lr": 0.1, "seed": 1}] = False
    ends, _ = sweep_figure(grid(finished=done)).axes
    assert crosses(ends) == []
    assert lines(ends)["16"][:, 0].tolist() == [0.1, 1.0]
    assert lines(ends)["16"][0, 1] == pytest.approx(1.1)


def test_sampled_settings_have_a_panel_for_each_number():
    rates = np.array([0.5, 0.1, 0.7])
    data = xr.Dataset(
        {
            "loss": (("setting", "seed", "time"), (rates[:, None, None] - 0.5) ** 2 + [[[1.0]]]),
            "finished": (("setting", "seed"), np.ones((3, 1), bool)),
        },
        {
            "setting": [0, 1, 2],
            "lr": ("setting", rates),
            "rule": ("setting", np.array(["adam", "gradient", "adam"])),
            "seed": [0],
            "time": ("time", [5.0], {"units": "steps"}),
        },
    )
    figure = sweep_figure(SweepResult(data, None))
    assert [axes.get_xlabel() for axes in figure.axes] == ["lr", "steps"]
    drawn = figure.axes[0].containers[0].lines[0].get_xydata()
    np.testing.assert_allclose(drawn, [[0.5, 1.0], [0.1, 1.16], [0.7, 1.04]])
    assert "lr 0.5, rule adam" in figure.get_suptitle()


@pytest.mark.parametrize(
    ("result", "quantity", "said"),
    [
        (grid(), "accuracy", "test_loss, test_accuracy"),
        (grid(finished=grid().dataset["finished"] & False), None, "no member is done"),
        (grid(test_loss=grid().dataset["test_loss"] * np.nan), None, "all diverged"),
    ],
)
def test_what_cannot_be_drawn_is_said(result, quantity, said):
    with pytest.raises(InputError, match=said):
        sweep_figure(result, quantity)
