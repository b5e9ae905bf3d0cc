"""How far networks of one width are from infinite width: kernel, predictions, loss."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Int

from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.measures.losses import TEST_LOSS, TEST_PREDICTION
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted, root_mean_of, squared_mean
from carnotlab.studies.study import Results, Statistic
from carnotlab.theories.lazy_kernel import FROM_START


def kernel_gap(result: RunResult) -> Statistic:
    r"""Return :math:`\|\Theta_n - \Theta_\infty\|_F / \|\Theta_\infty\|_F` at the start.

    Root mean square over members.
    """
    seen, limit = observed(result, TANGENT_KERNEL)[:, 0], predicted(result, TANGENT_KERNEL)[0, 0]
    return root_mean_of(np.sum((seen - limit) ** 2, axis=(1, 2)) / np.sum(limit**2))


def prediction_gap(result: RunResult) -> Statistic:
    """Return how far each member ends from what its own start predicts, over the mean's size.

    Root mean square over members, of held-out outputs at the end of training.
    """
    gap = observed(result, TEST_PREDICTION)[:, -1] - predicted(result, FROM_START)[:, -1]
    size = np.sum(predicted(result, TEST_PREDICTION)[0, -1] ** 2)
    squares = np.sum(gap**2, axis=(1, 2)) / size
    return root_mean_of(np.where(np.isfinite(squares), squares, np.inf))


def mean_prediction_gap(result: RunResult) -> Statistic:
    """Return the relative L2 error of the ensemble's mean held-out prediction, worst over times.

    The theory's mean is over the same starts, given their outputs at time zero, so that the
    sampling error of the starts themselves cancels. Time zero, where both are equal, is left out.
    """
    expected = predicted(result, FROM_START)[:, 1:]
    gap = observed(result, TEST_PREDICTION)[:, 1:] - expected
    error, size = (np.einsum("stij,utij->tsu", part, part) for part in (gap, expected))
    return lambda rows: float(np.sqrt(np.max(squared_mean(error, rows) / squared_mean(size, rows))))


def loss_gap(result: RunResult) -> Statistic:
    """Return the relative error of the ensemble's mean held-out loss, root mean square over times.

    Against the theory's average over all starts.
    """
    relative = observed(result, TEST_LOSS) / predicted(result, TEST_LOSS)[0] - 1.0
    return lambda rows: float(np.sqrt(np.mean(relative[rows].mean(axis=0) ** 2)))


def gap_of(kind: str) -> Callable[[RunResult], Statistic]:
    """Return the gap of arms of a kind: of kernels at the start, or of predictions."""
    return kernel_gap if kind == "kernel" else prediction_gap


def gap_exponent(results: Results, kind: str, widths: tuple[int, ...]) -> Statistic:
    """Return the statistic that is the fitted power of width in the gap of one kind of arm."""
    gaps = [gap_of(kind)(results[f"{kind}, width {width}"]) for width in widths]
    return exponent_of(widths, gaps)


def exponent_of(widths: Sequence[int], gaps: Sequence[Statistic]) -> Statistic:
    """Return the statistic that is the power of width in gaps, one a width.

    >>> exponent_of((1, 4), (lambda rows: 1.0, lambda rows: 0.5))(np.array([0]))
    -0.5
    """
    return lambda rows: width_exponent(np.array(widths), np.array([gap(rows) for gap in gaps]))


def width_exponent(widths: Int[np.ndarray, " widths"], gaps: Float[np.ndarray, " widths"]) -> float:
    """Return the power of width in a gap, by least squares on logarithms.

    >>> round(width_exponent(np.array([1, 4, 16]), np.array([1.0, 0.5, 0.25])), 12)
    -0.5
    """
    if not np.isfinite(gaps).all():
        return float("inf")
    x, y = np.log(widths), np.log(gaps)
    x = x - x.mean()
    return float(x @ y / (x @ x))
