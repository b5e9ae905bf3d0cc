"""Errors between prediction and observation of one run, member by member."""

import numpy as np
from jaxtyping import Float, Shaped

from carnotlab.core.quantities import Quantity
from carnotlab.runs.run import RunResult
from carnotlab.studies.study import Rows, Statistic


def mean_of(values: Shaped[np.ndarray, " seeds"]) -> Statistic:
    """Return the statistic that is the mean of one value of each member.

    >>> mean_of(np.array([1.0, 2.0, 6.0]))(np.array([0, 2, 2])).__round__(6)
    4.333333
    """
    return lambda rows: float(np.mean(values[rows]))


def mean_apart(values: Float[np.ndarray, " seeds"], expected: float) -> Statistic:
    """Return the statistic that is the distance of the mean over members from what is expected.

    >>> mean_apart(np.array([1.0, 2.0, 6.0]), 2.5)(np.array([0, 1]))
    1.0
    """
    return lambda rows: abs(float(np.mean(values[rows])) - expected)


def largest_of(values: Float[np.ndarray, " seeds *more"]) -> Statistic:
    """Return the statistic that is the largest value of all members.

    >>> largest_of(np.array([1.0, 2.0, 6.0]))(np.array([0, 1]))
    2.0
    """
    return lambda rows: float(np.max(values[rows]))


def root_mean_of(squares: Float[np.ndarray, " seeds"]) -> Statistic:
    """Return the statistic that is the root of the mean of one square of each member.

    >>> root_mean_of(np.array([1.0, 4.0, 4.0]))(np.array([1, 2]))
    2.0
    """
    return lambda rows: float(np.sqrt(np.mean(squares[rows])))


def observed(result: RunResult, quantity: Quantity) -> Float[np.ndarray, "seed time *dims"]:
    """Return what was measured, float64."""
    array = result.observation[quantity.name].transpose("seed", "time", *quantity.dims)
    return np.asarray(array.values, dtype=np.float64)


def predicted(result: RunResult, quantity: Quantity) -> Float[np.ndarray, "seed time *dims"]:
    """Return what was predicted; one row for all seeds where it does not depend on the start."""
    array = result.prediction[quantity.name]
    if "seed" not in array.dims:
        array = array.expand_dims("seed")
    return np.asarray(array.transpose("seed", "time", *quantity.dims).values, dtype=np.float64)


def flow_time(result: RunResult) -> Float[np.ndarray, " time"]:
    """Return the record times as flow time."""
    return np.asarray(result.observation["flow_time"].values)


def relative_gap(
    seen: Float[np.ndarray, "seed *dims"], expected: Float[np.ndarray, "#seed *dims"]
) -> Float[np.ndarray, " seed"]:
    r"""Return :math:`\|u - \hat u\| / \|\hat u\|` for each member; infinite where it diverged.

    >>> relative_gap(np.array([[3.0, 4.0], [np.nan, 4.0]]), np.array([[3.0, 5.0]])).round(3)
    array([0.171,   inf])
    """
    axes = tuple(range(1, seen.ndim))
    gap = np.sqrt(np.sum((seen - expected) ** 2, axis=axes))
    size = np.sqrt(np.sum(expected**2, axis=axes))
    return np.where(np.isfinite(gap), gap / size, np.inf)


def course_error(result: RunResult, quantity: Quantity) -> Float[np.ndarray, " seed"]:
    r"""Return :math:`\|u - \hat u\| / \|\hat u\|` over time and dimensions, for each member.

    A member that diverged has an infinite error.
    """
    return relative_gap(observed(result, quantity), predicted(result, quantity))


def mean_course_error(result: RunResult, quantity: Quantity) -> Statistic:
    """Return the statistic that is the mean of `course_error` over members."""
    errors = course_error(result, quantity)
    return mean_of(errors)


def average_course_error(result: RunResult, quantity: Quantity) -> Statistic:
    r"""Return the statistic :math:`\|\bar u - \hat u\| / \|\hat u\|` of the mean over members.

    For theories that predict averages over starts.
    """
    expected = predicted(result, quantity).mean(axis=0).ravel()
    gap = observed(result, quantity).reshape(-1, expected.size) - expected
    products, size = gap @ gap.T, float(expected @ expected)

    def statistic(rows: Rows) -> float:
        square = float(squared_mean(products, rows))
        return float(np.sqrt(square / size)) if np.isfinite(square) else float("inf")

    return statistic


def squared_mean(
    products: Float[np.ndarray, "*lead seeds seeds"], rows: Rows
) -> Float[np.ndarray, "*lead"]:
    """Return the squared norm of the mean over ``rows`` from the products between all members.

    The norm of a weighted mean needs only these, so a resample costs no pass over the arrays. A
    member that is not in the sample does not spoil it by being no number.

    >>> squared_mean(np.array([[4.0, 0.0], [0.0, 4.0]]), np.array([0, 1])).item()
    2.0
    """
    share = np.bincount(rows, minlength=products.shape[-1]) / len(rows)
    used = np.flatnonzero(share)
    within = products[..., used, :][..., used]
    return np.einsum("...su,s,u->...", within, share[used], share[used])
