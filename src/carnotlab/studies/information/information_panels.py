"""Panels of information: codelengths over samples and width, and bounds on errors."""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.information.information_run import (
    CODELENGTH,
    ERROR_BOUND,
    SHARE_OF_UNIFORM,
    STOCHASTIC_ERROR,
)
from carnotlab.studies.study import Results
from carnotlab.studies.style import COLOURS, MARKERS, ink

Label = Callable[[int, bool, bool], str]
UNIFORM = math.log2(10.0)


def draw_blocks(axes: Axes, results: Results, widest: int, label_of: Label) -> None:
    """Draw what labels cost by the number of samples learned before, under the uniform code."""
    shown = (
        ("true labels", label_of(widest, False, False)),
        ("true, linear classifier", label_of(0, False, False)),
        ("random labels", label_of(widest, True, False)),
        ("random, linear classifier", label_of(0, True, False)),
    )
    ends = np.asarray(results[shown[0][1]].observation["block"].values)[:-1]
    for index, (name, label) in enumerate(shown):
        run = results[label]
        bits = np.asarray(run.observation[CODELENGTH.name].values)[:, 1:]
        axes.fill_between(
            ends, bits.min(axis=0), bits.max(axis=0), color=COLOURS[index], alpha=0.2, lw=0
        )
        axes.plot(
            ends,
            bits.mean(axis=0),
            color=COLOURS[index],
            marker=MARKERS[index],
            ms=4,
            lw=1,
            label=name,
        )
    axes.axhline(UNIFORM, color=ink(), lw=1.1)
    axes.text(ends[len(ends) // 2], UNIFORM, "uniform code", ha="center", va="bottom", fontsize=7)
    axes.set(
        title=f"cost of the next labels, width {widest}",
        xlabel="samples learned before",
        ylabel="bits a label",
        xscale="log",
        yscale="log",
    )
    axes.set_yticks([0.25, 0.5, 1, 2, 4, 8], ["0.25", "0.5", "1", "2", "4", "8"])
    axes.minorticks_off()
    axes.legend(fontsize="x-small")


def draw_widths(axes: Axes, results: Results, widths: tuple[int, ...], label_of: Label) -> None:
    """Draw the whole codelength over width, of networks trained to the end or held back."""
    for index, (name, random, held) in enumerate(
        (
            ("true labels", False, False),
            ("random labels", True, False),
            ("true, held near the start", False, True),
            ("random, held near the start", True, True),
        )
    ):
        if label_of(widths[0], random, held) in results:
            runs = [results[label_of(width, random, held)] for width in widths]
            _marks(axes, widths, runs, SHARE_OF_UNIFORM.name, index, name)
    linear = float(results[label_of(0, False, False)].observation[SHARE_OF_UNIFORM.name].mean())
    axes.axhline(linear, color=ink(), lw=0.9, ls="--", label="true, linear classifier")
    axes.axhline(1.0, color=ink(), lw=1.1)
    axes.text(widths[-1], 1.0, "uniform code", ha="right", va="bottom", fontsize=7)
    axes.set(title="all labels", xlabel="width", ylabel="codelength over uniform code")
    axes.set(xscale="log", yscale="log")
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.set_yticks([0.2, 0.5, 1, 2], ["0.2", "0.5", "1", "2"])
    axes.minorticks_off()
    axes.legend(fontsize="x-small")


def draw_bounds(
    axes: Axes, results: Results, widths: tuple[int, ...], label_of: Label, chance: float
) -> None:
    """Draw bounds over width with the errors that they bound, and the error of guessing."""
    for index, (name, random) in enumerate((("true labels", False), ("random labels", True))):
        runs = [results[label_of(width, random, False)] for width in widths]
        _marks(axes, widths, runs, ERROR_BOUND.name, index, f"{name}: bound", ls="-")
        _marks(axes, widths, runs, STOCHASTIC_ERROR.name, index, f"{name}: held-out error", ls=":")
    axes.axhline(chance, color=ink(), lw=1.1)
    axes.text(widths[-1], chance, "guessing", ha="right", va="top", fontsize=7)
    axes.set(title="error of the stochastic network", xlabel="width", ylabel="error", xscale="log")
    axes.set_ylim(0.0, 1.05)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.minorticks_off()
    axes.legend(fontsize="x-small", loc="center")


def _marks(
    axes: Axes,
    widths: tuple[int, ...],
    runs: list[RunResult],
    name: str,
    index: int,
    label: str,
    ls: str = "-",
) -> None:
    values = np.stack([np.asarray(run.observation[name].values) for run in runs], axis=1)
    middle = values.mean(axis=0)
    spread = [middle - values.min(axis=0), values.max(axis=0) - middle]
    axes.errorbar(
        widths,
        middle,
        spread,
        color=COLOURS[index],
        marker=MARKERS[index],
        ms=4,
        lw=1,
        ls=ls,
        label=label,
    )
