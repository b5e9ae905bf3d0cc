r"""Forgetting of random linear tasks, learned one after the other to zero loss.

Each task i has a teacher :math:`w^*_i` of p entries and n < p samples with independent standard
Gaussian inputs and label noise of variance :math:`\sigma^2`. Gradient descent from the weights of
the task before moves to the nearest weights that fit the samples, which takes over a random share
:math:`1 - r = n/p` of the new teacher and leaves the share r of what was there. Source: lin2023.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative


def expected_distances(
    teachers: Float[np.ndarray, "tasks p"],
    samples: int,
    noise_variance: float = 0.0,
    start: Float[np.ndarray, " p"] | None = None,
) -> Float[np.ndarray, "after tasks"]:
    r"""Return :math:`E|w_t - w^*_i|^2` after t = 0 … T tasks, for every task i.

    .. math:: r^t |w_0 - w^*_i|^2 + (1-r) \sum_{k\le t} r^{t-k} |w^*_k - w^*_i|^2
              + \frac{p\,\sigma^2 (1 - r^t)}{p - n - 1},\qquad r = 1 - n/p

    For unit input variance it is the excess loss on task i (twice it, with the factor ½). The mean
    is over inputs and noise of all tasks; the teachers are given.

    Args:
        teachers: One row a task, in the order they are learned.
        samples: n of each task.
        noise_variance: Of the labels, in squared target units.
        start: Weights before the first task; zero by default.

    Raises:
        InputError: for n outside 1 … p − 2, beyond which noise has no finite mean effect.

    >>> expected_distances(np.eye(2, 4), 2).round(3).tolist()
    [[1.0, 1.0], [0.5, 1.5], [1.25, 0.75]]
    """
    teachers = np.asarray(teachers, dtype=np.float64)
    tasks, p = teachers.shape
    require_not_negative("noise_variance", noise_variance)
    require(
        1 <= samples <= p - 2,
        f"{samples} samples for {p} weights",
        "between 1 and two fewer than there are weights",
        "take fewer samples or more weights: the theory is for tasks that leave weights free",
    )
    r = 1.0 - samples / p
    between = np.sum((teachers[:, None] - teachers[None]) ** 2, axis=-1)
    from_start = np.sum((teachers - (0.0 if start is None else start)) ** 2, axis=-1)
    noise = samples * noise_variance / (p - samples - 1)
    rows = [from_start]
    for task in range(tasks):
        rows.append(r * rows[-1] + (1.0 - r) * between[task] + noise)
    return np.stack(rows)


def forgetting(distances: Float[np.ndarray, "*lead after tasks"]) -> Float[np.ndarray, "*lead"]:
    r"""Return :math:`\frac{1}{T-1}\sum_{i<T} [E_i(T) - E_i(i)]`, the mean loss of what was learned.

    Negative where later tasks teach what earlier ones left open. ``distances`` as
    `expected_distances` returns them, or measured ones.

    >>> float(forgetting(expected_distances(np.eye(2, 4), 2)))
    0.75
    """
    tasks = distances.shape[-1]
    require(tasks > 1, f"{tasks} task", "at least two", "give a second one to forget the first by")
    early = np.arange(tasks - 1)
    return np.mean(distances[..., -1, early] - distances[..., early + 1, early], axis=-1)


def teachers_with_overlap(
    tasks: int, p: int, overlap: float, seed: int = 0
) -> Float[np.ndarray, "tasks p"]:
    r"""Return teachers of length 1 whose inner products are all ``overlap``, exactly.

    Raises:
        InputError: for an overlap outside 0 … 1, or more tasks than weights beside one.

    >>> bool(np.allclose(teachers_with_overlap(3, 9, 0.5) @ teachers_with_overlap(3, 9, 0.5).T,
    ...                  [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]))
    True
    """
    require(0.0 <= overlap <= 1.0, f"overlap = {overlap}", "between 0 and 1", "try 0.5")
    require(tasks < p, f"{tasks} tasks of {p} weights", "fewer tasks than weights", "enlarge p")
    draw = np.random.default_rng([seed, 7]).standard_normal((p, tasks + 1))
    basis = np.linalg.qr(draw)[0].T
    return np.sqrt(overlap) * basis[0] + np.sqrt(1.0 - overlap) * basis[1:]
