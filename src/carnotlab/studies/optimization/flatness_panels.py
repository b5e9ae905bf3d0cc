"""Panels of flatness by the scale of layers."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.optimization.flatness_run import CHANGE, FLATNESS, MEASURES, PREDICTED
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_theory


def draw_sharpness(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw sharpness of each network by scale, over the scaled Hessian's."""
    for index, (label, run) in enumerate(runs.items()):
        scales = np.asarray(run.observation["scale"].values)
        seen = np.asarray(run.observation[FLATNESS.name].values)[:, :, 0]
        expected = np.asarray(run.prediction[PREDICTED.name].values)
        for seed, row in enumerate(seen):
            axes.plot(
                scales, row, color=COLOURS[index], marker=MARKERS[index], lw=0, ms=5,
                label=label if seed == 0 else None,
            )  # fmt: skip
            draw_theory(axes, scales, expected[seed], index)
    axes.set(
        title="sharpness (lines: Hessian behind training, scaled)",
        xlabel="first layer times, last layer over",
        ylabel="largest eigenvalue",
        xscale="log",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_measures(axes: Axes, run: RunResult) -> None:
    """Draw all measures over what they are behind training."""
    scales = np.asarray(run.observation["scale"].values)
    flat = np.asarray(run.observation[FLATNESS.name].values)
    one = int(np.argmin(np.abs(np.log(scales))))
    for index, name in enumerate(MEASURES):
        values = (flat[:, :, index] / flat[:, one : one + 1, index]).mean(axis=0)
        axes.plot(
            scales, values, color=COLOURS[index], marker=MARKERS[index], ls=LINES[index], ms=5,
            label=name,
        )  # fmt: skip
    axes.set(
        title="what moves and what does not",
        xlabel="first layer times, last layer over",
        ylabel="over that behind training",
        xscale="log",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_change(axes: Axes, runs: Mapping[str, RunResult]) -> None:
    """Draw how far held-out outputs change with the scale."""
    for index, (label, run) in enumerate(runs.items()):
        scales = np.asarray(run.observation["scale"].values)
        change = np.maximum(np.asarray(run.observation[CHANGE.name].values).mean(axis=0), 1e-17)
        axes.plot(
            scales, change, color=COLOURS[index], marker=MARKERS[index], ms=5, ls=LINES[index],
            label=label.removeprefix("control: "),
        )  # fmt: skip
    axes.set(
        title="change of held-out outputs",
        xlabel="first layer times, last layer over",
        ylabel="relative change",
        xscale="log",
        yscale="log",
        ylim=(1e-18, 10.0),
    )
    axes.legend(fontsize="x-small")
