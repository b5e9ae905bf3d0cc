"""How far hidden similarities are from theory, from each other, and from random ones."""

import numpy as np
from jaxtyping import Float

from carnotlab.measures.representations import LAYER_SIMILARITY
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of, observed, predicted
from carnotlab.studies.study import Rows, Statistic
from carnotlab.theories.semantic.layer_similarity import disagreement, disagreement_at_random


def last_similarity(result: RunResult) -> Float[np.ndarray, "seed layer n n"]:
    """Return the hidden similarities of every network at the end."""
    return observed(result, LAYER_SIMILARITY)[:, -1]


def layer_similarity_gap(result: RunResult) -> Statistic:
    """Return the distance of similarities from theory, relative, worst layer, mean over members."""
    seen, expected = last_similarity(result), predicted(result, LAYER_SIMILARITY)[0, -1]
    gaps = np.linalg.norm(seen - expected, axis=(2, 3)) / np.linalg.norm(expected, axis=(1, 2))
    worst = np.where(np.isfinite(gaps), gaps, np.inf).max(axis=1)
    return mean_of(worst)


def seed_disagreement(result: RunResult) -> Statistic:
    """Return the distance of similarities across members, worst layer; needs two members.

    A resample with repeated members would see too little of it, so that each draw is corrected by
    the share of pairs that are of different members.
    """
    seen = last_similarity(result)
    products = np.einsum("alij,blij->lab", seen, seen, optimize=True)

    def statistic(rows: Rows) -> float:
        different = rows[:, None] != rows[None, :]
        if not different.any():
            return float("inf")
        within = products[:, rows[:, None], rows[None, :]]
        own = np.einsum("laa->la", within)
        apart = own[:, :, None] + own[:, None, :] - 2.0 * within
        square = np.sum(np.where(different, apart, 0.0), axis=(1, 2)) / different.sum()
        return float(np.max(np.sqrt(square / within.mean(axis=(1, 2)))))

    return statistic


def random_disagreement_gap(result: RunResult, width: int) -> Statistic:
    """Return how far disagreement is from that of random layers of this width, relative."""
    seen = seed_disagreement(result)
    expected = disagreement_at_random(result.observation.sizes["train_sample"], width)
    return lambda rows: abs(seen(rows) / expected - 1.0)


def mean_disagreement(result: RunResult) -> float:
    """Return the `disagreement` of all members, worst layer."""
    seen = last_similarity(result)
    return max(disagreement(seen[:, layer]) for layer in range(seen.shape[1]))
