"""Whether a curve falls, rises and falls again, and where: statistics over seeds."""

import numpy as np
from jaxtyping import Float

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.double_descent.curves import (
    TEST_ERROR,
    TRAIN_ERROR,
    Curves,
    curves,
    expected,
    sizes_of,
)
from carnotlab.studies.study import Rows, Statistic

RISE = Tolerance(
    Quantity("trough_over_peak", (), "1", "least error before the peak over the error there"),
    1.0 / 1.2,
    "a rise by a fifth: errors of means over seeds here are below 5 %, and the place of the peak "
    "is found on the same seeds, which alone can bring a few percent",
)
SLIGHT_RISE = Tolerance(
    RISE.quantity,
    1.0 / 1.1,
    "a rise by a tenth: the error of a few dozen images scatters by half of itself between seeds, "
    "4 % over 128 of them, and the place of the peak is found on the same seeds",
)
FALL = Tolerance(
    Quantity("end_over_peak", (), "1", "error at the largest size over the error at the peak"),
    1.0 / 1.5,
    "a fall to two thirds, well beyond what scatter between seeds can bring",
)
THEORY = Tolerance(
    Quantity("distance_from_theory", (), "1", "relative distance of errors from theory's, r.m.s."),
    0.15,
    "away from the threshold the error of one draw scatters by a third to a half of itself, over "
    "the root of a few dozen draws 5 to 10 %; finite sizes of the sphere add up to a tenth",
)
AWAY = 0.2
"""Sizes within this share of the threshold are not held against theory: means are infinite there,
or dominated by rare draws."""
NO_GAIN = Tolerance(
    Quantity(
        "gain_of_samples", (), "fraction", "share of the error that four times the samples save"
    ),
    0.1,
    "a tenth: errors of means over seeds are below 5 %, and two of them are compared",
)
PLACE = Tolerance(
    Quantity("place_of_peak", (), "1", "distance of the peak from where theory puts it, log 2"),
    1.0,
    "a factor of two, the usual step between the sizes that are looked at",
)
INTERPOLATED = 0.1
"""Training error below which a network counts as fitting its samples (nakkiran2020)."""


def rise(curve: Float[np.ndarray, " size"]) -> tuple[float, int]:
    """Return the least of trough over peak, and the index of that peak; 1 where nothing rises.

    >>> rise(np.array([3.0, 1.0, 2.0, 0.5]))
    (0.5, 2)
    """
    before = np.minimum.accumulate(curve)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(curve > 0.0, before / curve, 1.0)
    place = int(np.argmin(ratio))
    return float(ratio[place]), place


def bump(curve: Float[np.ndarray, " step"]) -> tuple[float, int]:
    """Return the height of the largest bump as a share of its peak, and the index of that peak.

    What rises before a peak counts as far as it falls again behind: 0 where a curve only falls,
    however slowly at first, or rises and stays.

    >>> bump(np.array([3.0, 1.0, 2.0, 1.5])), bump(np.array([3.0, 2.9, 3.0, 1.0]))[0] < 0.05
    ((0.25, 2), True)
    """
    before = np.minimum.accumulate(curve)
    behind = np.minimum.accumulate(curve[::-1])[::-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        height = np.where(curve > 0.0, 1.0 - np.maximum(before, behind) / curve, 0.0)
    place = int(np.argmax(height))
    return float(height[place]), place


def trough_over_peak(values: Curves) -> Statistic:
    """Return the statistic that is `rise` of the mean over seeds."""
    return lambda rows: rise(values[rows].mean(axis=0))[0]


def peak_of(result: RunResult) -> int:
    """Return the index of the size at which the mean over all seeds peaks."""
    return rise(curves(result).mean(axis=0))[1]


def rise_at(values: Curves, place: int) -> Statistic:
    """Return the least error up to one size over the error there: 1 if it has only fallen.

    Where other curves peak, this one is asked for a rise without looking for the largest.
    """

    def statistic(rows: Rows) -> float:
        mean = values[rows].mean(axis=0)
        return float(mean[: place + 1].min() / mean[place])

    return statistic


def edge_of(result: RunResult) -> int:
    """Return the index of the most samples that the mean over all seeds still fits, 0 for none."""
    fitted = np.flatnonzero(curves(result, TRAIN_ERROR).mean(axis=0) <= INTERPOLATED)
    return int(fitted[-1]) if len(fitted) else 0


def gain_at(values: Curves, sizes: Float[np.ndarray, " size"], place: int) -> Statistic:
    """Return the share of the error at about a quarter of a size that is gone at that size.

    It is infinite where no smaller size was measured.
    """
    quarter = int(np.argmin(np.abs(np.log(4.0 * sizes / sizes[place]))))

    def statistic(rows: Rows) -> float:
        mean = values[rows].mean(axis=0)
        if quarter == place:
            return float("inf")
        return max(float(1.0 - mean[place] / mean[quarter]), 0.0)

    return statistic


def end_over(values: Curves, place: int) -> Statistic:
    """Return the error at the end over that at one size, of the mean over seeds."""
    return lambda rows: float(values[rows][:, -1].mean() / values[rows][:, place].mean())


def end_over_peak(values: Curves) -> Statistic:
    """Return the error at the end over that at the peak, of the mean over seeds."""

    def statistic(rows: Rows) -> float:
        mean = values[rows].mean(axis=0)
        return float(mean[-1] / mean[rise(mean)[1]])

    return statistic


def place_of_peak(result: RunResult, wanted: float) -> Statistic:
    """Return how many factors of two the peak lies from where it is wanted."""
    values, sizes = curves(result), sizes_of(result)
    return lambda rows: abs(float(np.log2(sizes[rise(values[rows].mean(axis=0))[1]] / wanted)))


def place_of_interpolation(result: RunResult) -> Statistic:
    """Return how many factors of two the peak lies from the least size that fits its samples.

    That is the first size with a training error below `INTERPOLATED`.
    """
    values, sizes = curves(result), sizes_of(result)
    train = curves(result, TRAIN_ERROR)

    def statistic(rows: Rows) -> float:
        fitted = np.flatnonzero(train[rows].mean(axis=0) <= INTERPOLATED)
        if not len(fitted):
            return float("inf")
        edge = sizes[fitted[0]]
        return abs(float(np.log2(sizes[rise(values[rows].mean(axis=0))[1]] / edge)))

    return statistic


def distance_from_theory(
    result: RunResult, threshold: float = 0.0, quantity: Quantity = TEST_ERROR
) -> Statistic:
    """Return the relative distance of the mean curve from theory, root mean square over sizes.

    Sizes within `AWAY` of the threshold, if there is one, are left out.
    """
    sizes, theory = sizes_of(result), expected(result, quantity)
    far = np.abs(np.log(sizes / max(threshold, 1e-9))) > np.log1p(AWAY)
    values, theory = curves(result, quantity)[:, far], theory[far]
    return lambda rows: float(np.sqrt(np.mean((values[rows].mean(axis=0) / theory - 1.0) ** 2)))
