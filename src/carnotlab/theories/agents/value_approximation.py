r"""Values as sums of features: where the contraction is kept and where it is lost.

For :math:`v = \Phi\theta`, states updated in proportions :math:`D = \mathrm{diag}(d)` and
transitions P of the policy evaluated, temporal differences move on average by

.. math:: \theta' = \theta + \alpha(A\theta + b), \qquad A = \Phi^\top D(\gamma P - I)\Phi, \quad
          b = \Phi^\top D r,

which converges when d is P's own stationary distribution, and may diverge when it is not (updates
*off policy*): then A has an eigenvalue of positive real part. Two states worth w and 2w of which
only the first is updated multiply w by :math:`1 + \alpha(2\gamma - 1)`: it grows for
:math:`\gamma > 1/2`. Fitting anew each time, :math:`\Phi\theta' = \Pi_D T\Phi\theta`, contracts
only in a norm the projection does not expand: the stationary one, or the largest difference for
averages over groups of states (an *averager*). Gradient corrections [GTD2] are a game of
weights :math:`\theta` against estimates w of the mean error,

.. math:: \theta' = \theta - \alpha A^\top w, \qquad
          w' = w + \beta(b + A\theta - \Phi^\top D\Phi\, w),

damped, so that it converges off policy as well. Sources: baird1995, tsitsiklis1997, gordon1995,
sutton2009.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from carnotlab.core.errors import require
from carnotlab.theories.agents.decision_processes import require_discount, require_stochastic

Matrix = Float[np.ndarray, "k k"]


@dataclass(frozen=True, eq=False)
class ValueFeatures:
    """Features ``[states, k]``, the policy's transitions, shares of updates, rewards, discount."""

    features: Float[np.ndarray, "states k"]
    transitions: Float[np.ndarray, "states states"]
    shares: Float[np.ndarray, " states"]
    rewards: Float[np.ndarray, " states"]
    discount: float

    def __post_init__(self) -> None:
        require_stochastic(self.transitions)
        require_stochastic(self.shares)
        require_discount(self.discount)

    @property
    def mean_update(self) -> tuple[Matrix, Float[np.ndarray, " k"]]:
        """The matrix A and the vector b of the mean update."""
        weighted = self.features.T * self.shares
        back = self.discount * self.transitions @ self.features - self.features
        return weighted @ back, weighted @ self.rewards

    @property
    def covariance(self) -> Matrix:
        """The second moment of features over the states updated."""
        return (self.features.T * self.shares) @ self.features


def update_factor(problem: ValueFeatures, rate: float) -> float:
    r"""Return the spectral radius of :math:`I + \alpha A`: above 1 values diverge.

    >>> round(update_factor(one_and_two(0.9), 0.1), 6)  # 1 + 0.1 (2 * 0.9 - 1)
    1.08
    """
    A, _ = problem.mean_update
    return float(np.abs(np.linalg.eigvals(np.eye(len(A)) + rate * A)).max())


def refit_factor(problem: ValueFeatures) -> float:
    r"""Return the spectral radius of :math:`\gamma\,\Pi_D P` on the values that can be represented.

    >>> problem = one_and_two(0.9)
    >>> both = ValueFeatures(problem.features, problem.transitions, np.array([0.5, 0.5]),
    ...                      problem.rewards, 0.9)
    >>> round(refit_factor(both), 6)  # 6 * 0.9 / 5
    1.08
    """
    backed = problem.discount * problem.transitions @ problem.features
    map_ = np.linalg.pinv(problem.covariance) @ (problem.features.T * problem.shares) @ backed
    return float(np.abs(np.linalg.eigvals(map_)).max())


def corrected_eigenvalues(
    problem: ValueFeatures, rate: float, estimate_rate: float
) -> Complex[np.ndarray, " twice_k"]:
    """Return the eigenvalues of one corrected step (GTD2) on weights and estimates together."""
    A, _ = problem.mean_update
    k = len(A)
    step = np.block(
        [
            [np.eye(k), -rate * A.T],
            [estimate_rate * A, np.eye(k) - estimate_rate * problem.covariance],
        ]
    )
    return np.linalg.eigvals(step)


class Course(NamedTuple):
    """Weights over steps, ``[time, k]``, and values of all states, ``[time, states]``."""

    weights: Float[np.ndarray, "time k"]
    values: Float[np.ndarray, "time states"]


def learn_values(
    problem: ValueFeatures,
    weights: Float[np.ndarray, " k"],
    rate: float,
    steps: int,
    estimate_rate: float | None = None,
) -> Course:
    """Sweep over states with temporal differences, state by state; no matrix of the mean is used.

    All states' changes are made at the end of a sweep. With ``estimate_rate`` gradient
    corrections (GTD2) are made, from estimates that start at 0.

    >>> learn_values(one_and_two(0.5), np.ones(1), 0.1, 4).weights[-1].item()
    1.0
    """
    course, estimates = [weights], np.zeros_like(weights)
    for _ in range(steps):
        theta, change, shift = course[-1], np.zeros_like(weights), np.zeros_like(weights)
        for state, (feature, share) in enumerate(
            zip(problem.features, problem.shares, strict=True)
        ):
            ahead = problem.transitions[state] @ problem.features
            target = problem.rewards[state] + problem.discount * float(ahead @ theta)
            error = target - float(feature @ theta)
            if estimate_rate is None:
                change += share * rate * error * feature
            else:
                guess = float(feature @ estimates)
                change += share * rate * guess * (feature - problem.discount * ahead)
                shift += share * estimate_rate * (error - guess) * feature
        course.append(theta + change)
        estimates = estimates + shift
    weights_course = np.stack(course)
    return Course(weights_course, weights_course @ problem.features.T)


def refit_values(problem: ValueFeatures, weights: Float[np.ndarray, " k"], steps: int) -> Course:
    """Fit features to backed-up values by weighted least squares, again and again.

    >>> refit_values(one_and_two(0.9), np.ones(1), 2).weights.round(2).ravel().tolist()
    [1.0, 1.8, 3.24]
    """
    root = np.sqrt(problem.shares)[:, None]
    course = [weights]
    for _ in range(steps):
        target = problem.rewards + problem.discount * problem.transitions @ (
            problem.features @ course[-1]
        )
        course.append(np.linalg.lstsq(root * problem.features, root[:, 0] * target, rcond=None)[0])
    weights_course = np.stack(course)
    return Course(weights_course, weights_course @ problem.features.T)


def one_and_two(discount: float) -> ValueFeatures:
    """Return two states worth w and 2w; the first leads to the second, and only it is updated.

    >>> one_and_two(0.9).features.ravel().tolist()
    [1.0, 2.0]
    """
    return ValueFeatures(
        np.array([[1.0], [2.0]]),
        np.array([[0.0, 1.0], [0.0, 1.0]]),
        np.array([1.0, 0.0]),
        np.zeros(2),
        discount,
    )


def baird_star(discount: float, states: int = 7) -> ValueFeatures:
    """Return Baird's star: all states lead to the last, all are updated alike, all are worth 0.

    Worth :math:`2w_i + w_0` of the outer states and :math:`w_n + 2w_0` of the last, one weight more
    than there are states, so that the true values can be represented exactly.

    >>> baird_star(0.99).features.shape
    (7, 8)
    """
    require(states >= 2, f"states = {states}", "at least 2", "use 7")
    features = np.column_stack([np.ones(states), 2.0 * np.eye(states)])
    features[-1, 0], features[-1, -1] = 2.0, 1.0
    last = np.zeros((states, states))
    last[:, -1] = 1.0
    even = np.full(states, 1.0 / states)
    return ValueFeatures(features, last, even, np.zeros(states), discount)


def stationary_shares(transitions: Float[np.ndarray, "s s"]) -> Float[np.ndarray, " s"]:
    """Return the distribution that transitions leave as it is.

    >>> stationary_shares(np.array([[0.5, 0.5], [1.0, 0.0]])).round(4).tolist()
    [0.6667, 0.3333]
    """
    n = len(transitions)
    system = np.vstack([transitions.T - np.eye(n), np.ones(n)])
    shares = np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)[0]
    return np.maximum(shares, 0.0)  # states never visited may come out below zero by rounding


def averages_over(groups: int, states: int) -> Float[np.ndarray, "states groups"]:
    """Return features that give one value to each of ``groups`` of neighbouring states.

    >>> averages_over(2, 4).tolist()
    [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    """
    return np.eye(groups)[np.arange(states) * groups // states]
