"""Panels of new properties that spread: one item's, all pairs, their reach, and plasticity."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from carnotlab.measures.representations import PLASTIC_PROJECTION, PROPERTY_PROJECTION
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.semantic.item_sets import item_names
from carnotlab.studies.semantic.taxonomy import taxonomy
from carnotlab.studies.style import COLOURS, draw_experiment, draw_theory, ink
from carnotlab.tasks.base import Task


def draw_item(axes: Axes, label: str, run: RunResult, task: Task) -> None:
    """Draw how much of one item's property its nearest kin, a cousin and a stranger are given."""
    expected = predicted(run, PROPERTY_PROJECTION).mean(axis=0)
    seen, time, names = observed(run, PROPERTY_PROJECTION), flow_time(run), item_names(task)
    order = np.argsort(expected[-1, 0])[::-1]
    order = order[order != 0]
    for index, item in enumerate((order[0], order[len(order) // 4], order[-1])):
        draw_experiment(axes, time, seen[:, :, 0, item], index, f"to {names[item]}")
        draw_theory(axes, time, expected[:, 0, item], index)
    axes.set(xlabel="flow time", ylabel="belief in the new property")
    axes.set_ylim(-0.6, 1.6)
    axes.set_title(f"{label}: a property of {names[0]}")
    axes.legend(fontsize="x-small")


def draw_all(axes: Axes, run: RunResult) -> None:
    """Draw the belief for every pair of items, trained against predicted, at two times."""
    seen, expected = observed(run, PROPERTY_PROJECTION), predicted(run, PROPERTY_PROJECTION)
    others = ~np.eye(seen.shape[-1], dtype=bool)
    for index, (time, name) in enumerate(
        ((seen.shape[1] // 3, "a third of training"), (seen.shape[1] - 1, "the end"))
    ):
        axes.plot(
            expected[0, time][others],
            seen[0, time][others],
            "os"[index],
            ms=2.5,
            mew=0,
            alpha=0.6,
            color=COLOURS[index],
            label=name,
            rasterized=True,
        )
    axes.axline((0.0, 0.0), slope=1.0, color=ink(), lw=0.8)
    axes.set(xlabel="predicted belief", ylabel="trained")
    axes.set_title("all pairs of items")
    axes.legend(fontsize="x-small", markerscale=2)


def draw_reach(axes: Axes, run: RunResult, task: Task) -> None:
    """Draw the mean belief about items on the same and the other side of the broadest divide."""
    side = taxonomy(np.asarray(task.data().train.y)).contrasts[0] > 0.0
    same = (side[:, None] == side[None, :]) & ~np.eye(len(side), dtype=bool)
    time = flow_time(run)
    seen, expected = observed(run, PROPERTY_PROJECTION), predicted(run, PROPERTY_PROJECTION)
    for index, (pairs, name) in enumerate(((same, "own side"), (~same & _others(side), "other"))):
        draw_experiment(axes, time, seen[..., pairs].mean(axis=-1), index, name)
        draw_theory(axes, time, expected[..., pairs].mean(axis=(0, -1)), index)
    axes.set(xlabel="flow time", ylabel="mean belief")
    axes.set_title("across the broadest divide")
    axes.legend(fontsize="x-small")


def draw_plastic(axes: Axes, run: RunResult, damped: Float[np.ndarray, "seed taught n"]) -> None:
    """Draw beliefs at the end where representations may move, against plain and damped theory."""
    seen = observed(run, PLASTIC_PROJECTION)[0, -1]
    plain = predicted(run, PROPERTY_PROJECTION)[0, -1]
    others = ~np.eye(len(seen), dtype=bool)
    for index, (expected, name) in enumerate(
        ((plain, "similarity alone (control)"), (damped[0], "damped"))
    ):
        axes.plot(
            expected[others],
            seen[others],
            "s^"[index],
            ms=2.5,
            mew=0,
            alpha=0.6,
            color=COLOURS[4 - 2 * index],
            label=name,
            rasterized=True,
        )
    axes.axline((0.0, 0.0), slope=1.0, color=ink(), lw=0.8)
    axes.set(xlabel="predicted belief", ylabel="trained")
    axes.set_title("representation plastic")
    axes.legend(fontsize="x-small", markerscale=2)


def _others(side: np.ndarray) -> np.ndarray:
    return ~np.eye(len(side), dtype=bool)
