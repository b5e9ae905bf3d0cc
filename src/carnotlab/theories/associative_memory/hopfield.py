r"""Networks that fall into stored patterns: weights, energy, dynamics with and without noise.

P patterns :math:`\xi^\mu \in \{-1, 1\}^N` are stored by :math:`J_{ij} = \frac1N\sum_\mu
\xi_i^\mu \xi_j^\mu`, :math:`J_{ii} = 0` (Hebb), or by the projection onto them, which recalls every
linearly independent set. Where units are updated one at a time, :math:`S_i \leftarrow
\mathrm{sign} \sum_j J_{ij}S_j`, the energy :math:`-\tfrac12 S^\top J S` never rises, since J is
symmetric without a diagonal; where all are updated at once it may, and cycles of two states are
possible. With noise, :math:`S_i = 1` with probability :math:`(1 + \tanh(h_i/T))/2`. Sources:
hopfield1982, personnaz1985.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative

Patterns = Float[np.ndarray, "patterns units"]
Weights = Float[np.ndarray, "units units"]
States = Float[np.ndarray, "starts units"]


def random_patterns(patterns: int, units: int, random: np.random.Generator) -> Patterns:
    """Draw patterns of independent signs, float32.

    >>> random_patterns(2, 3, np.random.default_rng(0)).shape
    (2, 3)
    """
    signs = 2 * random.integers(0, 2, size=(patterns, units), dtype=np.int8) - 1
    return signs.astype(np.float32)


def hebb_weights(patterns: Patterns) -> Weights:
    """Return Hebb's weights, without a diagonal.

    >>> hebb_weights(np.array([[1.0, -1.0]])).tolist()
    [[0.0, -0.5], [-0.5, 0.0]]
    """
    weights = patterns.T @ patterns / patterns.shape[1]
    np.fill_diagonal(weights, 0.0)
    return weights


def projection_weights(patterns: Patterns) -> Weights:
    """Return the projection onto the patterns, without its diagonal.

    >>> patterns = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, -1.0, -1.0]])
    >>> bool(np.all(np.sign(patterns @ projection_weights(patterns)) == patterns))
    True
    """
    weights = np.linalg.pinv(patterns) @ patterns
    np.fill_diagonal(weights, 0.0)
    return weights


def energy(weights: Weights, states: States) -> Float[np.ndarray, " starts"]:
    r"""Return :math:`-\tfrac12 S^\top J S`.

    >>> energy(np.array([[0.0, 1.0], [1.0, 0.0]]), np.ones((1, 2))).tolist()
    [-1.0]
    """
    return -0.5 * np.einsum("si,ij,sj->s", states, weights, states, optimize=True)


def one_at_a_time(
    weights: Weights,
    states: States,
    sweeps: int,
    random: np.random.Generator,
    temperature: float | Float[np.ndarray, " starts"] = 0.0,
) -> Float[np.ndarray, "time starts units"]:
    """Return states after 0 to ``sweeps`` of updates of all units in random order.

    Each start has its own noise, and its own ``temperature`` if several are given; all share the
    order. Without noise ties leave a unit as it is, and sweeps end when nothing changes any more.

    >>> weights = hebb_weights(np.array([[1.0, 1.0, -1.0]]))
    >>> one_at_a_time(weights, np.ones((1, 3)), 2, np.random.default_rng(0))[-1].shape
    (1, 3)
    """
    require_not_negative("temperature", float(np.min(temperature)))
    noisy = bool(np.max(temperature) > 0.0)
    units = weights.shape[0]
    columns = np.ascontiguousarray(states.T)
    course = [states]
    for _ in range(sweeps):
        noise = random.uniform(-1.0, 1.0, size=(units, len(states))).astype(weights.dtype)
        for unit in random.permutation(units):
            field = weights[unit] @ columns
            if noisy:
                columns[unit] = np.where(np.tanh(field / temperature) > noise[unit], 1.0, -1.0)
            else:
                columns[unit] = np.where(field == 0.0, columns[unit], np.sign(field))
        course.append(columns.T.copy())
        if not noisy and np.array_equal(course[-1], course[-2]):
            break
    return np.stack(course)


def all_at_once(
    weights: Weights, states: States, steps: int
) -> Float[np.ndarray, "time starts units"]:
    """Return states after 0 to ``steps`` of updates of all units together.

    >>> pair = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> all_at_once(pair, np.array([[1.0, -1.0]]), 2)[:, 0].tolist()
    [[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]]
    """
    course = [states]
    for _ in range(steps):
        field = course[-1] @ weights
        course.append(np.where(field == 0.0, course[-1], np.sign(field)))
    return np.stack(course)


def overlap(
    states: Float[np.ndarray, "*lead units"], patterns: Float[np.ndarray, "*lead units"]
) -> Float[np.ndarray, "*lead"]:
    """Return the mean product of states and patterns: 1 where they are the same.

    >>> overlap(np.array([1.0, 1.0]), np.array([1.0, -1.0])).item()
    0.0
    """
    require(
        states.shape[-1] == patterns.shape[-1],
        f"states of {states.shape[-1]} units for patterns of {patterns.shape[-1]}",
        "as many units",
        "use one network",
    )
    return np.asarray(np.mean(states * patterns, axis=-1, dtype=np.float64))
