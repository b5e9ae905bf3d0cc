"""Accuracy against the number of training images: learners by colour, shuffled pixels hollow."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator
from rich.table import Table

from carnotlab.core.verdicts import bootstrap
from carnotlab.runs.kernel_curves import PRIOR_ACCURACY
from carnotlab.runs.learning_curves import CHANCE, accuracies
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of
from carnotlab.studies.infinite_width.convolution_verdicts import (
    DENSE,
    FLAT,
    POOLED,
    SHUFFLED,
    TRAINED,
    label_of,
)
from carnotlab.studies.study import Results, StudyResult
from carnotlab.studies.style import COLOURS, LINES, MARKERS, headline, ink

KINDS = (POOLED, FLAT, DENSE, TRAINED)


def names_of(results: Results) -> tuple[str, ...]:
    """Return the data sets of some results, in order."""
    return tuple(dict.fromkeys(label.split(": ")[0] for label in results))


def draw_small_data(result: StudyResult) -> Figure:
    """Draw for each data set accuracies above, and below them leads over the dense kernel."""
    names = names_of(result.results)
    figure = Figure(figsize=(5.6 * len(names) + 2.4, 5.6))
    grid = figure.add_gridspec(2, len(names), height_ratios=(2, 1))
    for column, name in enumerate(names):
        above = figure.add_subplot(grid[0, column])
        below = figure.add_subplot(grid[1, column], sharex=above)
        _draw_accuracies(above, result.results, name)
        _draw_leads(below, result.results, name)
        if column == 0:
            above.set_ylabel("accuracy, per cent")
            below.set_ylabel("lead over the\ndense kernel, points")
        if column == len(names) - 1:
            above.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.02, 1.0))
            below.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.02, 1.0))
    headline(
        figure,
        "Convolution and pooling help as images grow in number, and only while pixels keep their "
        "order",
    )
    return figure


def accuracy_table(results: Results, name: str) -> Table:
    """Return accuracies in per cent by number of images, with their standard error over draws."""
    whole = results[label_of(name, POOLED)]
    sizes = _sizes(whole)
    table = Table(title=f"{name}: accuracy in per cent, mean ± standard error over draws")
    table.add_column("training images")
    rows: list[tuple[str, RunResult, bool]] = []
    for label, run in results.items():
        if label.startswith(f"{name}: "):
            kind = label.removeprefix(f"{name}: ")
            trained = kind.startswith(TRAINED)
            rows.append((kind if trained else f"{kind}, NTK", run, False))
            if not trained:
                rows.append((f"{kind}, NNGP", run, True))
    for size in sizes:
        table.add_column(str(size), justify="right", no_wrap=True)
    for kind, run, prior in rows:
        found = dict(zip(_sizes(run), _in_words(run, prior), strict=True))
        table.add_row(kind, *(found.get(size, "") for size in sizes))
    return table


def _in_words(run: RunResult, prior: bool) -> list[str]:
    values = 100.0 * (accuracies(run, PRIOR_ACCURACY) if prior else accuracies(run))
    mean = values.mean(axis=0)
    if len(values) < 2:
        return [f"{m:.1f}" for m in mean]
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return [f"{m:.1f} ± {e:.1f}" for m, e in zip(mean, error, strict=True)]


def _sizes(run: RunResult) -> list[int]:
    return [int(size) for size in run.observation["samples"].values]


def _draw_accuracies(axes: Axes, results: Results, name: str) -> None:
    for index, kind in enumerate(KINDS):
        for change in (None, SHUFFLED):
            run = results.get(label_of(name, kind, change))
            # The dense kernel on shuffled pixels is the same to the last digits: one curve is both.
            if run is None or (kind == DENSE and change):
                continue
            _draw_band(axes, run, 100.0 * accuracies(run), index, kind, change)
    run = results[label_of(name, POOLED)]
    chance = 100.0 * float(run.observation[CHANCE])
    axes.axhline(chance, color=ink(), lw=0.7, ls=LINES[3], label="chance")
    axes.set_title(name)
    axes.tick_params(labelbottom=False)
    _label_sizes(axes, _sizes(run))


def _draw_leads(axes: Axes, results: Results, name: str) -> None:
    for change in (None, SHUFFLED):
        rival = results[label_of(name, DENSE, change)]
        for index, kind in enumerate(KINDS):
            run = results.get(label_of(name, kind, change))
            if run is None or kind == DENSE:
                continue
            lead = 100.0 * (accuracies(run) - accuracies(rival))
            _draw_band(axes, run, lead, index, kind, change, label=False)
    axes.axhline(0.0, color=ink(), lw=0.8, label=f"{DENSE}, in any order")
    axes.set_xlabel("training images")
    _label_sizes(axes, _sizes(results[label_of(name, POOLED)]))


def _draw_band(
    axes: Axes,
    run: RunResult,
    values: np.ndarray,
    index: int,
    kind: str,
    change: str | None,
    *,
    label: bool = True,
) -> None:
    """Draw means over draws with their bootstrap intervals; infinite nets are joined by lines."""
    intervals = [bootstrap(mean_of(values[:, i]), len(values)) for i in range(values.shape[1])]
    mean = np.array([each.value for each in intervals])
    low = np.array([each.low for each in intervals])
    high = np.array([each.high for each in intervals])
    finite = np.isfinite(low) & np.isfinite(high)
    sizes, colour = np.array(_sizes(run)), COLOURS[index]
    axes.errorbar(
        sizes,
        mean,
        [np.where(finite, mean - low, 0.0), np.where(finite, high - mean, 0.0)],
        color=colour,
        ls="" if kind == TRAINED else (LINES[1] if change else LINES[0]),
        lw=1.1,
        elinewidth=0.8,
        marker=MARKERS[index],
        ms=4.5,
        mfc="none" if change else colour,
        label=(f"{kind}, {change}" if change else kind) if label else None,
    )


def _label_sizes(axes: Axes, sizes: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
