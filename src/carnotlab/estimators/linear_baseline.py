"""What a linear model with well-chosen regularization makes of data: the bar to be cleared."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.data import Data
from carnotlab.core.errors import require, require_positive
from carnotlab.tasks.drawing import generator
from carnotlab.tasks.statistics import flattened
from carnotlab.tasks.targets import share_wrong

Kind: TypeAlias = Literal["ridge", "logistic"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Those of a classification, in the order of `linear_baselines`; a regression has the first."""

STRENGTHS = tuple(10.0**power for power in np.arange(-6.0, 2.1, 0.5))
"""Strengths to choose from, in units of the mean variance of a feature."""

LOGISTIC_STRENGTHS = tuple(10.0**power for power in range(-5, 1))
"""Fewer for logistic regression, which is solved by iterations."""

ITERATIONS, GRADIENT = 200, 1e-3
"""Where the iterations of a logistic regression end: the number of them, or the largest entry of
the gradient. Only strengths too weak to be chosen are stopped by their number."""


@dataclass(frozen=True)
class LinearBaseline:
    """A linear model with the strength that held-out training samples chose.

    ``test_error`` is the share of held-out samples classified wrongly, for a regression the mean
    over samples of the squared error summed over outputs; ``validation_error`` is the same on the
    training samples left out (their labels may be wrong where there is label noise). ``strength``
    is in units of the mean variance of a feature and belongs to means over samples.
    """

    kind: Kind
    strength: float
    validation_error: float
    test_error: float


def linear_baselines(
    data: Data, is_classification: bool, *, folds: int = 4, seed: int = 0
) -> tuple[LinearBaseline, ...]:
    """Return the ridge baseline and, for classes, that of logistic regression behind it.

    Inputs are flattened. Nothing of ``data.test`` is used to choose.

    Args:
        data: Targets are one-hot classes if ``is_classification``.
        is_classification: Whether errors are wrong classes, rather than squared.
        folds: Parts of the training set for the logistic regression's cross-validation.
        seed: Draws those parts.

    Raises:
        InputError: for fewer than two classes, or fewer samples than ``folds``.

    >>> from carnotlab.tasks.digits import Digits
    >>> data = Digits(train_size=100, test_size=100, classes=(0, 1, 2)).data()
    >>> [each.kind for each in linear_baselines(data, True) if each.test_error < 0.1]
    ['ridge', 'logistic']
    """
    found = [ridge_baseline(data, is_classification)]
    if is_classification:
        found.append(logistic_baseline(data, folds=folds, seed=seed))
    return tuple(found)


def baseline_errors(data: Data, is_classification: bool = True) -> Float[np.ndarray, " kind"]:
    """Return the ``test_error`` of each of `linear_baselines`, in the order of `KINDS`.

    >>> from carnotlab.tasks.digits import Digits
    >>> baseline_errors(Digits(train_size=100, test_size=100, classes=(0, 1, 2)).data()) < 0.1
    array([ True,  True])
    """
    return np.array([each.test_error for each in linear_baselines(data, is_classification)])


def ridge_baseline(
    data: Data, is_classification: bool, *, strengths: Sequence[float] = STRENGTHS
) -> LinearBaseline:
    r"""Return ridge regression with an intercept, its strength chosen by leaving one out.

    Minimizes :math:`\tfrac1n\|y - a - Xw\|^2 + \lambda v \|w\|^2` with :math:`v` the mean variance
    of a feature. Leaving out sample :math:`i` changes its residual to :math:`r_i/(1 - h_{ii})`
    exactly, :math:`h` the smoother's diagonal, so one decomposition serves all strengths. Among
    strengths of equal error the strongest is chosen. Classes are regressed as one-hot targets.
    """
    for strength in strengths:
        require_positive("strength", strength)
    (x, y), (held_out, truth) = flattened(data.train), flattened(data.test)
    n = len(x)
    require(n > 1, f"{n} training samples", "at least two", "add samples")
    mean, level = x.mean(axis=0), y.mean(axis=0)
    left, singular, right = np.linalg.svd(x - mean, full_matrices=False)
    projected = left.T @ (y - level)
    unit = n * _mean_variance(x)
    best = (float("inf"), max(strengths))
    for strength in sorted(strengths, reverse=True):
        shrink = singular**2 / (singular**2 + strength * unit)
        residual = y - level - left @ (shrink[:, None] * projected)
        leverage = 1.0 / n + left**2 @ shrink
        # A sample that no other says anything about is left out by the mean of the rest.
        left_out = y - residual / np.maximum(1.0 - leverage, 1e-12)[:, None]
        error = _error(left_out, y, is_classification)
        if error < best[0]:
            best = error, strength
    error, strength = best
    weights = right.T @ ((singular / (singular**2 + strength * unit))[:, None] * projected)
    outputs = (held_out - mean) @ weights + level
    test_error = _error(outputs, truth, is_classification)
    return LinearBaseline("ridge", float(strength), error, test_error)


def logistic_baseline(
    data: Data,
    *,
    strengths: Sequence[float] = LOGISTIC_STRENGTHS,
    folds: int = 4,
    seed: int = 0,
) -> LinearBaseline:
    r"""Return multinomial logistic regression, its strength chosen by cross-validation.

    Minimizes mean cross-entropy plus :math:`\tfrac{\lambda v}{2}\|w\|^2`, the intercept free.
    Among strengths of equal error the strongest is chosen.

    Raises:
        InputError: for fewer than two classes among the training samples, or too few samples.
    """
    (x, y), (held_out, truth) = flattened(data.train), flattened(data.test)
    n, codes = len(x), np.argmax(y, axis=1)
    require(
        1 < folds <= n,
        f"{n} samples in {folds} parts",
        "at least two parts, none empty",
        "use fewer parts",
    )
    require(
        len(np.unique(codes)) > 1,
        "one class among the training samples",
        "at least two",
        "add samples of another class",
    )
    part = generator(seed, "folds").permutation(np.arange(n) % folds)
    centre, scale = x.mean(axis=0), _mean_variance(x) ** 0.5
    x, held_out = (x - centre) / scale, (held_out - centre) / scale
    machines = [_Machine() for _ in range(folds)]
    best, worse = (float("inf"), max(strengths)), 0
    for strength in sorted(strengths, reverse=True):
        wrong = 0
        for fold, machine in enumerate(machines):
            kept = part != fold
            found = machine.fit(x[kept], codes[kept], strength).predict(x[~kept])
            wrong += int(np.sum(found != codes[~kept]))
        if wrong / n < best[0]:
            best, worse = (wrong / n, strength), 0
        else:
            worse += 1
        if worse == 2:  # errors fall and then rise, and the weakest strengths take longest
            break
    error, strength = best
    found = _Machine().fit(x, codes, strength).predict(held_out)
    test_error = float(np.mean(found != np.argmax(truth, axis=1)))
    return LinearBaseline("logistic", float(strength), error, test_error)


class _Machine:
    """Logistic regression that begins where it ended at the strength before."""

    def __init__(self) -> None:
        from sklearn.linear_model import LogisticRegression

        self._solver: Any = LogisticRegression(warm_start=True, max_iter=ITERATIONS, tol=GRADIENT)
        self._only: int | None = None

    def fit(
        self, x: Float[np.ndarray, "n d"], codes: Int[np.ndarray, " n"], strength: float
    ) -> "_Machine":
        if len(np.unique(codes)) == 1:  # a part of the samples may hold one class alone
            self._only = int(codes[0])
            return self
        from sklearn.exceptions import ConvergenceWarning

        self._solver.C = 1.0 / (len(x) * strength)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._solver.fit(x, codes)
        return self

    def predict(self, x: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
        return np.full(len(x), self._only) if self._only is not None else self._solver.predict(x)


def _mean_variance(x: Float[np.ndarray, "n d"]) -> float:
    """Return the mean variance of a feature, 1 where all are constant."""
    return float(x.var(axis=0).mean()) or 1.0


def _error(
    outputs: Float[np.ndarray, "n k"], targets: Float[np.ndarray, "n k"], classes: bool
) -> float:
    if classes:
        return share_wrong(outputs, targets)
    return float(np.mean(np.sum((outputs - targets) ** 2, axis=1)))
