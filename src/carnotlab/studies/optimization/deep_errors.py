"""Errors of deep autoencoders where training ends, each start at its best rate."""

import numpy as np
from jaxtyping import Float

from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of
from carnotlab.studies.optimization.deep_autoencoder_run import ERROR
from carnotlab.studies.study import Rows, Statistic


def ends_of(result: RunResult) -> Float[np.ndarray, "seed rate"]:
    """Return errors at the end over the mean image's, infinite where training diverged."""
    error = np.asarray(result.observation[ERROR.name].values)[:, -1]
    return np.where(np.isfinite(error), error, np.inf)


def best_left(result: RunResult) -> Statistic:
    """Return the error at the rate that is best for each start."""
    return mean_of(ends_of(result).min(axis=1))


def best_learned(result: RunResult) -> Statistic:
    """Return by how much the best rate for each start is below the mean image, 0 if above."""
    return mean_of(np.maximum(1.0 - ends_of(result).min(axis=1), 0.0))


def ratio_of(one: RunResult, other: RunResult) -> Statistic:
    """Return the error of one method over another's, each at the best rate for each start."""
    first, second = (ends_of(run).min(axis=1) for run in (one, other))

    def statistic(rows: Rows) -> float:
        return float(first[rows].mean() / second[rows].mean())

    return statistic
