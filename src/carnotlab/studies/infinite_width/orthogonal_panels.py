"""Panels of orthogonal against Gaussian starts: spectra, kernels and learning times."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from carnotlab.core.verdicts import Interval, bootstrap
from carnotlab.measures.jacobian import JACOBIAN_SPREAD
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import predicted
from carnotlab.studies.infinite_width.orthogonal_gaps import best_learning_time, spread
from carnotlab.studies.infinite_width.width_gaps import kernel_gap
from carnotlab.studies.study import Statistic
from carnotlab.studies.style import COLOURS, LINES, MARKERS, error_bars, ink


def draw_spreads(
    axes: Axes, layers: Sequence[int], runs: Mapping[str, Sequence[RunResult]]
) -> None:
    """Draw the second moment of squared singular values over depth, theory over networks."""
    for index, (label, results) in enumerate(runs.items()):
        found = [
            bootstrap(_plus_one(result), result.observation.sizes["seed"]) for result in results
        ]
        _points(axes, layers, found, index, label)
        expected = [1.0 + float(predicted(result, JACOBIAN_SPREAD)[0, 0]) for result in results]
        axes.plot(layers, expected, color=ink(), lw=1.1, ls=LINES[index % len(LINES)])
    axes.set(
        title="singular values of the Jacobian",
        xlabel="weight layers",
        ylabel="fourth moment / squared second moment",
        xscale="log",
        yscale="log",
    )
    _ticks(axes, layers)
    axes.set_ylim(bottom=0.8)
    axes.legend(fontsize="x-small", loc="upper left")


def draw_kernels(
    axes: Axes, widths: Sequence[int], runs: Mapping[str, Sequence[RunResult]]
) -> None:
    """Draw kernels' distances from the one limit over width, with the slope -1/2."""
    for index, (label, results) in enumerate(runs.items()):
        found = [
            bootstrap(kernel_gap(result), result.observation.sizes["seed"]) for result in results
        ]
        _points(axes, widths, found, index, label)
        if "unscaled" not in label:
            line = found[0].value * np.sqrt(widths[0] / np.asarray(widths, dtype=np.float64))
            named = "slope −1/2" if index == 0 else None
            axes.plot(widths, line, color=ink(), lw=1.1, label=named)
    axes.set(
        title="distance from the kernel of infinite width",
        xlabel="width",
        ylabel="relative distance",
        xscale="log",
        yscale="log",
    )
    _ticks(axes, widths)
    axes.legend(fontsize="x-small")


def draw_times(
    axes: Axes,
    depths: Sequence[int],
    runs: Mapping[str, Sequence[Sequence[RunResult]]],
) -> None:
    """Draw the shortest learning time over rates against depth, for both starts."""
    for index, (label, columns) in enumerate(runs.items()):
        found = [
            bootstrap(best_learning_time(column), column[0].observation.sizes["seed"])
            for column in columns
        ]
        _points(axes, depths, found, index, label, joined=True)
        if label == "Gaussian":
            line = found[0].value * np.asarray(depths) / depths[0]
            axes.plot(depths, line, color=ink(), lw=1.1, ls="--", label="as depth")
        else:
            axes.axhline(found[0].value, color=ink(), lw=1.1, label="at any depth the same")
    axes.set(
        title="tanh networks on digits, best of all rates",
        xlabel="hidden layers",
        ylabel="steps until half is learned",
        xscale="log",
        yscale="log",
    )
    _ticks(axes, depths)
    axes.legend(fontsize="x-small")


def _plus_one(result: RunResult) -> Statistic:
    measured = spread(result)
    return lambda rows: 1.0 + measured(rows)


def _points(
    axes: Axes,
    places: Sequence[int],
    found: Sequence[Interval],
    index: int,
    label: str,
    *,
    joined: bool = False,
) -> None:
    values = np.array([one.value for one in found])
    axes.errorbar(
        places,
        values,
        error_bars(found),
        fmt=MARKERS[index % len(MARKERS)],
        ls=":" if joined else "none",
        color=COLOURS[index % len(COLOURS)],
        ms=4,
        lw=1,
        label=label,
    )


def _ticks(axes: Axes, places: Sequence[int]) -> None:
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([float(place) for place in places], [str(place) for place in places])
    # Plain numbers: powers of ten are hard to read where an axis spans one or two.
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
