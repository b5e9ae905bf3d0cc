r"""Two players on :math:`x^\top A y`: what each way of taking turns multiplies a mode by.

One player lowers x·Ay over x, the other raises it over y. With :math:`A = \sum_i s_i u_i v_i^\top`
the pair :math:`(u_i\cdot x, v_i\cdot y)` plays the game :math:`s_i x y` alone. Its gradient field
:math:`F = (s y, -s x)` turns and has no potential: around any closed curve
:math:`|\oint F\cdot dz|` is 2s times the area inside. With :math:`h = \eta s` one step multiplies
the distance from the equilibrium by

====================  =====================================================================
simultaneous          :math:`\sqrt{1 + h^2}`: away, at every rate
alternating           1 on average, for h < 2: :math:`x^2 + y^2 - h x y` is conserved
extragradient         :math:`\sqrt{1 - h^2 + h^4}`: inwards for h < 1
optimistic            :math:`\sqrt{(1 + \sqrt{1 - 4h^2})/2}` up to h = 1/2, beyond
                      :math:`\tfrac12\sqrt{1 + (2h + \sqrt{4h^2 - 1})^2}`: inwards for h < 1/√3
====================  =====================================================================

the last one after a transient. Sources: daskalakis2018, zhang2020.
"""

from typing import Literal, TypeAlias, get_args

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative

Turns: TypeAlias = Literal["simultaneous", "alternating", "extragradient", "optimistic"]
TURNS: tuple[Turns, ...] = get_args(Turns)


def play(
    turns: Turns,
    game: Float[np.ndarray, "n m"],
    x: Float[np.ndarray, "members n"],
    y: Float[np.ndarray, "members m"],
    rate: float,
    steps: int,
) -> tuple[Float[np.ndarray, "time members n"], Float[np.ndarray, "time members m"]]:
    """Return both players' courses, ``steps + 1`` records, of gradient steps at ``rate``.

    Optimistic players step by twice the gradient less that of the step before, which at the start
    they take to be the same.

    Raises:
        InputError: for an unknown way of taking turns.

    >>> one = np.ones((1, 1))
    >>> x, y = play("simultaneous", one, one, 0 * one, 0.1, 1)
    >>> x[1].item(), y[1].item()
    (1.0, 0.1)
    """
    _require_known(turns)
    xs, ys = [x], [y]
    slope_x, slope_y = y @ game.T, x @ game
    for _ in range(steps):
        last_x, last_y = slope_x, slope_y
        slope_x, slope_y = y @ game.T, x @ game
        if turns == "alternating":
            x = x - rate * slope_x
            y = y + rate * x @ game
        elif turns == "extragradient":
            ahead_x, ahead_y = x - rate * slope_x, y + rate * slope_y
            x, y = x - rate * ahead_y @ game.T, y + rate * ahead_x @ game
        elif turns == "optimistic":
            x = x - rate * (2.0 * slope_x - last_x)
            y = y + rate * (2.0 * slope_y - last_y)
        else:
            x, y = x - rate * slope_x, y + rate * slope_y
        xs.append(x)
        ys.append(y)
    return np.stack(xs), np.stack(ys)


def factor_per_step(turns: Turns, turn: float) -> float:
    """Return what a step multiplies the distance by, for ``turn`` h = rate times singular value.

    Raises:
        InputError: for an unknown way of taking turns or a negative ``turn``; for alternating
            players at h >= 2, where the conserved form bounds nothing.

    >>> [round(factor_per_step(turns, 0.5), 4) for turns in TURNS]
    [1.118, 1.0, 0.9014, 0.7071]
    """
    _require_known(turns)
    require_not_negative("turn", turn)
    if turns == "simultaneous":
        return float(np.sqrt(1.0 + turn**2))
    if turns == "alternating":
        require(turn < 2.0, f"turn = {turn:g}", "below 2 for alternating players", "lower the rate")
        return 1.0
    if turns == "extragradient":
        return float(np.sqrt(1.0 - turn**2 + turn**4))
    if turn <= 0.5:
        return float(np.sqrt((1.0 + np.sqrt(1.0 - 4.0 * turn**2)) / 2.0))
    return float(np.sqrt(1.0 + (2.0 * turn + np.sqrt(4.0 * turn**2 - 1.0)) ** 2) / 2.0)


def conserved_by_alternating(
    game: Float[np.ndarray, "n m"],
    x: Float[np.ndarray, "*lead n"],
    y: Float[np.ndarray, "*lead m"],
    rate: float,
) -> Float[np.ndarray, "*lead"]:
    r"""Return :math:`|x|^2 + |y|^2 - \eta\, x\cdot A y`, kept by alternating players.

    >>> one = np.ones((1, 1))
    >>> xs, ys = play("alternating", one, one, one, 0.3, 50)
    >>> bool(np.ptp(conserved_by_alternating(one, xs, ys, 0.3)) < 1e-13)
    True
    """
    return np.sum(x**2, axis=-1) + np.sum(y**2, axis=-1) - rate * np.sum((x @ game) * y, axis=-1)


def _require_known(turns: str) -> None:
    require(
        turns in TURNS, f"turns = {turns!r}", f"one of {', '.join(TURNS)}", "check the spelling"
    )
