"""The distinctions of a taxonomy of items, broad to fine, and when a learner makes each."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.cluster import hierarchy


@dataclass(frozen=True)
class Taxonomy:
    """Distinctions between two groups of items, each inside one side of its broader ones.

    ``contrasts``: ``[node, items]``, mean of one group minus mean of the other.
    ``level``: how many broader distinctions a node lies within, 0 for the broadest.
    ``within``: ``[node, node]``, whether the second lies within the first.
    """

    contrasts: Float[np.ndarray, "nodes items"]
    level: Int[np.ndarray, " nodes"]
    within: Bool[np.ndarray, "nodes nodes"]


def taxonomy(features: Float[np.ndarray, "items features"]) -> Taxonomy:
    """Cluster items by their features (Ward) and return the tree's distinctions, broad first.

    It uses nothing of how the items are learned: neither singular vectors nor training.

    >>> taxonomy(np.array([[0.0], [1.0], [9.0]])).level.tolist()
    [0, 1]
    """
    items = len(features)
    merges = cast("Any", hierarchy.linkage)(features, method="ward")
    members = [frozenset([item]) for item in range(items)]
    groups: list[tuple[frozenset[int], frozenset[int]]] = []
    for left, right, *_ in merges:
        groups.append((members[int(left)], members[int(right)]))
        members.append(groups[-1][0] | groups[-1][1])
    groups.reverse()
    contrasts = np.zeros((len(groups), items))
    for node, (one, other) in enumerate(groups):
        contrasts[node, sorted(one)] = 1.0 / len(one)
        contrasts[node, sorted(other)] = -1.0 / len(other)
    whole = [one | other for one, other in groups]
    within = np.array([[inner < outer for inner in whole] for outer in whole])
    return Taxonomy(contrasts, within.sum(axis=0), within)


def distinctions(
    outputs: Float[np.ndarray, "*lead items features"],
    targets: Float[np.ndarray, "items features"],
    tree: Taxonomy,
) -> Float[np.ndarray, "*lead nodes"]:
    """Return how far each distinction is made: 0 not at all, 1 as in the targets.

    The contrast of the outputs, projected on the contrast of the targets.
    """
    wanted = tree.contrasts @ targets
    made = np.einsum("ni,...if->...nf", tree.contrasts, outputs)
    return np.sum(made * wanted, axis=-1) / np.sum(wanted**2, axis=-1)


def half_times(
    time: Float[np.ndarray, " time"], courses: Float[np.ndarray, "time nodes"]
) -> Float[np.ndarray, " nodes"]:
    """Return when each course first passes one half, by linear interpolation; inf for never.

    >>> half_times(np.array([0.0, 1.0]), np.array([[0.0], [1.0]]))
    array([0.5])
    """
    times = np.full(courses.shape[1], np.inf)
    for node, course in enumerate(courses.T):
        after = np.flatnonzero(course >= 0.5)
        if not len(after):
            continue
        k = int(after[0])
        if k == 0:
            times[node] = time[0]
            continue
        share = (0.5 - course[k - 1]) / (course[k] - course[k - 1])
        times[node] = time[k - 1] + share * (time[k] - time[k - 1])
    return times


def order_violations(times: Float[np.ndarray, " nodes"], tree: Taxonomy) -> float:
    """Return the share of finer distinctions not made at least 2 % later than a broader one.

    Over all pairs of which one lies within the other and at least one is made at all. One half is
    what chance gives; 1 is a learner that makes all distinctions at once.

    >>> tree = taxonomy(np.array([[0.0], [1.0], [9.0]]))
    >>> order_violations(np.array([1.0, 2.0]), tree), order_violations(np.array([1.0, 1.0]), tree)
    (0.0, 1.0)
    """
    broad, fine = np.nonzero(tree.within)
    seen = np.isfinite(times[broad]) | np.isfinite(times[fine])
    late = times[fine[seen]] >= 1.02 * times[broad[seen]]
    return 1.0 - float(np.mean(late)) if len(late) else 1.0
