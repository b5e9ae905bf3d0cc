r"""Two tasks in turn, each learned to zero loss: what is left to forget after m rounds.

Both tasks are fitted by one set of weights :math:`w^*`, and neither decides all of them. Learning a
task projects :math:`w - w^*` on the directions that the task leaves open. The principal angles
between the two open spaces are all that matters: along a pair of principal directions with cosine
c, a round multiplies what is left by :math:`c^2`. Source: evron2022.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require


class PrincipalAngles(NamedTuple):
    r"""Cosines of the principal angles between two spaces, largest first, with their directions.

    ``first`` and ``second``: ``[p, k]``, orthonormal columns,
    :math:`q_i\cdot p_j = c_i\delta_{ij}`.
    """

    cosines: Float[np.ndarray, " k"]
    first: Float[np.ndarray, "p k"]
    second: Float[np.ndarray, "p k"]


def open_directions(inputs: Float[np.ndarray, "n p"]) -> Float[np.ndarray, "p k"]:
    """Return an orthonormal basis of what a task's inputs do not see.

    >>> open_directions(np.array([[2.0, 0.0]])).round(9).tolist()
    [[0.0], [1.0]]
    """
    x = np.asarray(inputs, dtype=np.float64)
    _, values, right = np.linalg.svd(x, full_matrices=True)
    rank = int(np.sum(values > max(x.shape) * np.finfo(np.float64).eps * values.max(initial=0.0)))
    return right[rank:].T


def principal_angles(
    first: Float[np.ndarray, "n p"], second: Float[np.ndarray, "m p"]
) -> PrincipalAngles:
    """Return the principal angles between what two tasks' inputs leave open.

    Raises:
        InputError: for inputs of different sizes, or a task that leaves nothing open.

    >>> found = principal_angles(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]))
    >>> found.cosines.round(6).tolist()
    [0.707107]
    """
    sizes = first.shape[1], second.shape[1]
    require(
        sizes[0] == sizes[1], f"tasks of {sizes[0]} and {sizes[1]} inputs", "one size", "pad them"
    )
    spaces = [open_directions(first), open_directions(second)]
    for index, space in enumerate(spaces):
        require(
            space.shape[1] > 0,
            f"task {index + 1}, which decides all {sizes[0]} weights",
            "fewer independent inputs than weights",
            "take away samples: nothing can be forgotten of what decides everything",
        )
    left, cosines, right = np.linalg.svd(spaces[0].T @ spaces[1], full_matrices=False)
    return PrincipalAngles(np.minimum(cosines, 1.0), spaces[0] @ left, spaces[1] @ right.T)


def residual_after(
    rounds: int, angles: PrincipalAngles, residual: Float[np.ndarray, " p"]
) -> Float[np.ndarray, " p"]:
    r"""Return :math:`w - w^*` after ``rounds`` of the first task, then the second.

    :math:`\sum_i \gamma_i c_i^{2m-1} p_i`, with :math:`\gamma_i = q_i\cdot(w_0 - w^*)`. Exact.

    >>> angles = principal_angles(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]))
    >>> residual_after(1, angles, np.array([0.0, 1.0])).round(6).tolist()
    [-0.5, 0.5]
    """
    require(rounds >= 1, f"rounds = {rounds}", "at least 1", "learn both tasks once")
    along = angles.first.T @ residual
    return angles.second @ (along * angles.cosines ** (2 * rounds - 1))


def loss_on_first(rounds: int, angles: PrincipalAngles, residual: Float[np.ndarray, " p"]) -> float:
    r"""Return the squared error in what the first task decides, after m ``rounds``.

    :math:`\sum_i \gamma_i^2 (1 - c_i^2) c_i^{4m-2}`: the first task's sum of squares, for inputs
    that are orthonormal. For others, apply the inputs to `residual_after`.

    >>> angles = principal_angles(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]))
    >>> round(loss_on_first(1, angles, np.array([0.0, 1.0])), 6)
    0.25
    """
    require(rounds >= 1, f"rounds = {rounds}", "at least 1", "learn both tasks once")
    along = angles.first.T @ residual
    square = angles.cosines**2
    return float(np.sum(along**2 * (1.0 - square) * square ** (2 * rounds - 1)))


def worst_angle(rounds: int) -> tuple[float, float]:
    r"""Return the cosine that keeps most to forget after m ``rounds``, and how much of it.

    :math:`c^2 = 1 - 1/2m`, :math:`\frac{1}{2m}(1 - \frac{1}{2m})^{2m-1} \approx \frac{1}{2em}`: at
    first tasks at 45° disturb each other most, then ever more similar ones.

    >>> [round(value, 6) for value in worst_angle(1)]
    [0.707107, 0.25]
    """
    require(rounds >= 1, f"rounds = {rounds}", "at least 1", "learn both tasks once")
    share = 1.0 / (2.0 * rounds)
    return float(np.sqrt(1.0 - share)), float(share * (1.0 - share) ** (2 * rounds - 1))
