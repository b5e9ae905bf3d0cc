r"""Losses between two models: mixtures of weights, and the barrier on the straight line.

The barrier here is :math:`\max_a L((1-a) w_1 + a w_2) - (1-a) L(w_1) - a L(w_2)`, what the line
rises above the chord between its ends; others subtract the mean of the ends or the larger of them.
That the mean of two models does at least as well as they do on average is midpoint convexity of the
loss, and nothing else. Sources: frankle2020, ainsworth2023.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import optimize

from carnotlab.core.errors import require

Matrices = Sequence[Float[np.ndarray, "out in"]]


def mixture(first: Any, second: Any, share: Float[Array, ""] | float) -> Any:
    """Return weights ``share`` of the way from the first to the second.

    >>> float(mixture(jnp.array(1.0), jnp.array(3.0), 0.25))
    1.5
    """
    return jax.tree.map(lambda a, b: (1.0 - share) * a + share * b, first, second)


def losses_along(
    loss: Callable[[Any], Float[Array, ""]],
    first: Any,
    second: Any,
    shares: Float[np.ndarray, " shares"],
) -> Float[Array, " shares"]:
    """Return the loss at each share of the way from one to the other; may be traced by JAX.

    >>> losses_along(lambda w: w**2, jnp.array(-1.0), jnp.array(1.0), np.array([0.0, 0.5])).tolist()
    [1.0, 0.0]
    """
    return jax.vmap(lambda share: loss(mixture(first, second, share)))(jnp.asarray(shares))


def barrier(
    losses: Float[np.ndarray, "*lead shares"], shares: Float[np.ndarray, " shares"]
) -> Float[np.ndarray, "*lead"]:
    """Return what losses rise above the chord between their ends, at most; 0 if nowhere.

    Raises:
        InputError: unless the first and last share are 0 and 1.

    >>> barrier(np.array([1.0, 4.0, 3.0]), np.array([0.0, 0.5, 1.0])).item()
    2.0
    """
    require(
        float(shares[0]) == 0.0 and float(shares[-1]) == 1.0,
        f"shares from {float(shares[0])} to {float(shares[-1])}",
        "from 0 to 1",
        "use np.linspace(0, 1, n)",
    )
    chord = (1.0 - shares) * losses[..., :1] + shares * losses[..., -1:]
    return np.maximum((losses - chord).max(axis=-1), 0.0)


def matched(first: Matrices, second: Matrices, passes: int = 50) -> list[np.ndarray]:
    r"""Return the second network with hidden units in the order that is nearest to the first.

    For chains of matrices, first layer first, with functions of each unit (or batch norm) between:
    another order of hidden units is the same function. Layer by layer, the order that maximizes
    :math:`\langle W_l, W'_l\rangle + \langle W_{l+1}, W'_{l+1}\rangle` is a linear assignment.
    Repeated until none changes: the best for one hidden layer, a local optimum for more. Source:
    ainsworth2023.

    Raises:
        InputError: if the networks differ in shape.

    >>> one = [np.eye(2), np.array([[1.0, 2.0]])]
    >>> matched(one, [np.eye(2)[::-1], np.array([[2.0, 1.0]])])[1].tolist()
    [[1.0, 2.0]]
    """
    require(
        [w.shape for w in first] == [w.shape for w in second],
        "networks of different shapes",
        "as many units in every layer",
        "match networks of one description",
    )
    found = [np.array(w, dtype=np.float64) for w in second]
    for _ in range(passes):
        moved = False
        for at in range(len(found) - 1):
            overlap = first[at] @ found[at].T + first[at + 1].T @ found[at + 1]
            order = optimize.linear_sum_assignment(overlap, maximize=True)[1]
            moved = moved or bool(np.any(order != np.arange(len(order))))
            found[at], found[at + 1] = found[at][order], found[at + 1][:, order]
        if not moved:
            break
    return found
