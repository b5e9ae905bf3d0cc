"""Panels of growing rates: gaps to training with decay, norms, and single precision."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.normalization.equivalence_run import (
    FUNCTION_GAP,
    LOG2_NORM,
    VARIANT_NORM,
)
from carnotlab.studies.style import COLOURS, LINES, MARKERS, ink

FLOOR = 1e-16
"""Gaps of exactly zero are drawn here."""


def draw_gaps(axes: Axes, shown: Mapping[str, tuple[RunResult, str]], tolerance: float) -> None:
    """Draw the largest difference of outputs over steps, geometric mean over seeds."""
    for index, (label, (run, variant)) in enumerate(shown.items()):
        values = run.observation[FUNCTION_GAP.name].sel(variant=variant).values
        with np.errstate(divide="ignore"):
            middle = np.exp(np.log(np.maximum(values, FLOOR)).mean(axis=0))
        time = run.observation["time"].values
        axes.plot(
            time[1:],
            middle[1:],
            color=COLOURS[index % len(COLOURS)],
            ls=LINES[index % len(LINES)],
            marker=MARKERS[index % len(MARKERS)],
            ms=3.0,
            markevery=max(len(time) // 8, 1),
            lw=1.2,
            label=label,
        )
    axes.axhspan(FLOOR, tolerance, color=ink(), alpha=0.08, lw=0)
    axes.set(xlabel="steps", ylabel="largest gap of outputs", yscale="log", ylim=(FLOOR, None))
    axes.legend(fontsize="x-small")


def draw_norms(axes: Axes, run: RunResult) -> None:
    """Draw norms with and without decay, the latter over what the recursion predicts."""
    time = run.observation["time"].values
    for index, variant in enumerate(("decay", "recursion")):
        norms = 2.0 ** run.observation[VARIANT_NORM.name].sel(variant=variant).values.mean(axis=0)
        axes.plot(
            time,
            norms,
            color=COLOURS[index],
            marker=MARKERS[index],
            ms=3.5,
            lw=0,
            markevery=2,
            label="with decay" if variant == "decay" else "growing rate, no decay",
        )
    expected = 2.0 ** run.prediction[LOG2_NORM.name].values.mean(axis=0)
    axes.plot(time, expected, color=ink(), lw=1.1, label="the former over its predicted scale")
    axes.set(
        title="the same function at another scale",
        xlabel="steps",
        ylabel="norm of weights",
        yscale="log",
    )
    axes.legend(fontsize="x-small")


def draw_overflow(axes: Axes, run: RunResult) -> None:
    """Draw norms in single precision under strong decay, rescaled and not."""
    time = run.observation["time"].values
    shown = {
        "recursion, strong": "growing rate, until it overflows",
        "recursion, strong, rescaled": "the same, rescaled by powers of two",
        "decay, strong": "with decay",
    }
    for index, (variant, label) in enumerate(shown.items()):
        values = run.observation[VARIANT_NORM.name].sel(variant=variant).values[0]
        norms = np.log10(2.0) * np.where(np.isfinite(values), values, np.nan)
        axes.plot(
            time,
            norms,
            color=COLOURS[index],
            ls=LINES[index],
            marker=MARKERS[index],
            ms=3.0,
            lw=1.2,
            label=label,
        )
    largest = np.log10(float(np.finfo(np.float32).max)) / 2.0
    axes.axhline(largest, color=ink(), lw=0.8, ls=":", label="squares overflow")
    axes.set(
        title="single precision, five times the decay",
        xlabel="steps",
        ylabel="log10 of the norm of weights",
    )
    axes.legend(fontsize="x-small")
