"""Errors of replay and one pass: courses, gains, numbers of epochs, images wrong."""

from collections.abc import Callable

import numpy as np

from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import average_course_error, mean_of, observed, predicted
from carnotlab.studies.online_learning.real_replay_run import WAYS, WRONG
from carnotlab.studies.online_learning.replay_run import EXCESS
from carnotlab.studies.study import Rows, Statistic
from carnotlab.theories.online_learning.online_regression import annealed_excess


def course_apart(index: int, taken: int | None = None) -> Callable[[RunResult], Statistic]:
    """Return the error of the mean course, against another reliability's if so asked."""

    def error(result: RunResult) -> Statistic:
        seen = result.observation[[EXCESS.name]].isel(reliability=[index])
        there = [index if taken is None else taken]
        expected = result.prediction[[EXCESS.name]].isel(reliability=there)
        one = RunResult(expected, seen, result.checks, result.seconds)
        return average_course_error(one, EXCESS)

    return error


def gain_apart(ratio: float, index: int, taken: int) -> Callable[[RunResult, RunResult], Statistic]:
    """Return the distance of the gain from the predicted one, within the epochs there are."""

    def error(once: RunResult, replay: RunResult) -> Statistic:
        snr = float(replay.observation["reliability"].values[taken])
        best = float(annealed_excess(ratio, noise_variance=1.0 / snr))
        expected = best - float(predicted(replay, EXCESS)[0, :, taken].min())
        time = np.asarray(once.observation["time"].values)
        passed = observed(once, EXCESS)[:, int(np.argmin(np.abs(time - ratio))), index]
        again = observed(replay, EXCESS)[:, :, index]

        def statistic(rows: Rows) -> float:
            stopped = again[rows].mean(axis=0).min()
            return abs(float(passed[rows].mean() - stopped) - expected)

        return statistic

    return error


def epochs_apart(index: int, best: int) -> Callable[[RunResult], Statistic]:
    """Return the distance of the best number of epochs seen from the right one, in doublings."""

    def error(result: RunResult) -> Statistic:
        epochs = np.asarray(result.observation["time"].values)
        seen = observed(result, EXCESS)[:, :, index]

        def statistic(rows: Rows) -> float:
            stop = float(epochs[int(np.argmin(seen[rows].mean(axis=0)))])
            return abs(float(np.log2(max(stop, 0.5) / max(best, 0.5))))

        return statistic

    return error


def overfit(index: int) -> Callable[[RunResult], Statistic]:
    """Return by how much the excess after all epochs is above the least, over the latter."""

    def error(result: RunResult) -> Statistic:
        seen = observed(result, EXCESS)[:, :, index]

        def statistic(rows: Rows) -> float:
            mean = seen[rows].mean(axis=0)
            return float(mean[-1] / mean.min() - 1.0)

        return statistic

    return error


def loses(noise: int, way: str, other: str) -> Callable[[RunResult], Statistic]:
    """Return how many more images one way gets wrong than the other, 0 where it gets fewer."""

    def error(result: RunResult) -> Statistic:
        wrong = observed(result, WRONG)[:, 0, noise]
        gap = wrong[:, WAYS.index(way)] - wrong[:, WAYS.index(other)]
        plain = mean_of(gap)
        return lambda rows: max(plain(rows), 0.0)

    return error
