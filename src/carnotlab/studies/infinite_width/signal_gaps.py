"""How far signals in finite networks are from their mean field, and how deep networks train."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from carnotlab.measures.activity import ACTIVITY_CORRELATION, GRADIENT_LENGTH
from carnotlab.measures.learned_share import LEARNED_SHARE
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_apart, observed, predicted, squared_mean
from carnotlab.studies.study import Rows, Statistic


def correlation_gap(result: RunResult) -> Statistic:
    """Return how far the ensemble's mean correlations are from theory at the start.

    Root mean square over layers and pairs of inputs; absolute, as correlations may vanish.
    """
    seen = observed(result, ACTIVITY_CORRELATION)[:, 0]
    gap = (seen - predicted(result, ACTIVITY_CORRELATION)[0, 0]).reshape(len(seen), -1)
    products = gap @ gap.T / gap.shape[1]
    return lambda rows: float(np.sqrt(squared_mean(products, rows)))


def gradient_rate_gap(result: RunResult) -> Statistic:
    """Return how far the rate of growth of gradients from layer to layer is from theory.

    Rates are slopes of log squared gradients over hidden layers, natural logarithm, absolute.
    """
    slopes = gradient_rates(observed(result, GRADIENT_LENGTH)[:, 0])
    expected = float(gradient_rates(predicted(result, GRADIENT_LENGTH)[:, 0])[0])
    return mean_apart(slopes, expected)


def gradient_rates(squares: Float[np.ndarray, "seed layers"]) -> Float[np.ndarray, " seed"]:
    """Return the slope of the log of squared gradients over hidden layers, for each member.

    The first layer, whose inputs are data, and the last, which is no hidden one, are left out.

    >>> gradient_rates(np.exp(np.array([[9.0, 1.0, 3.0, 5.0, 9.0]]))).tolist()
    [2.0]
    """
    logs = np.log(squares[:, 1:-1])
    layers = np.arange(logs.shape[1]) - (logs.shape[1] - 1) / 2.0
    return logs @ layers / float(layers @ layers)


def depth_scale_gap(result: RunResult, depth_scale: float) -> Statistic:
    r"""Return how far the measured depth scale of correlations is from a predicted one, relative.

    Measured in order, where correlations rise to 1: minus one over the slope of the log of their
    mean distance from it, over the deeper half of the layers.
    """
    distance = 1.0 - observed(result, ACTIVITY_CORRELATION)[:, 0].mean(axis=2)

    def statistic(rows: Rows) -> float:
        measured = measured_depth_scale(distance[rows].mean(axis=0))
        return 1.0 if math.isinf(depth_scale) else abs(measured / depth_scale - 1.0)

    return statistic


def measured_depth_scale(distance: Float[np.ndarray, " layers"]) -> float:
    """Return the number of layers in which a distance falls by e, over the deeper half of them.

    >>> round(measured_depth_scale(np.exp(-np.arange(8.0) / 3.0)), 12)
    3.0
    """
    deeper = np.log(np.maximum(distance[len(distance) // 2 :], np.finfo(float).tiny))
    layers = np.arange(len(deeper)) - (len(deeper) - 1) / 2.0
    return -float(layers @ layers) / float(layers @ deeper)


def half_depth(depths: Sequence[int], shares: Float[np.ndarray, " depths"]) -> float:
    """Return the depth at which the share learned falls through one half.

    Interpolated in the log of depth between the last depth above and the next; infinite where the
    deepest still learns, 0 where none does.

    >>> round(half_depth((4, 16, 64), np.array([1.0, 0.75, 0.25])), 6)
    32.0
    """
    above = np.flatnonzero(shares > 0.5)
    if len(above) == 0:
        return 0.0
    last = int(above[-1])
    if last == len(depths) - 1:
        return math.inf
    part = (shares[last] - 0.5) / (shares[last] - shares[last + 1])
    return float(depths[last] * (depths[last + 1] / depths[last]) ** part)


def trainable_depth_gap(
    columns: Sequence[Sequence[RunResult]], depths: Sequence[int], reach: Sequence[float]
) -> Statistic:
    """Return by how many factors of two trainable depths are off, root mean square over columns.

    ``columns`` holds the runs of each weight variance, one a depth; ``reach`` the depth predicted.
    """
    ends = [np.stack([learned(run) for run in runs]) for runs in columns]

    def statistic(rows: Rows) -> float:
        measured = np.array([half_depth(depths, end[:, rows].mean(axis=1)) for end in ends])
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.log2(measured / np.asarray(reach))
        return float(np.sqrt(np.mean(off**2)))

    return statistic


def learned(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return the share of the loss each member has learned in the end."""
    return observed(result, LEARNED_SHARE)[:, -1]
