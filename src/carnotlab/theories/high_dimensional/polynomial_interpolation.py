r"""Which curve a linear model with more features than points chooses, and how it gets there.

For features B ``[n, p]`` with n ≤ p and targets y, gradient descent on half the mean squared error
from zero is :math:`w_t = B^\top(I - (I - \eta G/n)^t)\,G^{-1}y`, :math:`G = BB^\top`, and ends at
the interpolator of least norm :math:`B^+y`. "Least norm" is a statement about the basis: the curve
is smooth if the basis makes rough functions long. All is linear algebra, exact; of the curves
nothing is assumed but that they are sampled finely.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative, require_positive

Features = Float[np.ndarray, "n p"]


def descent(
    features: Features,
    targets: Float[np.ndarray, " n"],
    learning_rate: float,
    steps: float,
    start: Float[np.ndarray, " p"] | None = None,
) -> Float[np.ndarray, " p"]:
    r"""Return the weights after ``steps`` of gradient descent.

    On :math:`\frac12\langle(y - Bw)^2\rangle`, the mean over points, with a constant learning rate.
    From the singular values of B, so that poorly conditioned bases keep their precision. What of
    ``start``, zero by default, no point decides is left as it was.

    Raises:
        InputError: if the learning rate is not stable, at least 2 over the largest curvature.

    >>> descent(np.array([[2.0, 0.0]]), np.array([4.0]), 0.125, 1).tolist()
    [1.0, 0.0]
    """
    require_positive("learning_rate", learning_rate)
    require_not_negative("steps", steps)
    left, values, right = _decomposed(features)
    curvature = values**2 / len(features)
    limit = 2.0 / float(curvature.max())
    require(
        learning_rate < limit,
        f"learning_rate = {learning_rate:g}",
        f"below {limit:.3g}",
        "lower it: descent diverges",
    )
    begun = np.zeros(right.shape[1]) if start is None else np.asarray(start, dtype=np.float64)
    learned = 1.0 - (1.0 - learning_rate * curvature) ** steps
    return begun + right.T @ (learned * ((left.T @ targets) / values - right @ begun))


def least_norm(features: Features, targets: Float[np.ndarray, " n"]) -> Float[np.ndarray, " p"]:
    """Return :math:`B^+ y`, where gradient descent from zero ends.

    >>> least_norm(np.array([[1.0, 1.0]]), np.array([2.0])).round(12).tolist()
    [1.0, 1.0]
    """
    left, values, right = _decomposed(features)
    return right.T @ ((left.T @ targets) / values)


def random_interpolator(
    features: Features, targets: Float[np.ndarray, " n"], scale: float, seed: int = 0
) -> Float[np.ndarray, " p"]:
    r"""Return :math:`B^+y` plus an unseen part, Gaussian of standard deviation ``scale``.

    A draw of the prior :math:`N(0, \text{scale}^2)` on each weight, given that it fits y; also
    where gradient descent from such a start ends.

    >>> B, y = np.array([[1.0, 1.0, 0.0]]), np.array([2.0])
    >>> bool(np.isclose(B @ random_interpolator(B, y, 1.0), 2.0))
    True
    """
    require_not_negative("scale", scale)
    _, _, right = _decomposed(features)
    draw = scale * np.random.default_rng([seed, 11]).standard_normal(features.shape[1])
    return least_norm(features, targets) + draw - right.T @ (right @ draw)


def total_variation(values: Float[np.ndarray, "*lead t"]) -> Float[np.ndarray, "*lead"]:
    r"""Return :math:`\sum_i |f(t_{i+1}) - f(t_i)|` along the last axis: all that a curve moves.

    That of the curve itself where it is sampled more finely than it turns; 2 for y = t on [−1, 1].

    >>> float(total_variation(np.array([0.0, 1.0, -1.0])))
    3.0
    """
    return np.sum(np.abs(np.diff(values, axis=-1)), axis=-1)


def condition_number(features: Features) -> float:
    """Return the largest over the smallest curvature: descent takes as many steps to converge.

    The square of the condition number of B.

    >>> condition_number(np.diag([1.0, 0.5]))
    4.0
    """
    values = np.linalg.svd(np.asarray(features, dtype=np.float64), compute_uv=False)
    return float((values[0] / values[-1]) ** 2)


def _decomposed(
    features: Features,
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, " n"], Features]:
    matrix = np.asarray(features, dtype=np.float64)
    n, p = matrix.shape
    require(n <= p, f"{n} points for {p} features", "no more points than features", "enlarge it")
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    require(
        bool(values[-1] > p * np.finfo(np.float64).eps * values[0]),
        "features that are dependent at the points",
        "independent ones, so that every target can be fitted",
        "drop repeated points, or raise the degree",
    )
    return left, values, right
