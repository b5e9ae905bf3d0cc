r"""Units or weights left out between two linear layers: a penalty on paths, and what it shrinks.

For :math:`\hat y = U V x` with hidden units :math:`h = V x`, parts kept with probability q and
divided by it, half the mean squared error grows on average by
:math:`\tfrac12\frac{1-q}{q}` times

- hidden units left out, or weights of U: :math:`\sum_j |U_j|^2 \langle h_j^2\rangle`,
- weights of V left out: :math:`\sum_{o,j,i} U_{oj}^2 V_{ji}^2 \langle x_i^2\rangle`,
- inputs left out: :math:`\sum_i \langle x_i^2\rangle\, |(UV)_i|^2`.

With inputs of unit covariance the first is :math:`\sum_j |U_j|^2 |V_j|^2`. Among all layers of
one product :math:`UV` and H hidden units it is least where all units carry the same, and then
:math:`\|UV\|_*^2 / H` (nuclear norm, the sum of singular values): dropout shrinks the modes of the
task all by one amount, and the weakest to nothing. Sources: srivastava2014, mianjy2018.
"""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import InputError, require

LeftOut: TypeAlias = Literal["inputs", "hidden units", "first weights", "second weights"]
Layers: TypeAlias = tuple[Float[np.ndarray, "hidden inputs"], Float[np.ndarray, "outputs hidden"]]


def path_penalty(
    layers: Layers, x: Float[np.ndarray, "n inputs"], keep: float, left_out: LeftOut
) -> float:
    """Return what leaving parts out adds to half the mean squared error, on average; exact.

    Raises:
        InputError: for a probability outside (0, 1] or an unknown part.

    >>> layers = np.array([[1.0, 1.0]]), np.array([[2.0]])
    >>> path_penalty(layers, np.ones((1, 2)), 0.5, "hidden units")
    8.0
    >>> path_penalty(layers, np.ones((1, 2)), 0.5, "first weights")
    4.0
    """
    return 0.5 * _odds(keep) * float(_sum(layers, x, left_out))


def expected_gradient(
    layers: Layers,
    x: Float[np.ndarray, "n inputs"],
    y: Float[np.ndarray, "n outputs"],
    keep: float,
    left_out: LeftOut,
) -> Layers:
    """Return the mean over masks of the gradient of half the mean squared error.

    Raises:
        InputError: for a probability outside (0, 1] or an unknown part.
    """
    first, second = layers
    odds, power = _odds(keep), np.mean(x**2, axis=0)
    hidden = x @ first.T
    gap = (hidden @ second.T - y) / len(x)
    to_first, to_second = second.T @ gap.T @ x, gap.T @ hidden
    match left_out:
        case "hidden units" | "second weights":
            size = np.sum(second**2, axis=0)
            to_first = to_first + odds * size[:, None] * (first @ (x.T @ x / len(x)))
            to_second = to_second + odds * second * np.mean(hidden**2, axis=0)
        case "first weights":
            size = np.sum(second**2, axis=0)
            to_first = to_first + odds * size[:, None] * first * power
            to_second = to_second + odds * second * (first**2 @ power)
        case "inputs":
            product = second @ first * power
            to_first = to_first + odds * second.T @ product
            to_second = to_second + odds * product @ first.T
        case _:
            raise _unknown(left_out)
    return to_first, to_second


def descend_expected_loss(
    layers: Layers,
    x: Float[np.ndarray, "n inputs"],
    y: Float[np.ndarray, "n outputs"],
    keep: float,
    left_out: LeftOut,
    rate: float,
    times: Float[np.ndarray, " time"],
) -> Float[np.ndarray, "time outputs inputs"]:
    """Return the product of the layers over steps of gradient descent on the mean loss.

    Training with masks follows it up to terms of the order of the rate, for the mean loss is not
    quadratic in both layers: unlike in one layer, means do not follow it exactly.
    """
    found: list[Float[np.ndarray, "outputs inputs"]] = []
    now = 0
    for time in times.astype(int).tolist():
        while now < time:
            slopes = expected_gradient(layers, x, y, keep, left_out)
            layers = layers[0] - rate * slopes[0], layers[1] - rate * slopes[1]
            now += 1
        found.append(layers[1] @ layers[0])
    return np.array(found)


def shrunk_modes(
    strengths: Float[np.ndarray, " modes"], keep: float, hidden: int
) -> Float[np.ndarray, " modes"]:
    r"""Return the singular values of :math:`UV` at the minimum, hidden units left out.

    For inputs of unit covariance and at least as many hidden units H as modes are kept: with
    :math:`\lambda = (1-q)/q` the r strongest :math:`s_1 \ge s_2 \ge \dots` of the task lose

    .. math:: s_i - \sigma_i = \frac{\lambda}{H + \lambda r} \sum_{j \le r} s_j,

    and r is the largest number at which all that is kept is positive. Source: mianjy2018.

    Raises:
        InputError: for a probability outside (0, 1], no hidden units or negative strengths.

    >>> shrunk_modes(np.array([3.0, 2.0, 0.5]), keep=0.5, hidden=3).round(6).tolist()
    [2.0, 1.0, 0.0]
    """
    require(hidden >= 1, f"hidden = {hidden}", "at least one unit", "use more")
    require(
        bool(np.all(strengths >= 0.0)), f"strengths {strengths}", "none below 0", "flip their sign"
    )
    odds = _odds(keep)
    order = np.argsort(-strengths, kind="stable")
    s = strengths[order]
    ranks = np.arange(1, len(s) + 1)
    losses = odds / (hidden + odds * ranks) * np.cumsum(s)
    rank = int(np.sum(np.cumprod(s > losses)))
    require(
        rank <= hidden,
        f"{hidden} hidden units for {rank} modes",
        "as many units as modes are kept",
        "use more units or a smaller keep",
    )
    kept = np.zeros_like(s)
    kept[:rank] = s[:rank] - (losses[rank - 1] if rank else 0.0)
    found = np.zeros_like(s)
    found[order] = kept
    return found


def _odds(keep: float) -> float:
    require(0.0 < keep <= 1.0, f"keep = {keep}", "in (0, 1]", "use keep=0.5")
    return (1.0 - keep) / keep


def _sum(layers: Layers, x: Float[np.ndarray, "n inputs"], left_out: LeftOut) -> np.floating:
    first, second = layers
    power = np.mean(x**2, axis=0)
    match left_out:
        case "hidden units" | "second weights":
            return np.sum(second**2 * np.mean((x @ first.T) ** 2, axis=0))
        case "first weights":
            return np.sum((second**2) @ (first**2 * power))
        case "inputs":
            return np.sum((second @ first) ** 2 * power)
        case _:
            raise _unknown(left_out)


def _unknown(left_out: str) -> InputError:
    return InputError(
        f"left_out = {left_out!r}",
        "'inputs', 'hidden units', 'first weights' or 'second weights'",
        "check the spelling",
    )
