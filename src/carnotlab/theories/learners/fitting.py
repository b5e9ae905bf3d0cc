"""Maximum-likelihood fits of a family of curves to a learner: from a grid of starts, within bounds.

Counts are binomial, other scores Gaussian with a common unknown variance.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from threadpoolctl import ThreadpoolController

from carnotlab.theories.learners.families import (
    Constant,
    Family,
    shape_bounds,
    share,
)
from carnotlab.theories.learners.learning_curve import LearningCurve

Values = Float[np.ndarray, "..."]

POINTS = {
    "log_half_time": 20,
    "start": 8,
    "log_exponent": 20,
    "log_sharpness": 3,
    "log_delay": 3,
    "weight": 3,
}
"""How many values of each constant the grid of starts has, evenly between its bounds."""

STARTS = 2
"""Best points of the grid, apart from each other, from which the likelihood is climbed."""

CLOSEST = 1e-9
"""Probabilities are kept this far from 0 and 1, and residuals this share of the scores' range."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The best curve of a family: its constants, its log-likelihood and how many were fitted.

    Binomial coefficients are left out of the likelihood: they are common to all families.
    """

    family: Family
    constants: dict[str, float]
    mean: Float[np.ndarray, " blocks"]
    log_likelihood: float
    fitted: int


def fit(family: Family, curve: LearningCurve, starts: int = STARTS) -> Fit:
    """Fit a family to a curve by maximum likelihood.

    The likelihood is computed on a grid of shapes, floor and ceiling solved for; from the best
    ``starts`` points of it, no two with one start, all constants are then climbed together
    (L-BFGS-B with exact slopes).

    >>> from carnotlab.theories.learners.families import DeepLinear
    >>> time = np.arange(1.0, 21.0)
    >>> found = fit(DeepLinear(2), LearningCurve("x", time, 1 / (1 + np.exp(5 - time)), floor=0.0))
    >>> round(found.constants["ceiling"], 4)
    1.0
    """
    known = curve.floor is not None
    bounds = shape_bounds(family, len(curve.time), floor_known=known)
    levels = _level_bounds(curve)
    fitted = (
        len(bounds) + 1 + (not known and not isinstance(family, Constant)) + (not curve.counted)
    )
    names = [*(() if known or not bounds else ("floor",)), "ceiling", *bounds]
    box = [levels] * (len(names) - len(bounds)) + list(bounds.values())
    best: tuple[float, Any] | None = None
    for begin in _starts(family, curve, starts):
        inside = np.clip(begin, [low for low, _ in box], [high for _, high in box])
        with _libraries().limit(limits=1, user_api="blas"):
            found = minimize(
                _objective,
                inside,
                (family, curve, tuple(names)),
                method="L-BFGS-B",
                jac=True,
                bounds=box,
                options={"maxiter": 200, "ftol": 1e-12, "gtol": 1e-7},
            )
        if best is None or found.fun < best[0]:
            best = float(found.fun), found.x
    assert best is not None
    constants = dict(zip(names, (float(v) for v in best[1]), strict=True))
    mean, _ = _mean(family, curve, constants)
    return Fit(family, constants, mean, -best[0], fitted)


@cache
def _libraries() -> ThreadpoolController:
    """The linear algebra of this process: its threads wait for each other on matrices of 4 × 4."""
    return ThreadpoolController()


def _level_bounds(curve: LearningCurve) -> tuple[float, float]:
    if curve.counted:
        assert curve.floor is not None
        return curve.floor, 1.0
    low, high = float(np.min(curve.score)), float(np.max(curve.score))
    reach = max(high - low, CLOSEST)
    return low - reach, high + reach


def _mean(
    family: Family, curve: LearningCurve, constants: dict[str, float]
) -> tuple[Values, dict[str, Values]]:
    """Return the expected scores and their slopes in each constant."""
    ceiling = constants["ceiling"]
    if isinstance(family, Constant):
        return np.full(len(curve.time), ceiling), {"ceiling": np.ones(len(curve.time))}
    floor = constants.get("floor", curve.floor)
    assert floor is not None
    shape = {k: v for k, v in constants.items() if k not in ("floor", "ceiling")}
    done, slopes = share(family, curve.clock, shape)
    rise = ceiling - floor
    found = {"floor": 1.0 - done, "ceiling": done}
    found.update({name: rise * slope for name, slope in slopes.items()})
    return floor + rise * done, found


def _objective(
    vector: Values, family: Family, curve: LearningCurve, names: tuple[str, ...]
) -> tuple[float, Values]:
    """Minus the log-likelihood and its slope."""
    constants = dict(zip(names, vector.tolist(), strict=True))
    mean, slopes = _mean(family, curve, constants)
    value, outer = _likelihood(mean, curve)
    return -value, -np.array([float(np.sum(outer * slopes[name])) for name in names])


def _likelihood(mean: Values, curve: LearningCurve) -> tuple[float, Values]:
    """Return the log-likelihood of expected scores and its slope in each of them."""
    if curve.trials is not None:
        p = np.clip(mean, CLOSEST, 1.0 - CLOSEST)
        right = curve.score * curve.trials
        wrong = curve.trials - right
        value = float(np.sum(right * np.log(p) + wrong * np.log1p(-p)))
        return value, right / p - wrong / (1.0 - p)
    n = len(mean)
    gap = curve.score - mean
    least = n * (CLOSEST * max(float(np.ptp(curve.score)), CLOSEST)) ** 2
    square = float(gap @ gap) + least
    value = -0.5 * n * (np.log(2.0 * np.pi * square / n) + 1.0)
    return float(value), n * gap / square


def _starts(family: Family, curve: LearningCurve, count: int) -> list[Values]:
    """Return the best points of the grid, with floor and ceiling, best first."""
    if isinstance(family, Constant):
        weights = curve.trials if curve.trials is not None else np.ones(len(curve.time))
        return [np.array([np.average(curve.score, weights=weights)])]
    known = curve.floor is not None
    shapes, shares = _grid(family, curve.clock.tobytes(), len(curve.time), known)
    w = np.ones(len(curve.time)) if curve.trials is None else curve.trials
    w = w / w.sum()
    if known:
        above = curve.score - curve.floor
        rise = shares @ (w * above) / np.maximum(shares**2 @ w, 1e-12)
        floor = np.full(len(shapes), curve.floor)
    else:
        middle = shares @ w
        spread = np.maximum((shares - middle[:, None]) ** 2 @ w, 1e-12)
        rise = (shares - middle[:, None]) @ (w * curve.score) / spread
        floor = float(w @ curve.score) - rise * middle
    if curve.counted:
        rise = np.clip(rise, 0.0, 1.0 - floor)
    error = (curve.score - floor[:, None] - rise[:, None] * shares) ** 2 @ w
    chosen: list[int] = []
    for index in np.argsort(error):
        if all(_apart(shapes[index], shapes[other]) for other in chosen):
            chosen.append(int(index))
        if len(chosen) == count:
            break
    levels = [[floor[i] + rise[i]] if known else [floor[i], floor[i] + rise[i]] for i in chosen]
    return [np.concatenate([level, shapes[i]]) for level, i in zip(levels, chosen, strict=True)]


def _apart(one: Values, other: Values) -> bool:
    """Whether two points of the grid differ in their last constant: not mere neighbours in time."""
    return len(one) == 1 or bool(np.any(one[1:] != other[1:]))


@lru_cache(maxsize=256)
def _grid(
    family: Family, clock: bytes, blocks: int, floor_known: bool
) -> tuple[Float[np.ndarray, "points constants"], Float[np.ndarray, "points blocks"]]:
    bounds = shape_bounds(family, blocks, floor_known=floor_known)
    axes = [np.linspace(low, high, POINTS[name]) for name, (low, high) in bounds.items()]
    times = np.frombuffer(clock)
    shapes = np.array(list(product(*axes)))
    rows = [
        share(family, times, dict(zip(bounds, point.tolist(), strict=True)))[0] for point in shapes
    ]
    return shapes, np.array(rows)
