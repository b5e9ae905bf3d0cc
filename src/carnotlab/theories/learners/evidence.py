r"""What a learner's curve is evidence for, and when it is evidence for nothing.

Families are held against each other by an information criterion. A family is claimed only if every
other is worse by `MARGIN`; a learner is said to have learned only if the constant curve is. Counts
of real learners scatter more than binomially, from day to day: the likelihood is then divided by
the overdispersion :math:`\hat c = \chi^2/(n - k)` of the best curve (quasi-likelihood), else the
criterion would see shapes in the scatter. Source: burnham2002.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from carnotlab.core.errors import require
from carnotlab.theories.learners.families import Family, families
from carnotlab.theories.learners.fitting import Fit, fit
from carnotlab.theories.learners.learning_curve import LearningCurve

Criterion: TypeAlias = Literal["AICc", "BIC"]

MARGIN = 6.0
"""How much worse others must be: a relative likelihood of exp(-3), one in twenty."""

NO_LEARNING = "no evidence of learning"
NO_SHAPE = "no evidence for a shape"


@dataclass(frozen=True, eq=False)
class Evidence:
    """Every family's best fit to one curve, and what can be said.

    ``criteria`` are in the order of ``fits``, lower is better; ``overdispersion`` is 1 for scores
    that are no counts.
    """

    curve: LearningCurve
    fits: tuple[Fit, ...]
    criteria: tuple[float, ...]
    overdispersion: float
    margin: float = MARGIN

    @property
    def best(self) -> Fit:
        """The fit of the lowest criterion."""
        return self.fits[int(np.argmin(self.criteria))]

    @property
    def worse_by(self) -> dict[str, float]:
        """How much worse each family is than the best: the best of its read-outs and stages."""
        lowest = min(self.criteria)
        found: dict[str, float] = {}
        for each, value in zip(self.fits, self.criteria, strict=True):
            name = each.family.name
            found[name] = min(found.get(name, np.inf), value - lowest)
        return found

    @property
    def learned(self) -> bool:
        """Whether the constant curve is ruled out, in favour of one that rises."""
        score = self.best.mean
        return self.worse_by["constant"] > self.margin and bool(score[-1] > score[0])

    @property
    def possible(self) -> tuple[str, ...]:
        """The families that are not ruled out, best first."""
        worse = self.worse_by
        return tuple(
            name for name in sorted(worse, key=lambda n: worse[n]) if worse[name] <= self.margin
        )

    @property
    def verdict(self) -> str:
        """The family's name where all others are ruled out, else that there is no evidence."""
        if not self.learned:
            return NO_LEARNING
        possible = self.possible
        return possible[0] if len(possible) == 1 else NO_SHAPE


def weigh(
    curve: LearningCurve,
    candidates: Sequence[Family] | None = None,
    *,
    criterion: Criterion = "AICc",
    margin: float = MARGIN,
) -> Evidence:
    r"""Fit every family to a curve and say what it is evidence for.

    AICc is :math:`-2L/\hat c + 2k + 2k(k+1)/(n-k-1)`, BIC :math:`-2L/\hat c + k\ln n`, with k
    constants fitted (the variance, or :math:`\hat c` where it is above 1, among them), n blocks.

    Args:
        curve: What is seen of the learner.
        candidates: The families; default `families()`.
        criterion: Which criterion.
        margin: How much worse others must be.

    Raises:
        InputError: if the constant curve is not among the families.

    >>> random = np.random.default_rng(0)
    >>> time = np.arange(1.0, 41.0)
    >>> score = 1 / (1 + np.exp(10 - time)) + 0.02 * random.standard_normal(40)
    >>> weigh(LearningCurve("x", time, score, floor=0.0)).verdict
    'depth 2 (logistic)'
    >>> weigh(LearningCurve("y", time, 0.1 * random.standard_normal(40), floor=0.0)).verdict
    'no evidence of learning'
    """
    chosen = tuple(families() if candidates is None else candidates)
    require(
        any(family.name == "constant" for family in chosen),
        "families without the constant curve",
        "one to hold learning against",
        "add Constant()",
    )
    fits = tuple(fit(family, curve) for family in chosen)
    spread = overdispersion(curve, max(fits, key=lambda each: each.log_likelihood))
    n = len(curve.time)
    values: list[float] = []
    for each in fits:
        k = each.fitted + (spread > 1.0)
        if criterion == "BIC":
            penalty = k * np.log(n)
        else:
            penalty = 2.0 * k * n / (n - k - 1.0) if n > k + 1 else np.inf
        values.append(-2.0 * each.log_likelihood / spread + float(penalty))
    return Evidence(curve, fits, tuple(values), spread, margin)


def overdispersion(curve: LearningCurve, best: Fit) -> float:
    r"""Return :math:`\hat c = \chi^2/(n-k) \ge 1` of counts about a fit; 1 for other scores."""
    if curve.trials is None:
        return 1.0
    p = np.clip(best.mean, 1e-6, 1.0 - 1e-6)
    chi = float(np.sum(curve.trials * (curve.score - p) ** 2 / (p * (1.0 - p))))
    return max(chi / max(len(p) - best.fitted, 1), 1.0)
