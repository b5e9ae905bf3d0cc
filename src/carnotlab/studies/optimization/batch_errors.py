"""Errors of batches and noise: scales, drops, steps, variances, tails, losses of networks."""

from collections.abc import Callable

import numpy as np

from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_apart, mean_of
from carnotlab.studies.optimization.linear_scaling_run import LOSS
from carnotlab.studies.optimization.noise_scale_run import DROP, NEEDED, SCALE, SCALED
from carnotlab.studies.optimization.stationary_run import KURTOSIS, VARIANCE
from carnotlab.studies.study import Rows, Statistic


def scale_apart(name: str) -> Callable[[RunResult], Statistic]:
    """Return the distance of the mean estimate from the exact noise scale, in samples."""
    return lambda result: mean_apart(
        np.asarray(result.observation[name].values), float(result.prediction[SCALE.name])
    )


def drop_apart(name: str) -> Callable[[RunResult], Statistic]:
    """Return the largest distance over batches of mean drops from those at the best rate."""

    def error(result: RunResult) -> Statistic:
        seen = np.asarray(result.observation[name].values)
        expected = np.asarray(result.prediction[DROP.name].values)
        return lambda rows: float(np.abs(seen[rows].mean(axis=0) - expected).max())

    return error


def steps_apart(first: int, last: int | None) -> Callable[[RunResult], Statistic]:
    """Return the largest relative distance of steps to the goal from the trade-off."""

    def error(result: RunResult) -> Statistic:
        seen = np.asarray(result.observation[NEEDED.name].values)[:, first:last]
        expected = np.asarray(result.prediction[NEEDED.name].values)[:, first:last]
        return mean_of(np.abs(seen / expected - 1.0).max(axis=1))

    return error


def scaled_apart(place: int) -> Callable[[RunResult], Statistic]:
    """Return how many more steps rates linear in B need than the best ones, relatively."""

    def error(result: RunResult) -> Statistic:
        best = np.asarray(result.observation[NEEDED.name].values)[:, place]
        return mean_of(np.asarray(result.observation[SCALED.name].values)[:, place] / best - 1.0)

    return error


def variance_apart(place: int, name: str = VARIANCE.name) -> Callable[[RunResult], Statistic]:
    """Return the relative distance of the mean variance from the exact or the diffusion's."""

    def error(result: RunResult) -> Statistic:
        seen = np.asarray(result.observation[VARIANCE.name].values)[:, place]
        return mean_apart(seen / float(result.prediction[name].values[place]), 1.0)

    return error


def kurtosis_apart(place: int, expected: float | None = None) -> Callable[[RunResult], Statistic]:
    """Return the distance of the mean excess kurtosis from the exact one, or a given one."""

    def error(result: RunResult) -> Statistic:
        exact = float(result.prediction[KURTOSIS.name].values[place])
        seen = np.asarray(result.observation[KURTOSIS.name].values)[:, place]
        return mean_apart(seen, exact if expected is None else expected)

    return error


def loss_apart(place: int) -> Callable[[RunResult], Statistic]:
    """Return the distance of the logarithm of mean losses from that of batches of one."""

    def error(result: RunResult) -> Statistic:
        loss = np.asarray(result.observation[LOSS.name].values)
        loss = np.where(np.isfinite(loss), loss, np.inf)

        def statistic(rows: Rows) -> float:
            mean = loss[rows].mean(axis=0)
            return float(np.abs(np.log(mean[place] / mean[0])))

        return statistic

    return error
