"""Panels of error over size: theory in ink, seeds as bands, the threshold as a line."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.estimators.linear_baseline import KINDS
from carnotlab.runs.run import RunResult
from carnotlab.studies.double_descent.curves import (
    BASELINE,
    CHOSEN_ERROR,
    TEST_ERROR,
    TRAIN_ERROR,
    Curves,
    curves,
    sizes_of,
)
from carnotlab.studies.double_descent.peaks import rise
from carnotlab.studies.study import Results
from carnotlab.studies.style import LINES, draw_experiment, draw_theory, ink

MANY = 16
"""Seeds beyond which a band is the middle half of them: extremes of many would hide their mean."""


def draw_curves(
    axes: Axes,
    result: RunResult,
    *,
    title: str,
    xlabel: str,
    shown: tuple[tuple[Quantity, str], ...] = ((TEST_ERROR, "test"), (TRAIN_ERROR, "training")),
    controls: tuple[tuple[RunResult, str], ...] = (),
    threshold: float | None = None,
) -> None:
    """Draw error over size with theory where there is one, baselines, and controls' test error."""
    sizes = sizes_of(result)
    for index, (quantity, label) in enumerate(shown):
        _draw_seeds(axes, sizes, curves(result, quantity), index, label)
        if quantity.name in result.prediction:
            theory = np.asarray(result.prediction[quantity.name].values, dtype=np.float64)
            at = sizes
            if threshold is not None and quantity is TEST_ERROR:  # infinite there
                place = int(np.searchsorted(sizes, threshold))
                at, theory = (
                    np.insert(a, place, b) for a, b in ((at, threshold), (theory, np.nan))
                )
            draw_theory(axes, at, theory, index)
    for index, (control, label) in enumerate(controls, len(shown)):
        _draw_seeds(axes, sizes_of(control), curves(control), index, label)
    if BASELINE.name in result.observation:
        for kind, value in zip(KINDS, _baseline(result), strict=True):
            dashes = LINES[2 + KINDS.index(kind)]
            axes.axhline(value, color=ink(), lw=0.9, ls=dashes, alpha=0.7, label=f"{kind} (linear)")
    if threshold is not None:
        axes.axvline(threshold, color=ink(), lw=0.6, ls=":")
    axes.set(title=title, xlabel=xlabel, ylabel="error", xscale="log")
    highest = float(np.nanmax([curves(result, q).mean(axis=0) for q, _ in shown]))
    top = 1.1 * highest
    if controls:
        # Room for the legend, above the middle half of many draws too.
        upper = [np.quantile(curves(result, q), 0.75, axis=0) for q, _ in shown]
        top = max(1.45 * highest, 1.35 * float(np.nanmax(upper)))
    axes.set_ylim(0.0, top)
    ticks = _ticks(sizes)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    if controls:
        axes.legend(fontsize="x-small", loc="upper left", ncols=2)
    else:
        axes.legend(fontsize="x-small")


def curve_table(results: Results, title: str) -> Table:
    """Return peaks, what is before and behind them, and baselines, one row an arm."""
    table = Table(
        "arm", "trough", "peak (at)", "end", "regularized, there", "ridge", "logistic", title=title
    )
    for label, result in results.items():
        mean, sizes = curves(result).mean(axis=0), sizes_of(result)
        ratio, place = rise(mean)
        chosen = "-"
        if CHOSEN_ERROR.name in result.observation:
            chosen = f"{curves(result, CHOSEN_ERROR).mean(axis=0)[place]:.3f}"
        linear = ["-", "-"]
        if BASELINE.name in result.observation:
            linear = [f"{value:.3f}" for value in _baseline(result)]
        peak = f"{mean[place]:.3f} ({sizes[place]:g})"
        table.add_row(label, f"{ratio * mean[place]:.3f}", peak, f"{mean[-1]:.3f}", chosen, *linear)
    return table


def _draw_seeds(
    axes: Axes, sizes: Float[np.ndarray, " size"], members: Curves, index: int, label: str
) -> None:
    draw_experiment(axes, sizes, members, index, label, middle_half=len(members) > MANY)


def _baseline(result: RunResult) -> Float[np.ndarray, " kind"]:
    return np.asarray(result.observation[BASELINE.name].values, dtype=np.float64).mean(axis=0)


def _ticks(sizes: Float[np.ndarray, " size"]) -> Float[np.ndarray, " ticks"]:
    """Return sizes so far from one another that their labels do not touch."""
    kept: list[float] = []
    least = (sizes[-1] / sizes[0]) ** (1.0 / 9.0)
    for size in sizes:
        if not kept or size >= least * kept[-1]:
            kept.append(float(size))
    return np.array(kept)
