"""Panels of planted categories: overlaps of leading modes, and networks that learn."""

import numpy as np
from matplotlib.axes import Axes

from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time
from carnotlab.studies.semantic.category_draws import CATEGORY_OVERLAP
from carnotlab.studies.semantic.category_gaps import known_share, mode_overlaps
from carnotlab.studies.study import Results
from carnotlab.studies.style import COLOURS, LINES, MARKERS, draw_experiment, ink
from carnotlab.tasks.planted_category import PlantedCategory
from carnotlab.theories.semantic.category_coherence import category_overlap


def draw_overlaps(
    axes: Axes, results: Results, groups: dict[str, list[str]], ratios: tuple[float, ...]
) -> None:
    """Draw overlaps over coherence by group, over the law for some numbers of features an item."""
    top = 1.0
    for index, (name, labels) in enumerate(groups.items()):
        values = [float(results[k].prediction.attrs["coherence"]) for k in labels]
        seen = [np.asarray(results[k].observation[CATEGORY_OVERLAP.name].values) for k in labels]
        top = max(top, *values)
        axes.errorbar(
            values,
            [one.mean() for one in seen],
            [one.std() / len(one) ** 0.5 for one in seen],
            fmt=MARKERS[index % len(MARKERS)],
            color=COLOURS[index % len(COLOURS)],
            ms=5,
            lw=1,
            label=name,
        )
    fine = np.linspace(0.0, 1.1 * top, 300)
    for index, ratio in enumerate(ratios):
        named = "theory, square" if ratio == 1.0 else f"theory, {ratio:g} features per item"
        axes.plot(
            fine, category_overlap(fine, ratio), color=ink(), lw=1, ls=LINES[index], label=named
        )
    axes.axvline(1.0, color=ink(), lw=0.4, alpha=0.5)
    axes.set(xlabel="coherence C", ylabel="overlap with the category", ylim=(-0.03, 1.0))
    axes.legend(fontsize="x-small", loc="lower right")


def draw_trained(
    axes: Axes, result: RunResult, task: PlantedCategory, value: float, index: int
) -> None:
    """Draw the overlap of networks' leading mode over training, and what they know, dashed."""
    time = flow_time(result) / flow_time(result)[-1]
    overlap, known = mode_overlaps(result, task), known_share(result, task)
    draw_experiment(axes, time, overlap, index, f"own mode, C = {value:g}")
    axes.plot(time, known.mean(axis=0), color=COLOURS[index], ls="--", lw=1.0)
    axes.axhline(float(category_overlap(value)), color=ink(), lw=0.9, ls=LINES[index])
