"""Panels of structure before noise: courses with stopping times, and labels learned."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.measures.losses import TEST_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.regression.noisy_labels_run import ACCURACY, BASELINE, RIGHT, WRONG
from carnotlab.studies.style import COLOURS, LINES, draw_experiment, draw_theory, ink


def draw_course(axes: Axes, runs: Mapping[str, RunResult], mistaken: RunResult) -> None:
    """Draw test loss over time, theory over it with its stopping time, and a control's dotted."""
    for index, (label, result) in enumerate(runs.items()):
        time = np.asarray(result.observation["flow_time"].values)
        scale = predicted(result, TEST_LOSS)[0, 0]
        seen = observed(result, TEST_LOSS) / scale
        # The middle half of the draws: their extremes say how many there are.
        low, high = np.quantile(seen, [0.25, 0.75], axis=0)
        mean = seen.mean(axis=0)
        members = np.stack([low, high, 3.0 * mean - low - high])
        draw_experiment(axes, time, members, index, label.replace("control: ", ""))
        course = predicted(result, TEST_LOSS)[0] / scale
        draw_theory(axes, time, course)
        stop = int(np.argmin(course))
        axes.plot(time[stop], course[stop], "*", color=ink(), ms=9, zorder=5)
    time = np.asarray(mistaken.observation["flow_time"].values)
    course = predicted(mistaken, TEST_LOSS)[0]
    axes.plot(
        time,
        course / course[0],
        color=COLOURS[2],
        lw=1.0,
        ls=LINES[3],
        label="theory for white inputs (control)",
    )
    axes.set_xscale("symlog", linthresh=float(time[1]))
    axes.set(
        title="linear networks, ★ stop by theory",
        xlabel="flow time",
        ylabel="test loss over that at the start",
        ylim=(0.0, 2.5),
    )
    axes.legend(fontsize="x-small", loc="upper left")


def draw_labels(axes: Axes, result: RunResult, random: RunResult) -> None:
    """Draw right and wrong labels learned over steps, held-out accuracy and its baseline."""
    time = np.asarray(result.observation["time"].values)
    for index, (quantity, label) in enumerate(
        ((RIGHT, "right labels learned"), (WRONG, "wrong labels learned"), (ACCURACY, "held out"))
    ):
        draw_experiment(axes, time, observed(result, quantity), index, label)
    baseline = float(result.observation[BASELINE])
    axes.axhline(baseline, color=ink(), lw=0.9, ls=":", label="held out, logistic regression")
    for index, quantity in enumerate((RIGHT, WRONG)):
        mean = observed(random, quantity).mean(axis=0)
        label = "labels at random (control)" if index == 0 else None
        axes.plot(time, mean, color=COLOURS[index], lw=1.0, ls=LINES[1], label=label)
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set(
        title="a rectifier network on digits",
        xlabel="steps",
        ylabel="share",
        ylim=(0.0, 1.02),
    )
    axes.legend(fontsize="x-small", loc="center left")
