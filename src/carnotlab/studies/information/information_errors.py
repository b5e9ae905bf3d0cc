"""Errors of codes and bounds: codelengths, bounds, their quotients, and the gold test."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from carnotlab.studies.errors import mean_apart, mean_of
from carnotlab.studies.information.information_run import (
    ERROR_BOUND,
    EVIDENCE,
    INFORMATION,
    SHARE_OF_UNIFORM,
    STOCHASTIC_ERROR,
)
from carnotlab.studies.study import Results, Rows, Statistic

Error: TypeAlias = Callable[[Results], Statistic]


def codelength(label: str) -> Error:
    """Return the codelength over the uniform code's."""

    def error(results: Results) -> Statistic:
        return mean_of(results[label].observation[SHARE_OF_UNIFORM.name].values)

    return error


def bound_over(label: str, error_of_guessing: float) -> Error:
    """Return the bound over the error of guessing."""

    def error(results: Results) -> Statistic:
        return mean_of(results[label].observation[ERROR_BOUND.name].values / error_of_guessing)

    return error


def share_above_bound(labels: tuple[str, ...]) -> Error:
    """Return the share of networks whose held-out error is above their bound."""

    def error(results: Results) -> Statistic:
        above = [
            results[label].observation[STOCHASTIC_ERROR.name].values
            > results[label].observation[ERROR_BOUND.name].values
            for label in labels
        ]
        return mean_of(np.mean(above, axis=0))

    return error


def quotient(labels: list[str], name: str) -> Error:
    """Return a mean of the second run over that of the first."""

    def error(results: Results) -> Statistic:
        narrow, wide = (results[label].observation[name].values for label in labels)

        def statistic(rows: Rows) -> float:
            return float(np.mean(wide[rows]) / np.mean(narrow[rows]))

        return statistic

    return error


def evidence_apart(label: str) -> Error:
    """Return the error of the code against minus the log of the evidence, nats."""

    def error(results: Results) -> Statistic:
        run = results[label]
        seen, expected = (part[EVIDENCE.name].values for part in (run.observation, run.prediction))
        return mean_of(np.abs(seen - expected))

    return error


def information_apart(label: str) -> Error:
    """Return the error of the mean information against what is expected, over the latter."""

    def error(results: Results) -> Statistic:
        run = results[label]
        seen = run.observation[INFORMATION.name].values
        expected = float(run.prediction[INFORMATION.name].values[0])
        return mean_apart(seen / expected, 1.0)

    return error
