r"""Playing against oneself in zero-sum stochastic games: a contraction, and a chase without end.

In state s both choose one of two actions; the row player is paid :math:`r_{sab}` by the other and
the state moves by :math:`P_{sab}`. Shapley's operator, the value of the matrix game
:math:`r_{sab} + \gamma P_{sab}\cdot v` in every state, brings any two value functions nearer by
:math:`\gamma`, for the value of a matrix game moves no more than its entries. Answering best to the
opponent's last policy instead, each exactly, is no contraction of anything: where good play has to
be mixed, it goes round. Source: shapley1953.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from carnotlab.theories.agents.decision_processes import (
    DecisionProcess,
    policy_iteration,
    require_discount,
    require_stochastic,
)

Games = Float[np.ndarray, "*lead 2 2"]
Policy = Float[np.ndarray, "states 2"]


@dataclass(frozen=True, eq=False)
class StochasticGame:
    """Payments ``[state, row action, column action]``, transitions with one more axis, discount."""

    payments: Float[np.ndarray, "states 2 2"]
    transitions: Float[np.ndarray, "states 2 2 states"]
    discount: float

    def __post_init__(self) -> None:
        require_stochastic(self.transitions)
        require_discount(self.discount)

    @classmethod
    def random(cls, states: int, discount: float, random: np.random.Generator) -> Self:
        """Draw payments of matching pennies with unequal stakes, and transitions evenly.

        >>> StochasticGame.random(3, 0.9, np.random.default_rng(0)).payments.shape
        (3, 2, 2)
        """
        stakes = random.uniform(0.5, 1.5, size=(states, 2, 2))
        signs = np.array([[1.0, -1.0], [-1.0, 1.0]])
        rows = random.dirichlet(np.ones(states), size=(states, 2, 2))
        return cls(signs * stakes, rows, discount)

    def against_column(self, column: Policy) -> DecisionProcess:
        """Return the row player's decision process against a fixed column policy."""
        rewards = np.einsum("sab,sb->as", self.payments, column)
        moves = np.einsum("sabt,sb->ast", self.transitions, column)
        return DecisionProcess(moves, rewards, self.discount)

    def against_row(self, row: Policy) -> DecisionProcess:
        """Return the column player's decision process, in which it is paid the negative."""
        rewards = -np.einsum("sab,sa->bs", self.payments, row)
        moves = np.einsum("sabt,sa->bst", self.transitions, row)
        return DecisionProcess(moves, rewards, self.discount)


def matrix_game(games: Games) -> tuple[Float[np.ndarray, "*lead"], Policy, Policy]:
    """Return values and optimal strategies of 2 × 2 games: a saddle point, else the mixed formula.

    >>> value, row, column = matrix_game(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    >>> value.item(), row.tolist(), column.tolist()
    (0.0, [0.5, 0.5], [0.5, 0.5])
    """
    secured, conceded = games.min(axis=-1).max(axis=-1), games.max(axis=-2).min(axis=-1)
    (a, b), (c, d) = np.moveaxis(games, (-2, -1), (0, 1))
    saddle = secured >= conceded
    total = np.where(saddle, 1.0, a + d - b - c)
    value = np.where(saddle, secured, (a * d - b * c) / total)
    choice = np.eye(2)
    row = np.where(
        saddle[..., None],
        choice[games.min(axis=-1).argmax(axis=-1)],
        np.stack([d - c, a - b], axis=-1) / total[..., None],
    )
    column = np.where(
        saddle[..., None],
        choice[games.max(axis=-2).argmin(axis=-1)],
        np.stack([d - b, a - c], axis=-1) / total[..., None],
    )
    return value, row, column


def shapley_iteration(
    game: StochasticGame, values: Float[np.ndarray, " states"], steps: int
) -> tuple[Float[np.ndarray, "time states"], Policy, Policy]:
    """Return values after 0 to ``steps`` of Shapley's operator, and the strategies of the last.

    >>> game = StochasticGame.random(3, 0.5, np.random.default_rng(0))
    >>> values, _, _ = shapley_iteration(game, np.zeros(3), 60)
    >>> bool(np.allclose(values[-1], values[-2]))
    True
    """
    course = [values]
    row = column = np.full((len(values), 2), 0.5)
    for _ in range(steps):
        backed = game.payments + game.discount * game.transitions @ course[-1]
        value, row, column = matrix_game(backed)
        course.append(value)
    return np.stack(course), row, column


def stage_exploitability(game: StochasticGame, row: Policy, column: Policy) -> float:
    """Return what best answers to both policies gain together, in the state where it is most.

    Zero only at an equilibrium of the whole game.
    """
    start: Int[np.ndarray, " states"] = np.zeros(len(row), np.intp)
    gained = policy_iteration(game.against_column(column), start)[-1]
    conceded = -policy_iteration(game.against_row(row), start)[-1]
    return float(np.max(gained - conceded))


def best_answers(game: StochasticGame, rounds: int) -> Float[np.ndarray, " rounds"]:
    """Return the exploitability over rounds in which both answer best to the other's last policy.

    >>> game = StochasticGame.random(3, 0.5, np.random.default_rng(0))
    >>> bool(best_answers(game, 12)[-4:].min() > 0.1)
    True
    """
    states = len(game.payments)
    row = column = np.eye(2)[np.zeros(states, np.intp)]
    found: list[float] = []
    for _ in range(rounds):
        found.append(stage_exploitability(game, row, column))
        row, column = _answer(game.against_column(column)), _answer(game.against_row(row))
    return np.array(found)


def _answer(process: DecisionProcess) -> Policy:
    values = policy_iteration(process, np.zeros(process.rewards.shape[1], np.intp))[-1]
    return np.eye(2)[process.worth(values).argmax(axis=0)]
