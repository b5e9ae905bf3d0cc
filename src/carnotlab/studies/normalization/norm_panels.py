"""Panels of norms: walks under noise over theory, networks beside it, ratios of both."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.normalization.network_norms_run import (
    ANGLE_RATIO,
    COURSE,
    NORM_RATIO,
)
from carnotlab.studies.normalization.walk_run import ANGLE, FOURTH, WALK_NORM
from carnotlab.studies.style import COLOURS, LINES, draw_experiment, draw_theory, ink


def draw_walks(axes: Axes, shown: Mapping[str, RunResult]) -> None:
    """Draw norms of walks in units of equilibrium over time in units of relaxation."""
    for index, (label, run) in enumerate(shown.items()):
        unit = run.prediction.attrs["relaxation"]
        end = float(run.prediction[FOURTH.name])
        time = run.observation["time"].values / unit
        near = time <= 3.0
        seen = run.observation[WALK_NORM.name].values[:, near] / end
        draw_experiment(axes, time[near], seen, index, label)
        draw_theory(axes, time[near], run.prediction[WALK_NORM.name].values[near] / end, index)
    axes.set(
        title="noise alone: marks walks, lines theory",
        xlabel="steps × rate × decay / (1 − momentum)",
        ylabel="norm over that of equilibrium",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_networks(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw norms of networks over steps, and where equilibrium is by their late gradients."""
    for index, (label, run) in enumerate(runs.items()):
        time = run.observation["time"].values / run.prediction.attrs["relaxation"]
        draw_experiment(axes, time, run.observation[COURSE.name].values, index, label)
        end = float(run.prediction[COURSE.name].values.mean())
        axes.axhline(end, color=ink(), lw=1.0, ls=LINES[index % len(LINES)])
    axes.set(
        title="networks: lines equilibrium by late gradients",
        xlabel="steps × rate × decay / (1 − momentum)",
        ylabel="norm of weights",
    )
    axes.legend(fontsize="x-small")


def draw_ratios(
    axes: Axes, walks: Mapping[str, RunResult], networks: Mapping[str, RunResult]
) -> None:
    """Draw norms and angles over those of theory, walks with the band in which they agree."""
    labels = [*walks, *networks]
    for row, label in enumerate(labels):
        if label in walks:
            run = walks[label]
            pairs = [
                run.observation[each.name].values / float(run.prediction[each.name])
                for each in (FOURTH, ANGLE)
            ]
        else:
            run = networks[label]
            pairs = [run.observation[each.name].values for each in (NORM_RATIO, ANGLE_RATIO)]
        for index, (values, marker) in enumerate(zip(pairs, "os", strict=True)):
            name = ("norm", "angle a step")[index]
            axes.plot(
                values,
                np.full(len(values), row + 0.15 * (2 * index - 1)),
                marker,
                color=COLOURS[index],
                ms=4,
                label=name if row == 0 else None,
            )
    axes.axvspan(0.99, 1.01, color=ink(), alpha=0.15, lw=0)
    axes.set(title="over theory; band: 1 %", xscale="log", xlabel="ratio")
    axes.set_yticks(range(len(labels)), [label.replace(", ", "\n") for label in labels])
    axes.tick_params(axis="y", labelsize="x-small")
    axes.invert_yaxis()
    axes.set_xticks([0.5, 1.0, 2.0], ["0.5", "1", "2"])
    axes.minorticks_off()
    axes.legend(fontsize="x-small")
