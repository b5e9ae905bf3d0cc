"""Panels of orthogonal starts: steps to learn over depth, and losses by sign."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from carnotlab.core.verdicts import Interval, bootstrap
from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.deep_linear.determinant_gaps import steps_to_learn, wrong_sign
from carnotlab.studies.deep_linear.determinant_run import STUCK_LOSS
from carnotlab.studies.errors import observed
from carnotlab.studies.style import COLOURS, LINES, MARKERS, error_bars, ink


def draw_times(
    axes: Axes, runs: Mapping[str, Mapping[int, RunResult]], steps: int, title: str
) -> None:
    """Draw the number of steps to learn half over depth, by start; training takes ``steps``."""
    layers = list(next(iter(runs.values())))
    depths = np.array(layers, dtype=np.float64)
    for index, (start, by_depth) in enumerate(runs.items()):
        values: list[Interval] = []
        for run in by_depth.values():
            times = steps_to_learn(run)
            times = np.where(np.isfinite(times), times, steps)
            values.append(bootstrap(lambda rows, t=times: float(np.median(t[rows])), len(times)))
        middle = np.array([value.value for value in values])
        axes.errorbar(
            depths,
            middle,
            error_bars(values),
            fmt=MARKERS[index],
            color=COLOURS[index],
            ms=5,
            label=start,
        )
        if start == "orthogonal":
            axes.axhline(
                float(np.median(middle)), color=ink(), lw=1.1, label="at any depth the same"
            )
        else:
            axes.plot(
                depths,
                middle[0] * depths / depths[0],
                color=ink(),
                lw=1.1,
                ls="--",
                label="as depth",
            )
    axes.axhline(steps, color=ink(), lw=0.6, ls=":")
    axes.set(
        title=title,
        xlabel="weight layers",
        ylabel="steps until half is learned",
        xscale="log",
        yscale="log",
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(depths.tolist(), [str(depth) for depth in layers])
    axes.legend(fontsize="x-small")


def draw_square(axes: Axes, result: RunResult, depth: int) -> None:
    """Draw losses on the square task, by the sign that each network starts with."""
    time = np.asarray(result.observation["time"].values, dtype=np.float64)
    losses, wrong = observed(result, TRAIN_LOSS), wrong_sign(result)
    for index, (chosen, label) in enumerate(((~wrong, "right sign"), (wrong, "wrong sign"))):
        for place, own in enumerate(losses[chosen]):
            axes.plot(
                np.maximum(time, 0.5),
                own,
                color=COLOURS[2 + 2 * index],
                ls=LINES[index],
                lw=0.8,
                label=f"{label} of the determinant" if place == 0 else None,
            )
    level = float(result.prediction[STUCK_LOSS.name].values)
    axes.axhline(level, color=ink(), lw=1.2, label="weakest mode unlearned")
    axes.set(
        title=f"square task, depth {depth}, orthogonal starts",
        xlabel="steps",
        ylabel="loss",
        xscale="log",
        yscale="log",
        ylim=(1e-3 * level, 3.0 * float(losses.max())),
    )
    axes.legend(fontsize="x-small", loc="lower left")
