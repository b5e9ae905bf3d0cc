"""Panels of learners: fits over scores, what is claimed of whom, and how much worse rivals are."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter
from rich.table import Table

from carnotlab.runs.run import RunResult
from carnotlab.studies.learners.weighing import FITTED, SCORE, WORSE_BY, claims
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_residual, ink
from carnotlab.theories.learners.evidence import MARGIN, NO_LEARNING, NO_SHAPE

SHORT_NAMES = {NO_LEARNING: "no learning\nseen", NO_SHAPE: "no shape\ntold"}


def draw_networks(courses: Axes, strip: Axes, results: Sequence[RunResult]) -> None:
    """Draw one learner of each depth with the best curve, and what it leaves over."""
    for index, result in enumerate(results):
        member = result.observation.isel(seed=result.observation.sizes["seed"] // 2)
        time, score, fitted = (member[name].values for name in ("time", SCORE.name, FITTED.name))
        colour = COLOURS[index % len(COLOURS)]
        marker = MARKERS[index % len(MARKERS)]
        courses.plot(
            time, score, marker, color=colour, ms=3, lw=0, label=f"depth {index + 1}", alpha=0.8
        )
        courses.plot(time, fitted, color=ink(), lw=1.0, ls=LINES[index % len(LINES)])
        draw_residual(strip, time, score - fitted, index, 0.03)
    courses.set(title="trained networks, best fits (lines)", ylabel="share learned")
    courses.tick_params(labelbottom=False)
    courses.legend(fontsize="x-small")
    strip.set(xlabel="block", ylabel="left over", ylim=(-0.06, 0.06))


def draw_claims(
    axes: Axes, results: Mapping[str, RunResult], rows: Mapping[str, str], names: Sequence[str]
) -> None:
    """Draw the share of learners of each kind (rows) of whom each claim (columns) is made."""
    kept = {label: text for label, text in rows.items() if label in results}
    table = np.array(
        [
            np.bincount(claims(results[label]), minlength=len(names)) / len(claims(results[label]))
            for label in kept
        ]
    )
    paper = str(mpl.rcParams["axes.facecolor"])
    shades = LinearSegmentedColormap.from_list("claims", [paper, COLOURS[0]])
    axes.imshow(table, cmap=shades, vmin=0.0, vmax=1.0, aspect="auto")
    for i, row in enumerate(table):
        for j, share in enumerate(row):
            if share > 0.0:
                colour = ink() if share < 0.6 else "#ffffff"
                axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center", color=colour)
    axes.set_yticks(range(len(kept)), list(kept.values()))
    short = [SHORT_NAMES.get(name, name.replace(" (", "\n(")) for name in names]
    axes.set_xticks(range(len(names)), short, rotation=60, fontsize="x-small")
    axes.set(xlabel="claimed, % of learners")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def draw_real(figure: Figure, place: Any, results: Sequence[RunResult]) -> None:
    """Draw real learners, one panel a set, with the best curve of each."""
    grid = place.subgridspec(len(results), 1)
    for row, result in enumerate(results):
        axes = figure.add_subplot(grid[row])
        seen = result.observation
        names = list(dict.fromkeys(str(name) for name in seen["learner"].values))[:6]
        for index, name in enumerate(names):
            first = int(np.argmax(seen["learner"].values == name))
            member = seen.isel(seed=first)
            time = member["time"].values
            axes.plot(
                time,
                member[SCORE.name].values,
                MARKERS[index % len(MARKERS)],
                color=COLOURS[index % len(COLOURS)],
                ms=2.5,
                lw=0,
                label=name.split(", ")[-1],
            )
            axes.plot(time, member[FITTED.name].values, color=ink(), lw=0.9)
        axes.set(xlabel="block" if row == len(results) - 1 else "", ylabel="right answers")
        axes.set_title(
            names[0].split(", ")[0] if len(names) > 1 else names[0], fontsize="small", pad=2
        )
        if len(names) > 1:
            axes.legend(fontsize="xx-small", ncols=2)


def draw_worse_by(
    figure: Figure, place: Any, results: Mapping[str, RunResult], real: Sequence[str], shuffled: str
) -> None:
    """Draw how much worse than the best each family is on each real learner, and when shuffled."""
    axes = figure.add_subplot(place)
    names = [str(name) for name in results[real[0]].observation["family"].values]
    rows: list[tuple[str, Any]] = []
    for label in real:
        seen = results[label].observation
        for name in dict.fromkeys(str(name) for name in seen["learner"].values):
            first = int(np.argmax(seen["learner"].values == name))
            rows.append((name, seen[WORSE_BY.name].values[first]))
        if label + shuffled in results:
            other = results[label + shuffled].observation[WORSE_BY.name].values
            rows.append((f"{label.split(',')[0]}, shuffled", np.median(other, axis=0)))
    for index, name in enumerate(names):
        axes.plot(
            [max(float(values[index]), 0.1) for _, values in rows],
            np.arange(len(rows)) + 0.08 * (index - len(names) / 2),
            MARKERS[index % len(MARKERS)],
            color=COLOURS[index % len(COLOURS)],
            ms=5,
            lw=0,
            label=name,
        )
    axes.axvspan(0.08, MARGIN, color=ink(), alpha=0.08, lw=0)
    axes.set_xscale("log")
    axes.set_xlim(0.08, None)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([0.1, 1, 6, 10, 100, 1000], ["best", "1", "6", "10", "100", "1000"])
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.invert_yaxis()
    axes.set(
        title="real learners: families in grey cannot be ruled out",
        xlabel="criterion over the best family's (log scale)",
    )
    axes.legend(fontsize="x-small", loc="upper left", bbox_to_anchor=(1.0, 1.0))


def curves_table(results: Mapping[str, RunResult]) -> Table:
    """Return what is said of each real learner, and how much worse each family is."""
    first = next(iter(results.values())).observation
    names = [str(name) for name in first["family"].values]
    table = Table("learner", "said of it", *names, "scatter", title="criterion over the best")
    said = (NO_LEARNING, NO_SHAPE, *names[1:])
    for result in results.values():
        seen = result.observation
        for name in dict.fromkeys(str(name) for name in seen["learner"].values):
            k = int(np.argmax(seen["learner"].values == name))
            worse = [f"{value:.1f}" for value in seen[WORSE_BY.name].values[k]]
            scatter = f"{float(seen['overdispersion'].values[k]):.2f}"
            table.add_row(name, said[int(claims(result)[k])], *worse, scatter)
    return table
