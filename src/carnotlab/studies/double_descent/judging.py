"""What is judged of curves over size: their distance from theory, and the shape of each peak."""

from collections.abc import Callable
from typing import NamedTuple

from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.double_descent.curves import CHOSEN_ERROR, curves, sizes_of
from carnotlab.studies.double_descent.peaks import (
    FALL,
    NO_GAIN,
    PLACE,
    RISE,
    SLIGHT_RISE,
    THEORY,
    distance_from_theory,
    edge_of,
    end_over,
    end_over_peak,
    gain_at,
    peak_of,
    place_of_interpolation,
    place_of_peak,
    rise_at,
    trough_over_peak,
)
from carnotlab.studies.judging import judge
from carnotlab.studies.study import Judgement, Results, Statistic

LINEAR, SPHERE = "least squares", "random features, sphere"
MISTAKEN = "control: least squares, samples mistaken"
FEATURES, RIDGE = "random features of {}", "control: random features of {}, ridge"
NETWORKS, STOPPED = "networks on {}", "control: networks on {}, stopped early"
CLEAN = "control: networks on {}, true labels"
PAIR = "two classes of {}"
"""Data set of networks whose signal takes few samples, so that a peak in samples is not hidden."""


class Thresholds(NamedTuple):
    """Sizes at which samples can just be fitted, by kind of arm."""

    linear: float
    sphere: float
    features: float


def name_in(label: str, template: str) -> str | None:
    """Return the data set that a label made from a template names, None for other labels.

    >>> name_in("networks on digits", NETWORKS), name_in("networks on digits", FEATURES)
    ('digits', None)
    """
    before, after = template.split("{}")
    inside = label.removeprefix(before).removesuffix(after)
    return inside if template.format(inside) == label and "," not in inside else None


def judgements_of(
    label: str, thresholds: Thresholds, *, rising: bool, fall: bool
) -> list[Judgement]:
    """Return what is judged of one arm, by its label.

    ``rising`` says that sizes are numbers of samples; ``fall`` that networks are judged at and
    behind their peak, and not only before it.
    """

    def of(
        tolerance: Tolerance, kind: Callable[[RunResult], Statistic], name: str = ""
    ) -> Judgement:
        return judge(name or label, tolerance, label, kind)

    if label in (LINEAR, MISTAKEN):
        found = [of(THEORY, lambda run: distance_from_theory(run, thresholds.linear))]
        if label == LINEAR:
            # In width all inputs are worth the same: behind the peak the error returns to that of
            # knowing nothing, as theory has it.
            found += [of(RISE, _rise), *([of(FALL, _fall)] if rising else [])]
            found.append(of(PLACE, lambda run: place_of_peak(run, thresholds.linear)))
        return found
    if label == SPHERE:
        return [
            of(THEORY, lambda run: distance_from_theory(run, thresholds.sphere)),
            of(PLACE, lambda run: place_of_peak(run, thresholds.sphere)),
        ]
    name = name_in(label, FEATURES)
    if name is not None:
        return [
            of(RISE, _rise),
            of(FALL, _fall),
            of(PLACE, lambda run: place_of_peak(run, thresholds.features)),
            of(RISE, _rise_regularized, RIDGE.format(name)),
        ]
    name = name_in(label, NETWORKS)
    rise = SLIGHT_RISE if rising else RISE
    if name is not None:
        if not fall:
            return [of(RISE, _rise)]
        if _peak_hides(name, rising):
            # In samples a peak hides in the fall that samples bring: what is left of it is that
            # they bring none while they can be fitted, but do to a network that is stopped in time.
            return [
                of(NO_GAIN, _gain),
                of(FALL, lambda run: end_over(curves(run), edge_of(run))),
                of(NO_GAIN, _gain_regularized, STOPPED.format(name)),
            ]
        return [
            of(rise, _rise),
            of(FALL, _fall),
            *([] if rising else [of(PLACE, place_of_interpolation)]),
            of(rise, _rise_regularized, STOPPED.format(name)),
        ]
    data = name_in(label, CLEAN) or ""
    noisy, hidden = NETWORKS.format(data), _peak_hides(data, rising)

    def clean(results: Results) -> Statistic:
        values = curves(results[label])
        if hidden:
            return gain_at(values, sizes_of(results[label]), edge_of(results[noisy]))
        # At most the widest that has true labels.
        return rise_at(values, min(peak_of(results[noisy]), values.shape[1] - 1))

    return [Judgement(label, "control", NO_GAIN if hidden else rise, (label, noisy), clean)]


def _peak_hides(name: str, rising: bool) -> bool:
    """Whether what more samples bring to networks on a data set hides the peak."""
    return rising and name_in(name, PAIR) is None


def _gain(run: RunResult) -> Statistic:
    return gain_at(curves(run), sizes_of(run), edge_of(run))


def _gain_regularized(run: RunResult) -> Statistic:
    return gain_at(curves(run, CHOSEN_ERROR), sizes_of(run), edge_of(run))


def _rise(run: RunResult) -> Statistic:
    return trough_over_peak(curves(run))


def _fall(run: RunResult) -> Statistic:
    return end_over_peak(curves(run))


def _rise_regularized(run: RunResult) -> Statistic:
    return rise_at(curves(run, CHOSEN_ERROR), peak_of(run))
