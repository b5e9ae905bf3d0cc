"""When groups of items part in a hidden layer, and how far that is from theory."""

import numpy as np
from jaxtyping import Float

from carnotlab.measures.representations import LAYER_SIMILARITY
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, mean_of, observed, predicted
from carnotlab.studies.semantic.taxonomy import half_times, taxonomy
from carnotlab.studies.study import Statistic
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.theories.semantic.tree_spectrum import tree_spectrum

Similarity = Float[np.ndarray, "time items items"]


def group_distances(
    similarity: Similarity, contrasts: Float[np.ndarray, "nodes items"]
) -> Float[np.ndarray, "time nodes"]:
    """Return the squared distance of two groups' means in the representation, for each contrast."""
    return np.einsum("ni,tij,nj->tn", contrasts, similarity, contrasts, optimize=True)


def split_times(
    time: Float[np.ndarray, " time"], similarity: Similarity, features: Float[np.ndarray, "n f"]
) -> Float[np.ndarray, " nodes"]:
    """Return when the two groups of each distinction are half as far apart as at the end.

    The distinctions are those of the items' features by clustering (`taxonomy`); half of the
    squared distance.
    """
    apart = group_distances(similarity, taxonomy(features).contrasts)
    return half_times(time, apart / apart[-1])


def split_time_gap(result: RunResult, features: Float[np.ndarray, "n f"]) -> Statistic:
    """Return the mean relative error of split times, member by member."""
    time = flow_time(result)
    seen, expected = observed(result, LAYER_SIMILARITY), predicted(result, LAYER_SIMILARITY)
    errors = np.array(
        [
            _relative(split_times(time, s[:, 0], features), split_times(time, e[:, 0], features))
            for s, e in zip(seen, np.broadcast_to(expected, seen.shape), strict=True)
        ]
    )
    return mean_of(errors)


def level_strengths(
    similarity: Similarity, tree: FeatureHierarchy
) -> Float[np.ndarray, "time levels"]:
    """Return the mean strength of each level's contrasts in a representation, per input power."""
    spectrum = tree_spectrum(tree)
    along = group_distances(similarity, spectrum.vectors.T) / tree.items
    levels = range(int(spectrum.levels.max()) + 1)
    return np.stack([along[:, spectrum.levels == level].mean(axis=1) for level in levels], axis=1)


def level_time_gap(
    result: RunResult, tree: FeatureHierarchy, expected: Float[np.ndarray, " levels"]
) -> Statistic:
    """Return the largest relative error over levels of when each is half learned."""
    time = flow_time(result)
    errors = np.array(
        [
            np.max(
                np.abs(
                    half_times(time, level_strengths(one[:, 0], tree) / tree.singular_values)
                    / expected
                    - 1.0
                )
            )
            for one in observed(result, LAYER_SIMILARITY)
        ]
    )
    return mean_of(errors)


def _relative(seen: Float[np.ndarray, " n"], expected: Float[np.ndarray, " n"]) -> float:
    return float(np.mean(np.abs(seen / expected - 1.0)))
