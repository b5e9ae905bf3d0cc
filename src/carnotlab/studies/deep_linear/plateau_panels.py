"""Panels of training over saddles, and of where random networks end."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.deep_linear.plateau_gaps import excess, plateaus
from carnotlab.studies.deep_linear.plateau_run import (
    CURVATURES,
    SADDLE_CURVATURES,
    SADDLE_LOSS,
    SLOPE,
)
from carnotlab.studies.errors import flow_time, observed
from carnotlab.studies.style import COLOURS, LINES, draw_experiment, ink


def draw_walk(loss: Axes, curved: Axes, result: RunResult, label: str) -> None:
    """Draw the loss over the levels of saddles, and the lowest curvatures with the slope."""
    time = flow_time(result)
    levels = result.prediction[SADDLE_LOSS.name].values
    draw_experiment(loss, time, observed(result, TRAIN_LOSS), 0)
    loss.plot(time, observed(result, TRAIN_LOSS).mean(axis=0), color=COLOURS[0], lw=1.0)
    for place, level in enumerate(levels):
        loss.axhline(level, color=ink(), lw=0.9, ls=LINES[min(place, 3)])
        loss.annotate(
            f"{place} learned", (time[-1], level), ha="right", va="bottom", fontsize="x-small"
        )
    loss.set(title=label, ylabel="loss")
    loss.set_ylim(-0.03 * levels[0], 1.12 * levels[0])
    loss.tick_params(labelbottom=False)
    seen = observed(result, CURVATURES)[0]
    curved.plot(time, seen[:, : max(8, seen.shape[1] // 4)], color=COLOURS[0], lw=0.7, alpha=0.7)
    expected, at = result.prediction[SADDLE_CURVATURES.name].values, plateaus(result)[0]
    for place, values in zip(at, expected, strict=True):
        low = values[values < 0.0] if np.any(values < 0.0) else values[:1]
        curved.plot(np.full(len(low), time[place]), low, "_", color=ink(), ms=14, mew=1.4)
    slope = observed(result, SLOPE)[0]
    scale = float(np.abs(seen[:, 0]).max()) / slope.max()
    curved.fill_between(time, 0.0, slope * scale, color=COLOURS[1], alpha=0.3, lw=0)
    curved.set(xlabel="flow time", ylabel="lowest curvatures")
    curved.set_ylim(1.15 * float(seen[:, 0].min()) - 0.05, 1.1 * float(np.abs(seen[:, 0]).max()))


def draw_ends(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw how many random networks end how far above the global minimum."""
    for index, (label, run) in enumerate(runs.items()):
        left = np.maximum(excess(run) / observed(run, TRAIN_LOSS)[:, 0].mean(), 1e-9)
        axes.plot(
            np.sort(left),
            np.arange(1, len(left) + 1) / len(left),
            color=COLOURS[index],
            ls=LINES[index],
            drawstyle="steps-post",
            label=label,
        )
    axes.axvline(1e-3, color=ink(), lw=0.8, ls=":")
    axes.set(
        title="where random networks end",
        xlabel="loss above the minimum, over that at the start",
        ylabel="share of networks below",
        xscale="log",
        ylim=(0.0, 1.05),
    )
    axes.legend(fontsize="x-small", loc="lower right")
