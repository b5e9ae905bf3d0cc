r"""Both layers of a two-layer linear network in closed form, from any λ-balanced weights.

Whitened inputs, :math:`\Sigma_{xx} = I`, and :math:`W_2^\top W_2 - W_1 W_1^\top = \lambda I`, which
gradient flow conserves. Then :math:`Q = \begin{pmatrix}W_1^\top\\ W_2\end{pmatrix}` obeys

.. math:: \dot Q = F Q - \tfrac12 Q Q^\top Q, \qquad
   F = \begin{pmatrix}-\tfrac\lambda2 I & \Sigma_{yx}^\top\\
                      \Sigma_{yx} & \tfrac\lambda2 I\end{pmatrix},

a matrix Riccati equation for :math:`QQ^\top`, whose blocks are the end-to-end map
:math:`W_2W_1` and both hidden kernels :math:`W_1^\top W_1` and :math:`W_2W_2^\top`:

.. math:: QQ^\top(t) = e^{Ft}Q_0\Bigl[I + Q_0^\top\!\int_0^t\! e^{2Fr}dr\,Q_0\Bigr]^{-1}\!
          Q_0^\top e^{Ft}.

Taken in one go the bracket is singular in floating point after a few e-folds, because modes grow
at different rates. It is a semigroup, so it is stepped: over four e-folds at a time while modes
rise, then over any time, once each hidden direction can be divided by the growth of the mode it
has come to serve. Any number of hidden units will do, bottlenecks included. Sources:
fukumizu1998, braun2022, domine2025.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive

Matrix = Float[np.ndarray, "rows columns"]

EFOLDS = 4.0
"""E-folds of growth in a step that is safe from any state."""

WORST = 1e5
"""Largest condition of the bracket in a longer step: of 16 digits, 11 are left."""

NULL = 1e-12
"""Eigenvalues below this part of the largest are those of directions the task is silent about."""


@dataclass(frozen=True)
class TwoLayerCourse:
    """A two-layer linear network over time: both layers, in a hidden basis of its own each time.

    The hidden basis is free, turned from one time to the next; maps and kernels do not depend on
    it. Each is computed when it is first asked for.
    """

    first: Float[np.ndarray, "time hidden in"]
    second: Float[np.ndarray, "time out hidden"]

    @cached_property
    def maps(self) -> Float[np.ndarray, "time out in"]:
        """End-to-end maps, outputs per input."""
        return self.second @ self.first

    @cached_property
    def input_kernels(self) -> Float[np.ndarray, "time in in"]:
        """First hidden kernel: how alike the network represents inputs."""
        return self.first.transpose(0, 2, 1) @ self.first

    @cached_property
    def output_kernels(self) -> Float[np.ndarray, "time out out"]:
        """Second hidden kernel: how alike it represents outputs."""
        return self.second @ self.second.transpose(0, 2, 1)

    @property
    def end(self) -> tuple[Float[np.ndarray, "hidden in"], Float[np.ndarray, "out hidden"]]:
        """Both layers at the last time, in one of the bases that give the same network.

        They are the start of the next task.
        """
        return self.first[-1], self.second[-1]


def two_layer_course(
    time: Float[np.ndarray, " time"],
    correlation: Float[np.ndarray, "out in"],
    first: Float[np.ndarray, "hidden in"],
    second: Float[np.ndarray, "out hidden"],
    *,
    balance: float | None = None,
    power: float = 1.0,
) -> TwoLayerCourse:
    r"""Return end-to-end map and hidden kernels of gradient flow at the times given.

    Restarted from its ``end`` with another ``correlation`` it gives what becomes of one task's
    knowledge in the next.

    Args:
        time: Flow times, not falling, from 0 on.
        correlation: :math:`\Sigma_{yx}`.
        first: :math:`W_1` at time zero.
        second: :math:`W_2` at time zero.
        balance: :math:`\lambda`; by default the one nearest to the start, `nearest_balance`.
            The solution holds for weights that have it; `imbalance_beyond` says how far they are
            from that.
        power: :math:`d` of :math:`\Sigma_{xx} = d\,I`.

    Raises:
        InputError: if shapes do not fit or times fall.

    >>> start = np.full((1, 1), 0.1), np.full((1, 1), 0.1)
    >>> course = two_layer_course(np.array([0.0, 1e6]), np.full((1, 1), 2.0), *start)
    >>> course.maps.round(12).ravel().tolist()
    [0.01, 2.0]
    """
    sigma, w1, w2 = (np.asarray(v, np.float64) for v in (correlation, first, second))
    times = np.asarray(time, np.float64)
    require(
        w1.ndim == w2.ndim == 2 and sigma.shape == (len(w2), w1.shape[1]) and len(w1) == len(w2.T),
        f"layers of shapes {list(w1.shape)}, {list(w2.shape)}, correlation {list(sigma.shape)}",
        "[hidden, in], [out, hidden] and [out, in]",
        "transpose what is turned",
    )
    require(
        times.ndim == 1 and len(times) > 0 and bool(times[0] >= 0 and np.all(np.diff(times) >= 0)),
        f"times {times}",
        "times from 0 on that do not fall",
        "sort them",
    )
    require_positive("power", power)
    # In units in which inputs are white: weights times the root of their power.
    root = np.sqrt(power)
    w1, w2 = root * w1, root * w2
    balance = nearest_balance(w1, w2) if balance is None else power * balance
    inputs = w1.shape[1]
    rates, basis = _generator(sigma, balance)
    state = basis.T @ np.concatenate([w1.T, w2])
    states: list[Matrix] = []
    now = 0.0
    for then in times.tolist():
        state = _advanced(state, rates, then - now)
        now = then
        states.append(state)
    sides = basis @ np.stack(states) / root
    return TwoLayerCourse(sides[:, :inputs].transpose(0, 2, 1), sides[:, inputs:])


def nearest_balance(
    first: Float[np.ndarray, "hidden in"], second: Float[np.ndarray, "out hidden"]
) -> float:
    r"""Return the λ for which :math:`W_2^\top W_2 - W_1W_1^\top` is closest to :math:`\lambda I`.

    >>> nearest_balance(np.zeros((2, 2)), np.eye(2))
    1.0
    """
    return float((np.sum(second**2) - np.sum(first**2)) / len(first))


def imbalance_beyond(
    first: Float[np.ndarray, "hidden in"],
    second: Float[np.ndarray, "out hidden"],
    balance: float | None = None,
) -> float:
    r"""Return :math:`\|W_2^\top W_2 - W_1W_1^\top - \lambda I\|_F`, of the nearest λ by default.

    >>> imbalance_beyond(np.zeros((2, 2)), np.eye(2))
    0.0
    """
    nearest = nearest_balance(first, second) if balance is None else balance
    gap = second.T @ second - first @ first.T - nearest * np.eye(len(first))
    return float(np.linalg.norm(gap))


def _generator(sigma: Matrix, balance: float) -> tuple[Float[np.ndarray, " n"], Matrix]:
    """Return eigenvalues of F, largest first, and its eigenvectors.

    By the singular vectors of the correlation, two by two, so that directions the task is silent
    about have exactly the eigenvalues -λ/2 and λ/2.
    """
    left, s, right_t = np.linalg.svd(sigma)
    outputs, inputs = sigma.shape
    rank = int(np.sum(s > NULL * max(float(s.max(initial=0.0)), np.finfo(np.float64).tiny)))
    s = s[:rank]
    q = np.hypot(balance, 2.0 * s)
    # Of the pair (x v, y u) with eigenvalue ±q/2, tan of the angle without cancellation.
    large = np.sqrt((q + abs(balance)) / (2.0 * q))
    small = s / (q * large)
    on_input, on_output = (small, large) if balance >= 0.0 else (large, small)
    u, v = left[:, :rank], right_t[:rank].T
    rising = np.concatenate([v * on_input, u * on_output])
    falling = np.concatenate([v * on_output, -u * on_input])
    silent_in = np.concatenate([right_t[rank:].T, np.zeros((outputs, inputs - rank))])
    silent_out = np.concatenate([np.zeros((inputs, outputs - rank)), left[:, rank:]])
    half = balance / 2.0
    rates = np.concatenate(
        [q / 2.0, -q / 2.0, np.full(inputs - rank, -half), np.full(outputs - rank, half)]
    )
    basis = np.concatenate([rising, falling, silent_in, silent_out], axis=1)
    order = np.argsort(-rates, kind="stable")
    return rates[order], basis[:, order]


def _advanced(state: Matrix, rates: Float[np.ndarray, " n"], time: float) -> Matrix:
    """Return the state, given in the eigenbasis of F, a time later."""
    trial = time
    while float(rates[0]) * time > EFOLDS:
        state = _triangular(state)
        served = np.zeros(state.shape[1])
        count = min(state.shape)
        served[:count] = np.maximum(rates[:count], 0.0)
        step = min(trial, time)
        grown, bracket = _grown(state, rates, step, served)
        while float(rates[0]) * step > EFOLDS and _condition(bracket) > WORST:
            step /= 4.0
            grown, bracket = _grown(state, rates, step, served)
        state = _solved(grown, bracket, rates, step)
        time -= step
        trial = 16.0 * step
    if time > 0.0:
        grown, bracket = _grown(state, rates, time, np.zeros(state.shape[1]))
        state = _solved(grown, bracket, rates, time)
    return state


def _triangular(state: Matrix) -> Matrix:
    """Turn the hidden basis so that each direction serves one mode and slower ones only."""
    hidden, size = state.shape[1], state.shape[0]
    turned = np.zeros((size, hidden))
    # With more hidden units than modes the directions left over serve none.
    triangle = np.asarray(np.linalg.qr(state.T, mode="r"))
    turned[:, : min(hidden, size)] = triangle.T
    return turned


def _grown(
    state: Matrix,
    rates: Float[np.ndarray, " n"],
    step: float,
    served: Float[np.ndarray, " hidden"],
) -> tuple[Matrix, Matrix]:
    """Return the growing part of ``e^{Ft} Q`` and the bracket.

    Hidden directions are divided by the growth e^{served · t}, on both sides of the bracket, which
    changes nothing but its condition.
    """
    exponents = (np.maximum(rates, 0.0)[:, None] - served) * step
    # Large positive exponents belong to the zeros of a triangular state.
    grown = state * np.exp(np.minimum(exponents, 2.0 * EFOLDS))
    twice = 2.0 * np.abs(rates)
    with np.errstate(divide="ignore", invalid="ignore"):
        integral = np.where(twice * step > 0.0, -np.expm1(-twice * step) / twice, step)
    bracket = grown.T @ (grown * integral[:, None])
    bracket[np.diag_indices_from(bracket)] += np.exp(-2.0 * served * step)
    return grown, bracket


def _solved(grown: Matrix, bracket: Matrix, rates: Float[np.ndarray, " n"], step: float) -> Matrix:
    """Return ``e^{Ft} Q M^{-1/2}``, M being the bracket, up to a turn of the hidden basis."""
    moved = grown * np.exp(np.minimum(rates, 0.0) * step)[:, None]
    return np.linalg.solve(np.linalg.cholesky(bracket), moved.T).T


def _condition(bracket: Matrix) -> float:
    """Return the condition of the bracket with a unit diagonal, which is that of its root."""
    size = np.sqrt(np.diagonal(bracket))
    if not (size > 0.0).all():
        return float("inf")
    values = np.linalg.eigvalsh(bracket / size / size[:, None])
    return float(values[-1] / values[0]) if values[0] > 0.0 else float("inf")
