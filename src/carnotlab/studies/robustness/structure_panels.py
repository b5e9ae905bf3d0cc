"""Panels of `structure_of_data`: courses over predictions of stand-ins, and errors."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.style import (
    COLOURS,
    MARKERS,
    draw_experiment,
    draw_residual,
    draw_theory,
    ink,
)


def draw_courses(axes: Axes, strip: Axes, arms: Mapping[str, RunResult]) -> None:
    """Draw training losses with each one's theory, and the first's distance from all theories."""
    real = next(iter(arms.values()))
    seen = observed(real, TRAIN_LOSS).mean(axis=0)
    for index, (kind, result) in enumerate(arms.items()):
        time = flow_time(result)[1:]
        draw_experiment(axes, time, observed(result, TRAIN_LOSS)[:, 1:], index, kind)
        theory = predicted(result, TRAIN_LOSS).mean(axis=0)
        label = None if index else "theory, each from its own data"
        draw_theory(axes, time, theory[1:], 0, label)
        draw_residual(strip, time, (seen - theory)[1:] / float(seen[0]), index)
    strip.axhline(0.0, color=ink(), lw=0.6)
    axes.set(xscale="log", ylabel="training loss", ylim=(0.0, None))
    axes.tick_params(labelbottom=False)
    axes.legend(fontsize="x-small")
    strip.set(xlabel="flow time", ylabel="real minus\ntheories")


def draw_errors(
    axes: Axes, runs: Mapping[str, RunResult], kinds: Sequence[str], luck: float
) -> None:
    """Draw, for each kind of data, the share of held-out samples each network has wrong."""
    for index, (network, run) in enumerate(runs.items()):
        places = np.arange(len(kinds)) + 0.16 * (index - 0.5)
        last = run.observation["test_accuracy"].transpose("seed", "task", "time").values[:, :, -1]
        wrong = 1.0 - np.asarray(last, dtype=np.float64)
        means = wrong.mean(axis=0)
        axes.errorbar(
            means,
            places,
            xerr=np.maximum([means - wrong.min(axis=0), wrong.max(axis=0) - means], 0.0),
            color=COLOURS[index],
            marker=MARKERS[index],
            lw=0,
            elinewidth=1.0,
            label=f"{network} network",
        )
    axes.axvline(luck, color=ink(), lw=1.0, ls="--", label="luck")
    axes.set_yticks(range(len(kinds)), [kind.replace(", ", ",\n") for kind in kinds])
    axes.invert_yaxis()
    axes.set(xlabel="share wrong", xlim=(0.0, None))
    axes.legend(fontsize="x-small", loc="upper center")
