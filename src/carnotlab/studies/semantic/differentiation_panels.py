"""Panels of representations that split: the trunk over time, the plane of two axes, distances."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from carnotlab.measures.representations import LAYER_SIMILARITY
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed, predicted
from carnotlab.studies.semantic.differentiation_gaps import split_times
from carnotlab.studies.semantic.taxonomy import taxonomy
from carnotlab.studies.style import COLOURS, LINES, draw_experiment, draw_theory, ink
from carnotlab.tasks.base import Task
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.semantic.tree_spectrum import distance_by_ancestor

NAMED = 24
"""Items beyond which names would overlap."""


def leaf_places(features: Float[np.ndarray, "items f"]) -> Float[np.ndarray, " items"]:
    """Return a place for every item, -1 to 1, such that every group of the taxonomy is together."""
    tree = taxonomy(features)
    order = list(range(len(features)))
    for contrast in tree.contrasts[::-1]:  # fine to broad: each step joins two finished blocks
        order.sort(key=lambda item, c=contrast: float(c[item]))
    places = np.empty(len(order))
    # Sorting by every contrast from fine to broad is stable, so blocks stay together.
    places[order] = np.linspace(-1.0, 1.0, len(order))
    return places


def trunk(similarity: Float[np.ndarray, "time n n"], places: Float[np.ndarray, " n"]):
    """Return one reading of the representation over time that ends with items at their places.

    The best linear reading of the representation at the end, through the modes that are learned
    by then; at earlier times it shows the same representation, less far developed.
    """
    values, vectors = np.linalg.eigh(similarity[-1])
    kept = values > 0.02 * values[-1]
    vectors, values = vectors[:, kept], values[kept]
    now = np.einsum("ia,tij,ja->ta", vectors, similarity, vectors, optimize=True)
    return (np.sqrt(np.maximum(now, 0.0) / values) * (vectors.T @ places)) @ vectors.T


def draw_branching(axes: Axes, result: RunResult, task: Task, names: Sequence[str]) -> None:
    """Draw every item's place on the trunk over time, theory over the mean of the networks."""
    features = np.asarray(task.data().train.y)
    places, time = leaf_places(features), flow_time(result)
    seen = trunk(observed(result, LAYER_SIMILARITY)[0, :, 0], places)
    expected = trunk(predicted(result, LAYER_SIMILARITY)[0, :, 0], places)
    group = _families(features)
    for item in range(len(places)):
        axes.plot(time, seen[:, item], color=COLOURS[group[item]], lw=3.0, alpha=0.45)
    for item in range(len(places)):
        axes.plot(time, expected[:, item], color=ink(), lw=0.6 if len(names) <= NAMED else 0.35)
    if len(names) <= NAMED:
        for item, name in enumerate(names):
            axes.annotate(
                name, (time[-1], expected[-1, item]), (3, 0), textcoords="offset points",
                va="center", fontsize=6,
            )  # fmt: skip
    axes.set(xlabel="flow time", yticks=[], xlim=(0.0, time[-1]))


def draw_axes(axes: Axes, result: RunResult, task: Task) -> None:
    """Draw the paths of items in the plane of the two broadest distinctions between them.

    The networks' own hidden activity on its principal axes at the end, each turned to the theory's
    side; the axis that all items share is left out.
    """
    seen = np.asarray(result.observation["hidden_representation_1"].values, dtype=np.float64)[0]
    expected = predicted(result, LAYER_SIMILARITY)[0, :, 0]
    values, vectors = np.linalg.eigh(expected[-1])
    pair = vectors[:, np.argsort(values)[::-1][1:3]]
    group = _families(np.asarray(task.data().train.y))
    lines: list[tuple[Float[np.ndarray, "time n"], Float[np.ndarray, "time n"]]] = []
    for axis in pair.T:
        size = np.sqrt(np.maximum(np.einsum("i,tij,j->t", axis, expected, axis), 0.0))
        direction = axis @ seen[-1]
        direction /= np.linalg.norm(direction)
        lines.append((seen @ direction, size[:, None] * axis))
    for item in range(len(pair)):
        colour = COLOURS[group[item]]
        axes.plot(lines[0][0][:, item], lines[1][0][:, item], color=colour, lw=2.5, alpha=0.5)
        axes.plot(lines[0][1][:, item], lines[1][1][:, item], color=ink(), lw=0.6)
        axes.plot(lines[0][0][-1, item], lines[1][0][-1, item], "o", color=colour, ms=3)
    axes.set(xticks=[], yticks=[], xlabel="second axis", ylabel="third axis")
    axes.set_title("paths from the origin")


def draw_distances(axes: Axes, result: RunResult, tree: FeatureHierarchy, start: float) -> None:
    """Draw distances by the level of the last common ancestor, closed form over networks."""
    time = flow_time(result)
    seen = observed(result, LAYER_SIMILARITY)[:, :, 0] / tree.items
    fine = np.linspace(0.0, time[-1], 200)
    values = tree.singular_values
    strengths = strength_at(fine, 2, values, np.full(values.shape, start), np.ones(values.shape))
    expected = distance_by_ancestor(tree, strengths)
    own = np.einsum("stii->sti", seen)
    apart = own[..., :, None] + own[..., None, :] - 2.0 * seen
    nodes = np.asarray(tree.nodes)
    family = [np.arange(tree.items) // (tree.items // count) for count in nodes]
    ancestor = sum((f[:, None] == f[None, :]).astype(int) for f in family) - 1
    names = ("no kin", "one common level", "two", "three")
    for level in range(len(nodes) - 1):
        course = apart[..., ancestor == level].mean(axis=-1)
        draw_experiment(axes, time, course, level, names[min(level, 3)])
        draw_theory(axes, fine, expected[:, level], level)
    axes.set(xlabel="flow time", ylabel="squared distance of two items")
    axes.set_title("how far apart, by common ancestor")
    axes.legend(fontsize="x-small")


def draw_split_times(axes: Axes, result: RunResult, task: Task) -> None:
    """Draw when each group of the taxonomy splits, trained against predicted, by level."""
    features, time = np.asarray(task.data().train.y), flow_time(result)
    level = taxonomy(features).level
    seen = np.mean(
        [split_times(time, one[:, 0], features) for one in observed(result, LAYER_SIMILARITY)],
        axis=0,
    )
    expected = split_times(time, predicted(result, LAYER_SIMILARITY)[0, :, 0], features)
    for index, name in enumerate(("broadest", "second", "third", "finer")):
        chosen = level == index if index < 3 else level >= 3
        axes.plot(
            expected[chosen], seen[chosen], "os^D"[index], ms=4, color=COLOURS[index], label=name
        )
    low, high = float(np.min(expected)), float(np.max(expected))
    axes.plot([low, high], [low, high], color=ink(), lw=0.8, ls=LINES[0])
    axes.set(xlabel="predicted split (flow time)", ylabel="trained", xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        # Plain numbers: powers of ten are hard to read where an axis spans one.
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.set_title("when each group splits")
    axes.legend(fontsize="x-small")


def _families(features: Float[np.ndarray, "items f"]) -> list[int]:
    """Return a colour for every item: the four groups of the two broadest levels."""
    tree = taxonomy(features)
    found = np.zeros(len(features), dtype=int)
    for node in np.flatnonzero(tree.level <= 1):
        side = tree.contrasts[node]
        found[side > 0] += 2 if tree.level[node] == 0 else 1
    return found.tolist()
