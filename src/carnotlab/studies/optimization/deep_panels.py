"""Panels of deep autoencoders: errors over cost, and what each method reaches."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.optimization.deep_autoencoder_run import ERROR, LINEAR, SPENT
from carnotlab.studies.style import COLOURS, LINES, MARKERS, ink


def draw_errors(axes: Axes, runs: Mapping[str, RunResult], title: str) -> None:
    """Draw errors over cost, each method at the rate that is best for each start in the end."""
    for index, (label, run) in enumerate(runs.items()):
        error = np.asarray(run.observation[ERROR.name].values)
        error = np.where(np.isfinite(error), error, np.inf)
        best = error[:, -1].argmin(axis=1)
        course = error[np.arange(len(error)), :, best]
        spent = np.asarray(run.observation[SPENT.name].values)[0]
        colour = COLOURS[index % len(COLOURS)]
        axes.fill_between(
            spent, course.min(axis=0), course.max(axis=0), color=colour, alpha=0.2, lw=0
        )
        axes.plot(
            spent, course.mean(axis=0), color=colour, marker=MARKERS[index % len(MARKERS)],
            markevery=4, ms=4, ls=LINES[index % len(LINES)], label=label,
        )  # fmt: skip
    linear = float(next(iter(runs.values())).observation[LINEAR.name].values)
    axes.axhline(1.0, color=ink(), lw=0.8, label="mean image")
    axes.axhline(linear, color=ink(), lw=0.8, ls=":", label="best linear autoencoder")
    axes.set(
        title=title,
        xlabel="cost, gradients on all images",
        ylabel="training error over the mean image's",
        yscale="log",
        ylim=(None, 3.0),
    )
    # Below: curves of several methods fill the panel.
    axes.legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=4)
