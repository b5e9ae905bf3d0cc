"""Panels of continuation: landscapes, basins, errors over phases."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.optimization.frequency_run import FREQUENCY
from carnotlab.studies.optimization.parity_run import WRONG
from carnotlab.studies.style import COLOURS, LINES, MARKERS, ink
from carnotlab.theories.continuation.frequency_matching import frequency_loss


def draw_landscape(axes: Axes, target: float, widening: RunResult) -> None:
    """Draw the loss by frequency for narrow and wide inputs, and one way through them."""
    w = np.linspace(0.0, 2.0 * target, 1200)
    path = np.asarray(widening.observation[FREQUENCY.name].values)[1]
    reaches = np.asarray(widening.observation["reach"].values)
    phases = len(reaches)
    shown = [0, phases // 3, 2 * phases // 3, phases - 1]
    for index, phase in enumerate(shown):
        loss = frequency_loss(w, target, float(reaches[phase]))
        axes.plot(w, loss, color=ink(), lw=0.9, ls=LINES[index])
        at = abs(float(path[phase]))
        axes.plot(
            at,
            frequency_loss(np.array([at]), target, float(reaches[phase]))[0],
            color=COLOURS[index],
            marker=MARKERS[index],
            lw=0,
            ms=6,
            label=f"end of phase {phase + 1}, inputs up to {reaches[phase]:.2f}",
        )
    axes.set(title="losses as inputs widen, and one start", xlabel="frequency", ylabel="loss")
    axes.legend(fontsize="x-small")


def draw_basins(axes: Axes, target: float, runs: Mapping[str, RunResult]) -> None:
    """Draw where each start ends, over where it is predicted to."""
    for index, (way, run) in enumerate(runs.items()):
        seen = np.abs(np.asarray(run.observation[FREQUENCY.name].values)[:, -1])
        starts = np.linspace(1.0, 2.0 * target - 1.0, len(seen))
        axes.plot(
            starts, seen, color=COLOURS[index], marker=MARKERS[index], lw=0, ms=6 - 1.2 * index,
            label=way,
        )  # fmt: skip
        if way != "growing targets":
            expected = np.abs(np.asarray(run.prediction[FREQUENCY.name].values)[:, -1])
            axes.plot(starts, expected, color=ink(), marker="_", lw=0, ms=7)
    axes.axhline(target, color=ink(), lw=0.6, ls=":")
    axes.set(
        title="where each start ends (dashes: predicted)",
        xlabel="frequency at first",
        ylabel="frequency in the end",
    )
    axes.legend(fontsize="x-small")


def draw_parity(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw errors on fair bits over phases."""
    for index, (label, run) in enumerate(runs.items()):
        wrong = np.asarray(run.observation[WRONG.name].values)
        phase = np.arange(1, wrong.shape[1] + 1)
        colour = COLOURS[index]
        axes.fill_between(
            phase, wrong.min(axis=0), wrong.max(axis=0), color=colour, alpha=0.2, lw=0
        )
        axes.plot(
            phase, wrong.mean(axis=0), color=colour, marker=MARKERS[index], ms=4,
            ls=LINES[index], label=label,
        )  # fmt: skip
    axes.axhline(0.5, color=ink(), lw=0.6, ls=":")
    axes.set(
        title="products of bits: held-out fair bits",
        xlabel="phase",
        ylabel="wrong",
        ylim=(-0.02, 0.75),
    )
    axes.legend(fontsize="x-small", ncols=2)
