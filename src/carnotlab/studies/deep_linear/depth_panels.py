"""Panels of learning times over the size of the start and over depth."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.deep_linear.start_sweep import exponents, half_time, learning_times
from carnotlab.studies.style import COLOURS, LINES, MARKERS, ink


def draw_times(
    axes: Axes, aligned: Mapping[int, RunResult], random: Mapping[int, RunResult], count: int
) -> None:
    """Draw learning times over the first ``count`` starts, aligned by depth and random ones."""
    for index, (depth, run) in enumerate(aligned.items()):
        starts, seen = run.observation["start"].values[:count], learning_times(run)[:, :count]
        colour = COLOURS[index % len(COLOURS)]
        axes.plot(
            starts, seen.mean(axis=0), MARKERS[index], color=colour, ms=4, label=f"D = {depth}"
        )
        fine = np.geomspace(starts[0], min(1.6 * starts[-1], 0.8), 50)
        axes.plot(fine, fine ** -(depth - 2.0) / (depth - 2.0), color=ink(), lw=0.9)
        if depth in random:
            for own in learning_times(random[depth]):
                axes.plot(random[depth].observation["start"], own, ls=":", color=colour, lw=0.8)
    axes.set(
        title="learning time (dotted: random starts)",
        xlabel="strength per layer b, or scale of the start",
        ylabel="flow time to half the loss",
        xscale="log",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_powers(
    axes: Axes, aligned: Mapping[int, RunResult], random: Mapping[int, RunResult], count: int
) -> None:
    """Draw the powers of one over the start in the learning time against depth."""
    depths = np.array(list(aligned))
    for index, (label, runs) in enumerate((("aligned", aligned), ("random starts", random))):
        found = [-exponents(run, count) for run in runs.values()]
        places = np.array(list(runs)) + (0.12 * index - 0.06)
        axes.errorbar(
            places,
            [np.mean(one) for one in found],
            [np.std(one) for one in found],
            fmt=MARKERS[index],
            color=COLOURS[index],
            ms=5,
            label=label,
        )
    axes.plot(depths, depths - 2, color=ink(), lw=1.1, label="D − 2")
    axes.plot(depths, depths, color=ink(), lw=1.1, ls="--", label="D, as it is often said")
    axes.set(title="power of 1/b in the learning time", xlabel="layers D", ylabel="exponent")
    axes.set_xticks(depths.tolist())
    axes.legend(fontsize="x-small")


def draw_depths(axes: Axes, aligned: Mapping[int, RunResult], whole: float) -> None:
    """Draw learning times over depth, of the start whose strength end to end is ``whole``."""
    depths = np.array(list(aligned))
    seen = [learning_times(run)[:, -1].mean() for run in aligned.values()]
    axes.semilogy(depths, seen, "o", color=COLOURS[0], ms=5, label="networks, end to end fixed")
    for index, (starts, label) in enumerate(
        (
            (np.full(len(depths), whole), f"end to end {whole:g}"),
            (0.1**depths, "each layer 0.1"),
        )
    ):
        expected = [
            half_time(int(depth), float(start)) for depth, start in zip(depths, starts, strict=True)
        ]
        axes.plot(depths, expected, color=ink(), ls=LINES[index], lw=1.1, label=label)
    axes.set(title="slowing over depth", xlabel="layers D", ylabel="flow time to half the loss")
    axes.set_xticks(depths.tolist())
    axes.legend(fontsize="x-small")
