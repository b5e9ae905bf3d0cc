"""Panels and tables of interpolators: by number of labels, by prior, and on digits."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from rich.table import Table

from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.interpolation.digit_interpolators import (
    BASELINE,
    MULTIPLES,
    UNSEEN,
    WRONG,
)
from carnotlab.studies.interpolation.interpolator_run import EXCESS
from carnotlab.studies.style import COLOURS, LINES, MARKERS, ink
from carnotlab.theories.high_dimensional.random_interpolators import gibbs_error


def draw_ratios(axes: Axes, runs: Mapping[str, RunResult], inputs: int) -> None:
    """Draw excess errors against labels per weight, with bars of two standard errors."""
    for index, (label, result) in enumerate(runs.items()):
        seen, expected = observed(result, EXCESS)[:, 0], predicted(result, EXCESS)[0, 0]
        share = np.asarray(result.observation["samples"].values) / inputs
        axes.plot(share, expected, color=ink(), lw=1.1, ls=LINES[index % len(LINES)])
        _marks(axes, share + 0.006 * (index - 2), seen, index, label)
    axes.set(
        title="all fit their labels; one error each",
        xlabel="labels per weight",
        ylabel="excess error, in the teacher's variance",
        ylim=(0.0, None),
    )
    axes.legend(fontsize="x-small", loc="upper right")


def draw_priors(
    axes: Axes, runs: Mapping[str, Mapping[float, RunResult]], inputs: int, noise: float
) -> None:
    """Draw excess errors against the prior's variance, at the fewest and the most labels."""
    fine = np.linspace(0.0, 1.15 * max(max(found) for found in runs.values()), 50)
    for group, (label, found) in enumerate(runs.items()):
        sizes = np.asarray(next(iter(found.values())).observation["samples"].values)
        for place, column in enumerate((0, len(sizes) - 1)):
            p, index = int(sizes[column]), 2 * group + place
            variance = noise if group else 0.0
            theory = [
                gibbs_error(inputs, p, prior_variance=v, noise_variance=variance) for v in fine
            ]
            axes.plot(fine, theory, color=ink(), lw=1.1, ls=LINES[index])
            values = np.stack([observed(run, EXCESS)[:, 0, column] for run in found.values()], 1)
            name = f"{label}, {p / inputs:.2g} labels per weight"
            _marks(axes, np.array(list(found)), values, index, name)
    axes.set(
        title="the prior decides, without a bound",
        xlabel="variance of the prior or of the start",
        ylabel="excess error",
        ylim=(0.0, None),
    )
    axes.legend(fontsize="x-small", loc="upper left")


def draw_digits(axes: Axes, result: RunResult) -> None:
    """Draw errors on unseen digits over that of the least norm, and wrong classes beside."""
    seen, expected = observed(result, UNSEEN)[:, 0], predicted(result, UNSEEN)[:, 0]
    least = expected[:, 0].mean()
    multiples = np.array(MULTIPLES)
    axes.plot(multiples, expected.mean(axis=0) / least, color=ink(), lw=1.1)
    _marks(axes, multiples, seen / least, 0, "squared error over the least norm's")
    axes.set(
        title="digits: free weights hurt as they are scaled",
        xlabel="variance of the prior, over the likeliest",
        ylabel="squared error, over the least norm's",
        ylim=(0.0, None),
    )
    other = axes.twinx()
    _marks(other, multiples, observed(result, WRONG)[:, 0], 1, "wrong classes (right scale)")
    baseline = np.asarray(result.observation[BASELINE.name].values)
    for index, (kind, value) in enumerate(zip(("ridge", "logistic"), baseline, strict=True)):
        other.axhline(
            float(value), color=COLOURS[1], lw=1.0, ls=LINES[2 + index], label=f"{kind} on pixels"
        )
    other.set(ylabel="wrong classes", ylim=(0.0, None))
    other.spines["right"].set_visible(True)
    handles, names = axes.get_legend_handles_labels()
    more, others = other.get_legend_handles_labels()
    axes.legend(handles + more, names + others, fontsize="x-small", loc="upper left")


def interpolator_table(
    results: Mapping[str, RunResult], inputs: int, digits: str
) -> tuple[Table, ...]:
    """Return errors beside theory for each arm, and digits beside linear baselines."""
    tests = {label: run for label, run in results.items() if "control" not in label}
    sizes = np.asarray(next(iter(tests.values())).observation["samples"].values)
    table = Table("excess error, found / theory", *(f"{p / inputs:.2g} labels" for p in sizes))
    for label, run in tests.items():
        if label == digits:
            continue
        seen, expected = observed(run, EXCESS)[:, 0].mean(axis=0), predicted(run, EXCESS)[0, 0]
        row = [f"{a:.3f} / {b:.3f}" for a, b in zip(seen, expected, strict=True)]
        table.add_row(label, *row)
    real = Table("digits", *(f"prior {multiple:g}" for multiple in MULTIPLES))
    run = results[digits]
    error = observed(run, UNSEEN)[:, 0].mean(axis=0)
    real.add_row("squared error", *(f"{value:.3f}" for value in error))
    wrong = observed(run, WRONG)[:, 0].mean(axis=0)
    real.add_row("wrong classes", *(f"{value:.3f}" for value in wrong))
    ridge, logistic = np.asarray(run.observation[BASELINE.name].values)
    real.add_row("ridge / logistic on pixels", f"{ridge:.3f} / {logistic:.3f}")
    return table, real


def _marks(axes: Axes, places: np.ndarray, members: np.ndarray, index: int, label: str) -> None:
    axes.errorbar(
        places,
        members.mean(axis=0),
        2.0 * members.std(axis=0) / len(members) ** 0.5,
        fmt=MARKERS[index % len(MARKERS)],
        color=COLOURS[index % len(COLOURS)],
        ms=4,
        label=label,
    )
