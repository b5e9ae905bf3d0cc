"""Gaps of functions between variants of one training, as judgements."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_apart, mean_of
from carnotlab.studies.normalization.equivalence_run import (
    FUNCTION_GAP,
    LOG2_NORM,
    RESCALING_GAP,
    VARIANT_ACCURACY,
    VARIANT_NORM,
    reference_of,
)
from carnotlab.studies.study import Judgement, Results, Statistic, role_of

EXACT = Tolerance(
    FUNCTION_GAP,
    1e-6,
    "exact but for rounding, 1e-16 of the outputs, which training amplifies by many orders in "
    "thousands of steps; far below any difference that a rule makes",
)
DEPARTS = Tolerance(FUNCTION_GAP, 0.1, "outputs are of the order of 10: more is another function")


def gaps(run: RunResult, variant: str) -> Float[np.ndarray, "seed time"]:
    """Return the largest difference of outputs; infinite where there are none."""
    values = run.observation[FUNCTION_GAP.name].sel(variant=variant).values
    return np.where(np.isfinite(values), values, np.inf)


def judged_gap(
    label: str, arm: str, variant: str, tolerance: Tolerance, until: float = 1.0
) -> Judgement:
    """Return the judgement of a variant's largest gap up to a share of the course."""

    def error(results: Results) -> Statistic:
        found = gaps(results[arm], variant)
        return mean_of(found[:, : 1 + int(until * (found.shape[1] - 1))].max(axis=1))

    return Judgement(label, role_of(label), tolerance, (arm,), error)


def norms_apart(arm: str) -> Callable[[Results], Statistic]:
    """Return the error that is the largest gap of log2 norms to what the scale predicts."""

    def error(results: Results) -> Statistic:
        seen = results[arm].observation[VARIANT_NORM.name].sel(variant="recursion").values
        expected = results[arm].prediction[LOG2_NORM.name].values
        return mean_of(np.abs(seen - expected).max(axis=1))

    return error


def rescaling_gap(arm: str) -> Callable[[Results], Statistic]:
    """Return the error that is the largest gap between weights rescaled and never rescaled."""
    return lambda results: mean_of(results[arm].observation[RESCALING_GAP.name].values.max(axis=1))


def less_right(arm: str, variant: str) -> Callable[[Results], Statistic]:
    """Return the error that is the gap of mean accuracies to training with decay, at the end."""

    def error(results: Results) -> Statistic:
        right = results[arm].observation[VARIANT_ACCURACY.name].isel(time=-1)
        apart = right.sel(variant=variant).values - right.sel(variant=reference_of(variant)).values
        return mean_apart(apart, 0.0)

    return error
