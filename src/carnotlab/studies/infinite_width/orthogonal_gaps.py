"""What orthogonal and Gaussian starts differ in: spectra, kernels, courses and learning times."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from carnotlab.measures.jacobian import JACOBIAN_MEAN, JACOBIAN_SPREAD
from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.measures.learned_share import LEARNED_SHARE
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.infinite_width.width_gaps import exponent_of
from carnotlab.studies.study import Rows, Statistic


def spread(result: RunResult) -> Statistic:
    """Return the relative variance of squared singular values of the ensemble.

    From the means over members of both moments: a mean of ratios would be biased.
    """
    first = observed(result, JACOBIAN_MEAN)[:, 0]
    second = (1.0 + observed(result, JACOBIAN_SPREAD)[:, 0]) * first**2
    return lambda rows: float(second[rows].mean() / first[rows].mean() ** 2 - 1.0)


def spread_gap(result: RunResult) -> Statistic:
    """Return how far the relative second moment of singular values is from theory, relative."""
    measured, expected = spread(result), float(predicted(result, JACOBIAN_SPREAD)[0, 0])
    return lambda rows: abs(measured(rows) - expected) / (1.0 + expected)


def kernel_difference(one: RunResult, other: RunResult) -> Statistic:
    """Return the distance between mean tangent kernels of two ensembles, over their limit's size.

    Members are resampled together; the ensembles are independent though their seeds are equal,
    since the two starts draw other numbers from them.
    """
    first, second = (observed(result, TANGENT_KERNEL)[:, 0] for result in (one, other))
    size = float(np.linalg.norm(predicted(one, TANGENT_KERNEL)[0, 0]))

    def statistic(rows: Rows) -> float:
        return float(np.linalg.norm((first[rows] - second[rows]).mean(axis=0)) / size)

    return statistic


def course_difference(one: RunResult, other: RunResult) -> Statistic:
    """Return the largest distance between mean courses of the share learned, over all times."""
    first, second = (observed(result, LEARNED_SHARE) for result in (one, other))
    return lambda rows: float(np.max(np.abs((first[rows] - second[rows]).mean(axis=0))))


def learning_time(
    time: Float[np.ndarray, " time"], share: Float[np.ndarray, " time"], level: float = 0.5
) -> float:
    """Return when a share first reaches a level, between records; infinite if it never does.

    >>> learning_time(np.array([0.0, 2.0, 4.0]), np.array([0.0, 0.25, 0.75]))
    3.0
    """
    reached = np.flatnonzero(share >= level)
    if len(reached) == 0:
        return float("inf")
    at = int(reached[0])
    if at == 0:
        return float(time[0])
    part = (level - share[at - 1]) / (share[at] - share[at - 1])
    return float(time[at - 1] + part * (time[at] - time[at - 1]))


def best_learning_time(runs: Sequence[RunResult]) -> Statistic:
    """Return the shortest learning time over runs that differ in their learning rate."""
    courses = [
        (np.asarray(run.observation["time"].values, dtype=np.float64), observed(run, LEARNED_SHARE))
        for run in runs
    ]
    return lambda rows: min(
        learning_time(time, shares[rows].mean(axis=0)) for time, shares in courses
    )


def time_growth(columns: Sequence[Sequence[RunResult]], depths: Sequence[int]) -> Statistic:
    """Return by which power of depth the shortest learning time grows; 0 where it falls."""
    power = exponent_of(depths, [best_learning_time(runs) for runs in columns])
    return lambda rows: max(power(rows), 0.0)
