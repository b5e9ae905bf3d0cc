"""Panels of networks of growing width against infinite width: gaps, losses and outputs."""

import numpy as np
from matplotlib.axes import Axes

from carnotlab.core.verdicts import bootstrap
from carnotlab.studies.infinite_width.width_gaps import gap_exponent, gap_of
from carnotlab.studies.study import Results
from carnotlab.studies.style import (
    COLOURS,
    LINES,
    MARKERS,
    draw_experiment,
    draw_theory,
    error_bars,
    ink,
)


def draw_gaps(
    axes: Axes,
    results: Results,
    shown: tuple[int, ...],
    fitted: tuple[int, ...],
    kind: str,
    index: int,
) -> None:
    """Draw gaps over width with their intervals, and the slope that theory gives."""
    widths = np.array(shown)
    seeds = results[f"{kind}, width {widths[0]}"].observation.sizes["seed"]
    intervals = [
        bootstrap(gap_of(kind)(results[f"{kind}, width {width}"]), seeds) for width in widths
    ]
    values = np.array([interval.value for interval in intervals])
    slope = bootstrap(gap_exponent(results, kind, fitted), seeds)
    names = {"kernel": "kernel at the start", "NTK": "predictions", "mean field": "mean field"}
    axes.errorbar(
        widths,
        values,
        error_bars(intervals),
        fmt=MARKERS[index],
        color=COLOURS[index],
        ms=4,
        lw=1,
        label=f"{names[kind]}: {slope.value:+.2f} [{slope.low:+.2f}, {slope.high:+.2f}]",
    )
    if kind != "mean field" and np.isfinite(values).all():
        # Anchored at the middle width: its slope is the theory's, only its height is the data's.
        middle = len(widths) // 2
        axes.plot(
            widths,
            values[middle] * (widths / widths[middle]) ** -0.5,
            color=ink(),
            lw=0.9,
            label="slope -1/2" if kind == "kernel" else None,
        )


def draw_losses(
    axes: Axes, strip: Axes, results: Results, widths: tuple[int, ...], tolerance: float
) -> None:
    """Draw held-out losses of three widths over theory, and of mean-field networks."""
    shown = [widths[0], widths[len(widths) // 2], widths[-1]]
    for index, width in enumerate(shown):
        run = results[f"NTK, width {width}"]
        time = np.asarray(run.observation["time"].values)
        theory = np.asarray(run.prediction["test_loss"].values)
        seen = np.asarray(run.observation["test_loss"].values, dtype=np.float64)
        draw_experiment(axes, time, seen, index, f"width {width}")
        strip.plot(time, (seen.mean(axis=0) - theory) / theory, color=COLOURS[index], lw=1)
        if width == shown[-1]:
            draw_theory(axes, time, theory, 0, "infinite width")
            strip.axhspan(-tolerance, tolerance, color=ink(), alpha=0.08, lw=0)
            strip.axhline(0.0, color=ink(), lw=0.6)
    run = results[f"mean field, width {shown[-1]}"]
    time = np.asarray(run.observation["time"].values)
    rich = np.asarray(run.observation["test_loss"].values, dtype=np.float64)
    draw_experiment(axes, time, rich, len(shown), f"mean field, width {shown[-1]}")
    axes.set(title="held-out loss over training", ylabel="loss", xscale="symlog", yscale="log")
    axes.set_xscale("symlog", linthresh=1.0)
    axes.tick_params(labelbottom=False)
    axes.legend(fontsize="small")
    strip.set(xlabel="steps", ylabel="relative\ndifference", ylim=(-0.35, 0.35))


def draw_predictions(axes: Axes, results: Results, width: int) -> None:
    """Draw held-out outputs of all members at the end, against each member's own prediction."""
    limits: list[float] = []
    for index, kind in enumerate(("mean field", "NTK")):
        run = results[f"{kind}, width {width}"]
        seen = np.asarray(run.observation["test_prediction"].values)[:, -1, ::4].ravel()
        expected = np.asarray(run.prediction["test_prediction_from_start"].values)[:, -1, ::4]
        axes.plot(
            expected.ravel()[::3],
            seen[::3],
            ".",
            ms=2,
            alpha=0.5,
            rasterized=True,
            color=COLOURS[2 - index],
            label=f"{kind}, width {width}",
        )
        limits += [float(expected.min()), float(expected.max())]
    axes.plot(
        [min(limits), max(limits)], [min(limits), max(limits)], color=ink(), lw=0.9, ls=LINES[0]
    )
    axes.set(
        title="held-out outputs at the end", xlabel="predicted from the start", ylabel="trained"
    )
    axes.legend(fontsize="small", markerscale=4)
