"""Panels of curvature over the limit of the rule, and of losses at the edge."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed
from carnotlab.studies.optimization.edge_run import RATIO
from carnotlab.studies.style import COLOURS, draw_experiment, ink


def draw_edges(axes: Axes, runs: Mapping[str, RunResult], width: float) -> None:
    """Draw curvature over the limit in training, range over seeds; the limit in ink."""
    for index, (label, run) in enumerate(runs.items()):
        time = np.asarray(run.observation["time"].values, dtype=float)
        ratio = observed(run, RATIO)
        draw_experiment(axes, time, ratio, index, label.removeprefix("control: "))
        axes.plot(time, ratio.mean(axis=0), color=COLOURS[index], lw=0.8)
    axes.axhspan(1.01 - width, 1.01 + width, color=ink(), alpha=0.08, lw=0)
    axes.axhline(1.0, color=ink(), lw=1.1, label="limit of the rule")
    axes.set(xlabel="steps", ylabel="curvature over the limit", ylim=(0.0, 1.6))
    axes.legend(fontsize="x-small", loc="upper right")


def draw_losses(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw training losses; a linear model above its limit leaves the panel."""
    for index, (label, run) in enumerate(runs.items()):
        time = np.asarray(run.observation["time"].values, dtype=float)
        loss = np.nan_to_num(observed(run, TRAIN_LOSS), nan=np.inf, posinf=np.inf)
        shown = np.clip(loss, 1e-6, 1e9)
        draw_experiment(axes, time, shown, index, label.removeprefix("control: "))
        axes.plot(time, shown.mean(axis=0), color=COLOURS[index], lw=0.8)
    axes.set(xlabel="steps", ylabel="training loss", yscale="log", ylim=(1e-5, 1e3))
    axes.set_title("the loss goes on falling at the edge")
    axes.legend(fontsize="x-small", loc="upper right")
