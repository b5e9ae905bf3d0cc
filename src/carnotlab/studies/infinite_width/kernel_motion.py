"""How far tangent kernels move in training, from kernels recorded on a few inputs."""

import numpy as np
from jaxtyping import Float

from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import observed, predicted, root_mean_of
from carnotlab.studies.infinite_width.width_gaps import exponent_of
from carnotlab.studies.study import Results, Statistic


def relative_changes(result: RunResult) -> Float[np.ndarray, "seed time"]:
    r"""Return :math:`\|\Theta_t - \Theta_0\|_F / \|\Theta_0\|_F` of each member.

    A member that diverged has moved infinitely far.
    """
    kernels = observed(result, TANGENT_KERNEL)
    start = kernels[:, :1]
    with np.errstate(invalid="ignore", over="ignore"):
        change = np.linalg.norm(kernels - start, axis=(2, 3)) / np.linalg.norm(start, axis=(2, 3))
    return np.where(np.isfinite(change), change, np.inf)


def kernel_motion(result: RunResult) -> Statistic:
    """Return the relative change of the kernel over the whole of training, root mean square."""
    return root_mean_of(relative_changes(result)[:, -1] ** 2)


def trained_kernel_gap(result: RunResult) -> Statistic:
    r"""Return :math:`\|\bar\Theta_T - \Theta_\infty\|_F / \|\Theta_\infty\|_F`.

    Of the mean over members, at the end of training.
    """
    seen, limit = observed(result, TANGENT_KERNEL)[:, -1], predicted(result, TANGENT_KERNEL)[0, -1]
    size = float(np.linalg.norm(limit))
    return lambda rows: float(np.linalg.norm(seen[rows].mean(axis=0) - limit)) / size


def motion_exponent(results: Results, label: str, widths: tuple[int, ...]) -> Statistic:
    """Return the power of width in `kernel_motion` of the arms ``"{label}, width {width}"``."""
    motions = [kernel_motion(results[f"{label}, width {width}"]) for width in widths]
    return exponent_of(widths, motions)


def outside(value: float, low: float, high: float) -> float:
    """Return the distance of a value from a range, 0 within it.

    >>> outside(0.5, 1.0, 2.0), outside(1.5, 1.0, 2.0)
    (0.5, 0.0)
    """
    return max(low - value, value - high, 0.0)
