"""Panels of averages of models: losses along lines, barriers over width."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from carnotlab.measures.mixtures import barrier
from carnotlab.runs.run import RunResult
from carnotlab.studies.landscape.average_run import LOSS_BETWEEN, SHARES
from carnotlab.studies.style import COLOURS, LINES, MARKERS


def draw_paths(axes: Axes, shown: Mapping[str, tuple[RunResult, str]]) -> None:
    """Draw the loss of mixtures over the share of the second model, mean and range of pairs."""
    for index, (label, (run, way)) in enumerate(shown.items()):
        losses = run.observation[LOSS_BETWEEN.name].sel(way=way).values
        colour = COLOURS[index % len(COLOURS)]
        axes.fill_between(
            SHARES, losses.min(axis=0), losses.max(axis=0), color=colour, alpha=0.2, lw=0
        )
        axes.plot(
            SHARES,
            losses.mean(axis=0),
            color=colour,
            ls=LINES[index % len(LINES)],
            marker=MARKERS[index % len(MARKERS)],
            ms=3.0,
            markevery=4,
            lw=1.2,
            label=label,
        )
    axes.set(xlabel="share of the second model", ylabel="training loss")
    axes.legend(fontsize="x-small")


def draw_barriers(axes: Axes, runs: Mapping[int, RunResult], ways: Sequence[str]) -> None:
    """Draw barriers of pairs over width, every pair and their mean."""
    widths = np.array(list(runs))
    for index, way in enumerate(ways):
        found = np.stack(
            [
                barrier(run.observation[LOSS_BETWEEN.name].sel(way=way).values, SHARES)
                for run in runs.values()
            ]
        )
        colour = COLOURS[index % len(COLOURS)]
        axes.plot(widths, found, MARKERS[index], color=colour, ms=3.0, alpha=0.5)
        axes.plot(widths, found.mean(axis=1), color=colour, ls=LINES[index], lw=1.2, label=way)
    axes.set(
        title="barriers over width",
        xlabel="units in each hidden layer",
        ylabel="barrier",
        xscale="log",
    )
    axes.set_yscale("symlog", linthresh=1e-4)
    axes.set_ylim(bottom=0.0)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.minorticks_off()
    axes.legend(fontsize="x-small")
