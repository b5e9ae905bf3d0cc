"""Panels of initial scales and rates."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import RunResult
from carnotlab.studies.normalization.equivalence_panels import FLOOR
from carnotlab.studies.normalization.scale_run import VARIANT_LOSS
from carnotlab.studies.style import COLOURS, LINES, MARKERS, ink


def draw_courses(
    axes: Axes,
    run: RunResult,
    shown: Sequence[str],
    quantity: Quantity,
    tolerance: float | None = None,
) -> None:
    """Draw a quantity of some settings over steps, geometric mean over seeds."""
    time = run.observation["time"].values
    for index, variant in enumerate(shown):
        values = run.observation[quantity.name].sel(variant=variant).values
        middle = np.exp(np.log(np.maximum(values, FLOOR)).mean(axis=0))
        axes.plot(
            time[1:],
            middle[1:],
            color=COLOURS[index % len(COLOURS)],
            ls=LINES[index % len(LINES)],
            marker=MARKERS[index % len(MARKERS)],
            ms=3.0,
            markevery=max(len(time) // 8, 1),
            lw=1.2,
            label=variant.removeprefix("control: "),
        )
    if tolerance is not None:
        axes.axhspan(FLOOR, tolerance, color=ink(), alpha=0.08, lw=0)
        axes.set_ylim(bottom=FLOOR)
    axes.set(xlabel="steps", yscale="log")
    axes.legend(fontsize="x-small")


def draw_collapse(
    axes: Axes, run: RunResult, scales: Sequence[float], rates: Sequence[float]
) -> None:
    """Draw losses at the end over the rate, joined where the rate over squared scale is one."""
    losses = run.observation[VARIANT_LOSS.name].isel(time=-1).values.mean(axis=0)
    table = losses.reshape(len(rates), len(scales))
    for row, rate in enumerate(rates):
        x = [rate * c * c for c in scales]
        axes.plot(x, table[row], color=ink(), lw=0.9, ls=LINES[row])
        for column, scale in enumerate(scales):
            axes.plot(
                x[column],
                table[row, column],
                MARKERS[column],
                color=COLOURS[column],
                ms=6,
                label=f"start × {scale:g}" if row == 0 else None,
            )
    axes.set(
        title="lines: one rate over squared scale",
        xlabel="rate, in units of the usual one",
        ylabel="training loss at the end",
        xscale="log",
        yscale="log",
    )
    axes.legend(fontsize="x-small")
