r"""Finite decision processes: Bellman operators contract, and how fast.

With transitions :math:`P_a`, mean rewards :math:`r_a` and discount :math:`\gamma < 1` the operator
:math:`(Tv)_s = \max_a [r_a + \gamma P_a v]_s` brings any two value functions nearer by at least
:math:`\gamma` in the largest difference, and so does :math:`T_\pi v = r_\pi + \gamma P_\pi v` of a
fixed policy; hence value iteration converges from anywhere, by a factor that becomes exactly
:math:`\gamma` (constants are what decays slowest). What the policy depends on, the span
:math:`\max v - \min v` of the error, decays faster, by :math:`\gamma|\lambda_2(P_\pi)|`. Policy
iteration never lags behind value iteration and ends after finitely many steps.
Source: puterman1994.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.errors import require

Values = Float[np.ndarray, "*lead states"]
Policy = Int[np.ndarray, " states"]


@dataclass(frozen=True, eq=False)
class DecisionProcess:
    """Transitions ``[action, state, next state]``, mean rewards ``[action, state]``, discount.

    Raises:
        InputError: for rows of transitions that are no probabilities, or a discount outside [0, 1).
    """

    transitions: Float[np.ndarray, "actions states states"]
    rewards: Float[np.ndarray, "actions states"]
    discount: float

    def __post_init__(self) -> None:
        require_stochastic(self.transitions)
        require_discount(self.discount)

    @classmethod
    def random(
        cls, states: int, actions: int, discount: float, random: np.random.Generator
    ) -> Self:
        """Draw rows of transitions evenly from all probabilities, rewards from N(0, 1).

        >>> process = DecisionProcess.random(4, 2, 0.9, np.random.default_rng(0))
        >>> process.transitions.shape
        (2, 4, 4)
        """
        rows = random.dirichlet(np.ones(states), size=(actions, states))
        return cls(rows, random.standard_normal((actions, states)), discount)

    def worth(self, values: Values) -> Float[np.ndarray, "*lead actions states"]:
        r"""Return :math:`r_a + \gamma P_a v` of every action."""
        moved = np.einsum("aij,...j->...ai", self.transitions, values)
        return self.rewards + self.discount * moved

    def under(self, policy: Policy) -> tuple[Float[np.ndarray, "s s"], Float[np.ndarray, " s"]]:
        """Return transitions and mean rewards when ``policy`` is followed."""
        states = np.arange(len(policy))
        return self.transitions[policy, states], self.rewards[policy, states]


def value_iteration(process: DecisionProcess, values: Values, steps: int) -> Values:
    """Return ``[time, *lead, states]``: the optimal Bellman operator applied 0 to ``steps`` times.

    >>> process = DecisionProcess(np.ones((1, 1, 1)), np.ones((1, 1)), 0.5)
    >>> value_iteration(process, np.zeros(1), 3).ravel().tolist()
    [0.0, 1.0, 1.5, 1.75]
    """
    course = [values]
    for _ in range(steps):
        course.append(process.worth(course[-1]).max(axis=-2))
    return np.stack(course)


def policy_values(process: DecisionProcess, policy: Policy) -> Float[np.ndarray, " states"]:
    r"""Return :math:`(I - \gamma P_\pi)^{-1} r_\pi`.

    >>> process = DecisionProcess(np.ones((1, 1, 1)), np.ones((1, 1)), 0.5)
    >>> policy_values(process, np.array([0])).item()
    2.0
    """
    transitions, rewards = process.under(policy)
    return np.linalg.solve(np.eye(len(policy)) - process.discount * transitions, rewards)


def best_policy(process: DecisionProcess, values: Float[np.ndarray, " states"]) -> Policy:
    """Return the policy that is greedy for some values, the first of equal actions."""
    return process.worth(values).argmax(axis=0)


def policy_iteration(
    process: DecisionProcess, policy: Policy, most: int = 1000
) -> Float[np.ndarray, "time states"]:
    """Return the values of each policy on the way until the policy stays the same.

    >>> process = DecisionProcess.random(5, 3, 0.9, np.random.default_rng(0))
    >>> course = policy_iteration(process, np.zeros(5, int))
    >>> bool(np.all(np.diff(course, axis=0) > -1e-12))
    True
    """
    course = [policy_values(process, policy)]
    for _ in range(most):
        following = best_policy(process, course[-1])
        if np.array_equal(following, policy):
            break
        policy = following
        course.append(policy_values(process, policy))
    return np.stack(course)


def contraction_factors(process: DecisionProcess, policy: Policy) -> tuple[float, float]:
    r"""Return what an iteration multiplies errors by in the end: in size, in span.

    They are :math:`\gamma` and :math:`\gamma|\lambda_2(P_\pi)|`, for the best ``policy``.

    >>> even = DecisionProcess(np.full((1, 2, 2), 0.5), np.ones((1, 2)), 0.8)
    >>> size, span = contraction_factors(even, np.zeros(2, int))
    >>> size, abs(round(span, 12))
    (0.8, 0.0)
    """
    sizes = np.sort(np.abs(np.linalg.eigvals(process.under(policy)[0])))
    return process.discount, process.discount * float(sizes[-2])


def span(values: Values) -> Float[np.ndarray, "*lead"]:
    """Return the largest less the smallest value.

    >>> span(np.array([3.0, 1.0, 2.0])).item()
    2.0
    """
    return values.max(axis=-1) - values.min(axis=-1)


def require_discount(discount: float) -> None:
    """Raise `InputError` unless a discount makes Bellman's operator contract.

    >>> require_discount(0.9)
    """
    require(0.0 <= discount < 1.0, f"discount = {discount:g}", "at least 0 and below 1", "try 0.9")


def require_stochastic(transitions: Float[np.ndarray, "*lead states"]) -> None:
    """Raise `InputError` unless every row is a probability over what comes next.

    >>> require_stochastic(np.eye(2))
    """
    worst = float(np.abs(transitions.sum(axis=-1) - 1.0).max())
    require(
        worst < 1e-9 and bool(np.all(transitions >= 0.0)),
        f"transitions whose rows sum to 1 within {worst:.2g}, smallest {transitions.min():.2g}",
        "rows of probabilities",
        "divide each row by its sum",
    )
