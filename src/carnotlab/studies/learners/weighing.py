"""Learners weighed one by one: what a study carries out and a store keeps."""

import time
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.learners.recorded import Recorded
from carnotlab.studies.learners.simulated import Simulated
from carnotlab.theories.learners.evidence import (
    MARGIN,
    NO_LEARNING,
    NO_SHAPE,
    Criterion,
    Evidence,
    weigh,
)
from carnotlab.theories.learners.families import Readout, families
from carnotlab.theories.learners.learning_curve import LearningCurve

Learners: TypeAlias = Simulated | Recorded

CLAIM = Quantity("claim", (), "1", "which of the possible claims is made of a learner")
SCORE = Quantity("score", ("block",), "1", "how well the learner did in each block")
FITTED = Quantity("fitted", ("block",), "1", "the best curve of all families")
WORSE_BY = Quantity("worse_by", ("family",), "1", "criterion of a family over the lowest")
SCATTER = Quantity("overdispersion", (), "1", "scatter of counts over binomial scatter")

LARGEST_SCATTER = 3.0


@dataclass(frozen=True)
class Weighing(Computable):
    """Learners and the families their curves are held against.

    The prediction is the kind that the learners are of, where it is known. In the result the
    dimension ``seed`` that verdicts resample is that of the learners.
    """

    learners: Learners
    depths: tuple[int, ...]
    readouts: tuple[Readout, ...]
    criterion: Criterion = "AICc"
    margin: float = MARGIN

    @property
    def key(self) -> str:
        """A digest of learners, families, criterion, code, versions and devices."""
        return result_key(
            type(self), self.learners, self.depths, self.readouts, self.criterion, self.margin
        )

    @property
    def claims(self) -> tuple[str, ...]:
        """All that can be claimed of a learner, by the numbers of `CLAIM`."""
        return (NO_LEARNING, NO_SHAPE, *_names(self.depths)[1:])

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Make or read the curves, fit every family to each, and note what is claimed."""
        del store
        began = time.perf_counter()
        curves = self.learners.curves()
        chosen = families(self.depths, self.readouts)
        found: list[Evidence] = []
        for index, curve in enumerate(curves):
            found.append(weigh(curve, chosen, criterion=self.criterion, margin=self.margin))
            if progress is not None:
                progress((index + 1) / len(curves))
        truth = self.learners.truth
        code = self.claims.index(truth) if truth in self.claims else 0
        prediction = CLAIM.label(np.full(len(curves), code), ("seed",)).to_dataset()
        return RunResult(
            prediction, self._observed(curves, found), _checks(found), time.perf_counter() - began
        )

    def _observed(self, curves: tuple[LearningCurve, ...], found: list[Evidence]) -> xr.Dataset:
        names = _names(self.depths)
        arrays: tuple[tuple[Quantity, Any], ...] = (
            (CLAIM, [self.claims.index(each.verdict) for each in found]),
            (SCORE, _filled([curve.score for curve in curves])),
            (FITTED, _filled([each.best.mean for each in found])),
            (WORSE_BY, [[each.worse_by[name] for name in names] for each in found]),
            (SCATTER, [each.overdispersion for each in found]),
        )
        return xr.Dataset(
            {quantity.name: quantity.label(values, ("seed",)) for quantity, values in arrays}
            | {"time": (("seed", "block"), _filled([curve.time for curve in curves]))},
            {
                "learner": ("seed", np.array([curve.name for curve in curves])),
                "family": np.array(names),
            },
        )


def claims(result: RunResult) -> Int[np.ndarray, " learners"]:
    """Return what is claimed of each learner, as numbers of `Weighing.claims`."""
    return np.asarray(result.observation[CLAIM.name].values, dtype=np.int64)


def truths(result: RunResult) -> Int[np.ndarray, " learners"]:
    """Return the kind of each learner, where it is known."""
    return np.asarray(result.prediction[CLAIM.name].values, dtype=np.int64)


def _names(depths: tuple[int, ...]) -> list[str]:
    return list(dict.fromkeys(family.name for family in families(depths)))


def _filled(rows: list[Float[np.ndarray, " blocks"]]) -> Float[np.ndarray, "learners blocks"]:
    """Return curves of different lengths as one array, with nan after the end of the shorter."""
    whole = np.full((len(rows), max(len(row) for row in rows)), np.nan)
    for index, row in enumerate(rows):
        whole[index, : len(row)] = row
    return whole


def _checks(found: list[Evidence]) -> tuple[Check, ...]:
    """Measure what the likelihoods take for granted; the median over learners."""
    scatter = float(np.median([each.overdispersion for each in found]))
    follow = [_successive(each.curve.score - each.best.mean) for each in found]
    return (
        Check(
            "answers independent",
            "answers scatter about the best curve as independent ones do: chi-squared over its "
            "degrees of freedom, median over learners",
            scatter,
            LARGEST_SCATTER,
        ),
        Check(
            "blocks independent",
            "what is left of a block says nothing of the next: |correlation of successive "
            "residuals| times the root of the number of blocks, median over learners",
            float(np.median(follow)),
            2.0,
        ),
    )


def _successive(left: Float[np.ndarray, " blocks"]) -> float:
    size = float(left @ left)
    return abs(float(left[1:] @ left[:-1])) / size * len(left) ** 0.5 if size > 0.0 else 0.0
