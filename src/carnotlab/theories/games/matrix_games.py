r"""Zero-sum matrix games: dynamics that circle the equilibrium, and averages that find it.

The row player chooses x to raise :math:`x^\top A y`, the column player y to lower it. Under the
replicator equation, :math:`\dot x_i = x_i[(Ay)_i - x\cdot Ay]` and likewise for y with -Aᵀx,
an interior equilibrium (p, q) makes :math:`\sum_i p_i\log x_i + \sum_j q_j \log y_j` a constant of
the motion: play goes round for ever. Multiplicative weights are its discrete steps; at any rate the
constant falls (play drifts outwards), by :math:`\tfrac12\eta^2` times the variances of payoffs to
second order. Fictitious play, each answering best to the other's past average, has averages whose
exploitability falls; about as :math:`t^{-1/2}` in rock-paper-scissors, observed and conjectured in
general, proved with a worse exponent. Sources: hofbauer1998, bailey2018, robinson1951.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy import integrate  # pyright: ignore[reportMissingTypeStubs]

from carnotlab.core.errors import require_positive

Payoff = Float[np.ndarray, "n m"]
Mixed = Float[np.ndarray, "*lead n"]

ROCK_PAPER_SCISSORS: Payoff = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])


def exploitability(
    payoff: Payoff, x: Mixed, y: Float[np.ndarray, "*lead m"]
) -> Float[np.ndarray, "*lead"]:
    r"""Return :math:`\max_i (Ay)_i - \min_j (A^\top x)_j`, zero only at an equilibrium.

    >>> even = np.full(3, 1 / 3)
    >>> exploitability(ROCK_PAPER_SCISSORS, even, even).item(), exploitability(
    ...     ROCK_PAPER_SCISSORS, np.eye(3)[0], even).item()
    (0.0, 1.0)
    """
    return np.max(y @ payoff.T, axis=-1) - np.min(x @ payoff, axis=-1)


def replicator_course(
    payoff: Payoff,
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " m"],
    times: Float[np.ndarray, " time"],
) -> tuple[Float[np.ndarray, "time n"], Float[np.ndarray, "time m"]]:
    """Return mixed strategies of both over ``times`` (from 0), by an adaptive method of order 8.

    >>> even = np.full(3, 1 / 3)
    >>> x, _ = replicator_course(ROCK_PAPER_SCISSORS, even, even, np.linspace(0, 5, 3))
    >>> bool(np.allclose(x, 1 / 3))
    True
    """
    rows = len(x)

    def rates(t: float, z: Float[np.ndarray, " both"]) -> Float[np.ndarray, " both"]:
        del t
        gain, cost = payoff @ _mixed(z[rows:]), payoff.T @ _mixed(z[:rows])
        return np.concatenate([gain, -cost])

    # In logarithms before normalization the equation has no products, and shares stay positive.
    found = integrate.solve_ivp(
        rates,
        (0.0, float(times[-1])),
        np.log(np.concatenate([x, y])),
        method="DOP853",
        t_eval=times,
        rtol=1e-12,
        atol=1e-12,
    )
    return _mixed(found.y.T[:, :rows]), _mixed(found.y.T[:, rows:])


def multiplicative_weights(
    payoff: Payoff, x: Mixed, y: Float[np.ndarray, "*lead m"], rate: float, steps: int
) -> tuple[Float[np.ndarray, "time *lead n"], Float[np.ndarray, "time *lead m"]]:
    """Return mixed strategies whose weights are multiplied by exp(rate times payoff) each step.

    >>> x, y = np.array([0.5, 0.3, 0.2]), np.full(3, 1 / 3)
    >>> multiplicative_weights(ROCK_PAPER_SCISSORS, x, y, 0.1, 7)[0].shape
    (8, 3)
    """
    require_positive("rate", rate)
    log_x, log_y = np.log(x), np.log(y)
    xs, ys = [x], [y]
    for _ in range(steps):
        gain, cost = ys[-1] @ payoff.T, xs[-1] @ payoff
        log_x, log_y = log_x + rate * gain, log_y - rate * cost
        xs.append(_mixed(log_x))
        ys.append(_mixed(log_y))
    return np.stack(xs), np.stack(ys)


def divergence_from_even(x: Mixed, y: Float[np.ndarray, "*lead m"]) -> Float[np.ndarray, "*lead"]:
    r"""Return :math:`-\frac1n\sum\log n x_i - \frac1m\sum\log m y_j`: from even play, in nats.

    It is conserved by the replicator equation wherever even play is an equilibrium.
    """
    parts = [-np.mean(np.log(z.shape[-1] * z), axis=-1) for z in (x, y)]
    return parts[0] + parts[1]


def fictitious_play(
    payoff: Payoff, first: Int[np.ndarray, "members 2"], steps: int
) -> tuple[Float[np.ndarray, "time members n"], Float[np.ndarray, "time members m"]]:
    """Return the average of all past play of each player, after 1 to ``steps`` rounds.

    Each round both answer best to the other's average; of equal answers the first is taken.

    >>> x, y = fictitious_play(ROCK_PAPER_SCISSORS, np.array([[0, 1]]), 300)
    >>> bool(exploitability(ROCK_PAPER_SCISSORS, x[-1], y[-1])[0] < 0.15)
    True
    """
    rows, columns = payoff.shape
    choices = np.empty((steps, len(first), 2), np.intp)
    gains, costs = np.zeros((len(first), rows)), np.zeros((len(first), columns))
    chosen = first
    for step in range(steps):
        choices[step] = chosen
        gains += payoff.T[chosen[:, 1]]
        costs += payoff[chosen[:, 0]]
        chosen = np.stack([gains.argmax(axis=1), costs.argmin(axis=1)], axis=1)
    rounds = np.arange(1, steps + 1)[:, None, None]
    played = (
        np.cumsum(np.eye(size)[choices[..., k]], axis=0) for k, size in ((0, rows), (1, columns))
    )
    x, y = (each / rounds for each in played)
    return x, y


def _mixed(logs: Float[np.ndarray, "*lead n"]) -> Float[np.ndarray, "*lead n"]:
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
