"""Panels of starts: shallow courses, what two layers keep of their start, and when they learn."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.measures.losses import TEST_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.regression.deep_start_run import FROZEN, HALF_TIME
from carnotlab.studies.style import COLOURS, LINES, draw_experiment, draw_theory, ink


def draw_starts(axes: Axes, runs: Mapping[str, RunResult], ignored: RunResult) -> None:
    """Draw excess error over time by start, theory over it, and the theory that ignores starts."""
    for index, (label, result) in enumerate(runs.items()):
        time = np.asarray(result.observation["flow_time"].values)
        draw_experiment(axes, time, 2.0 * observed(result, TEST_LOSS), index, label)
        draw_theory(axes, time, 2.0 * predicted(result, TEST_LOSS)[0])
    time = np.asarray(ignored.observation["flow_time"].values)
    axes.plot(
        time,
        2.0 * predicted(ignored, TEST_LOSS)[0],
        color=COLOURS[2],
        lw=1.0,
        ls=LINES[3],
        label="σ₀ = 1 taken for 0 (control)",
    )
    axes.set(
        xscale="symlog",
        title="one layer: what is kept of the start is lost",
        xlabel="flow time",
        ylabel="excess test error",
        ylim=(0.0, None),
    )
    axes.set_xscale("symlog", linthresh=float(time[1]))
    axes.legend(fontsize="x-small")


def draw_frozen(axes: Axes, result: RunResult) -> None:
    """Draw the error of frozen directions against the scale of the start."""
    scale = result.observation["scale"].values
    seen = result.observation[FROZEN.name].transpose("seed", "scale").values
    draw_experiment(axes, scale, seen, 0, "two layers")
    draw_theory(axes, scale, result.prediction[FROZEN.name].values, 0, "(1 − α) √(αN) σ²")
    axes.set(
        xscale="log",
        yscale="log",
        title="two layers: the price grows as the square",
        xlabel="standard deviation of weights at the start",
        ylabel="error in directions without samples",
    )
    axes.legend(fontsize="x-small")


def draw_times(axes: Axes, result: RunResult) -> None:
    """Draw the time to learn against the scale of the start; theory gives its slope."""
    scale = result.observation["scale"].values
    seen = result.observation[HALF_TIME.name].transpose("seed", "scale").values
    expected = result.prediction[HALF_TIME.name].values
    draw_experiment(axes, scale, seen, 1, "two layers")
    # The slope is predicted, the offset is not: lines meet at the middle scale.
    middle = len(scale) // 2
    offset = seen.mean(axis=0)[middle] - expected[middle]
    axes.plot(scale, expected + offset, color=ink(), lw=1.1, label="slope of theory, 1/|Σyx|")
    axes.set(
        xscale="log",
        title="and the gain as a logarithm",
        xlabel="standard deviation of weights at the start",
        ylabel="flow time to half the training loss",
    )
    axes.legend(fontsize="x-small")
