"""Panels of how far tangent kernels move: at the end over width, and over training."""

import numpy as np
from matplotlib.axes import Axes

from carnotlab.core.verdicts import bootstrap
from carnotlab.studies.infinite_width.kernel_motion import (
    kernel_motion,
    motion_exponent,
    relative_changes,
)
from carnotlab.studies.study import Results
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_experiment, error_bars, ink


def draw_motion(
    axes: Axes,
    results: Results,
    shown: tuple[int, ...],
    fitted: tuple[int, ...],
    label: str,
    index: int,
) -> None:
    """Draw the change at the end against width, and the theory's power through the widest."""
    widths = np.array(shown)
    runs = [results[f"{label}, width {width}"] for width in widths]
    seeds = runs[0].observation.sizes["seed"]
    intervals = [bootstrap(kernel_motion(run), seeds) for run in runs]
    values = np.array([interval.value for interval in intervals])
    if not np.isfinite(values).all():
        return
    slope = bootstrap(motion_exponent(results, label, fitted), seeds)
    activation = label.split(", ")[1]
    axes.errorbar(
        widths,
        values,
        error_bars(intervals),
        fmt=MARKERS[index],
        color=COLOURS[index],
        ms=4.5,
        lw=1,
        label=f"{activation}: {slope.value:+.2f} [{slope.low:+.2f}, {slope.high:+.2f}]",
    )
    # Anchored at a width where the change is small: slopes are theory's, heights are the data's.
    middle = len(widths) // 2
    ratios = widths / widths[middle]
    if label.endswith("mean field"):
        named = None if index else "slope 0"
        axes.plot(widths, values[middle] * ratios**0.0, color=ink(), lw=0.9, label=named)
    elif activation == "smooth":
        axes.plot(widths, values[middle] / ratios, color=ink(), lw=0.9, label="slope -1")
        bound = values[middle] * ratios**-0.5
        axes.plot(widths, bound, color=ink(), lw=0.9, ls=LINES[3], label="bound: slope -1/2")
    else:
        slow, fast = values[middle] * ratios**-0.75, values[middle] / ratios
        named = "slopes -1 to -3/4"
        axes.fill_between(widths, slow, fast, color=ink(), alpha=0.15, lw=0, label=named)


def draw_courses(axes: Axes, results: Results, widths: tuple[int, ...], name: str) -> None:
    """Draw the change over training, lazy at three widths and rich at the widest."""
    shown = [
        *(("NTK", width) for width in (widths[0], widths[len(widths) // 2], widths[-1])),
        ("mean field", widths[-1]),
    ]
    for index, (kind, width) in enumerate(shown):
        run = results[f"{name}, smooth, {kind}, width {width}"]
        time = np.asarray(run.observation["time"].values)
        draw_experiment(axes, time[1:], relative_changes(run)[:, 1:], index, f"{kind}, {width}")
    axes.set(title="over training, smooth activation", xlabel="steps", xscale="log", yscale="log")
    axes.set_ylim(axes.get_ylim()[0] / 8.0, None)
    axes.legend(fontsize="small", loc="lower right", ncols=2)
