"""Errors of students by width: courses, errors at the end, growth with width."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of, observed, predicted, relative_gap
from carnotlab.studies.online_learning.committee_run import ERRORS
from carnotlab.studies.study import Rows, Statistic

Error = Callable[[RunResult], Statistic]

LATE = 0.2
"""The last part of the records is averaged for the error at the end."""


def _of(
    result: RunResult, quantity: Quantity, layers: str, kind: str, *, seen: bool
) -> Float[np.ndarray, "seed time *dims"]:
    values = observed(result, quantity) if seen else predicted(result, quantity)
    there = result.observation[ERRORS.name]
    kinds, sorts = (there[name].values.tolist() for name in ("kind", "layers"))
    return values[:, :, sorts.index(layers), kinds.index(kind)]


def course(quantity: Quantity, layers: str, kind: str, taken: str | None = None) -> Error:
    """Return the error of single runs' courses, against another kind's prediction if so asked."""

    def error(result: RunResult) -> Statistic:
        seen = _of(result, quantity, layers, kind, seen=True)
        expected = _of(result, quantity, layers, kind if taken is None else taken, seen=False)
        return mean_of(relative_gap(seen, expected))

    return error


def _late(values: Float[np.ndarray, "seed time"]) -> Float[np.ndarray, " seed"]:
    return values[:, -max(round(LATE * values.shape[1]), 1) :].mean(axis=1)


def end(quantity: Quantity, layers: str, kind: str) -> Error:
    """Return the distance of the mean error at the end from a prediction, over the latter."""

    def error(result: RunResult) -> Statistic:
        seen = _late(_of(result, ERRORS, layers, kind, seen=True))
        expected = float(np.mean(_late(_of(result, quantity, layers, kind, seen=False))))
        return lambda rows: abs(float(np.mean(seen[rows])) - expected) / expected

    return error


def growth_apart(layers: str, narrow: str, wide: str) -> Error:
    """Return the distance of the seen growth with width from the predicted one."""

    def error(result: RunResult) -> Statistic:
        seen, expected = (
            [_late(_of(result, ERRORS, layers, kind, seen=side)) for kind in (narrow, wide)]
            for side in (True, False)
        )

        def statistic(rows: Rows) -> float:
            return abs(_log_ratio(seen, rows) - _log_ratio(expected, rows))

        return statistic

    return error


def growth(layers: str, narrow: str, wide: str) -> Error:
    """Return by how much the error grows with width, 0 where it falls."""

    def error(result: RunResult) -> Statistic:
        seen = [_late(_of(result, ERRORS, layers, kind, seen=True)) for kind in (narrow, wide)]
        return lambda rows: max(_log_ratio(seen, rows), 0.0)

    return error


def _log_ratio(errors: list[Float[np.ndarray, " seed"]], rows: Rows) -> float:
    narrow, wide = (float(np.mean(each[rows])) for each in errors)
    return float(np.log(wide / narrow))
