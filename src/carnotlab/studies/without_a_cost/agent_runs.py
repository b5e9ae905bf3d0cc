"""Agents with tables of values, with features, with sampled gradients, and against themselves."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation
from carnotlab.theories.agents.decision_processes import (
    DecisionProcess,
    best_policy,
    contraction_factors,
    policy_iteration,
    span,
    value_iteration,
)
from carnotlab.theories.agents.policy_gradient import (
    best_baseline,
    exact_gradient,
    gradient_variance,
    mean_reward,
    sampled_gradients,
)
from carnotlab.theories.agents.self_play import (
    StochasticGame,
    best_answers,
    shapley_iteration,
    stage_exploitability,
)

OVER = Quantity(
    "over_discount", ("discount",), "1", "largest factor of an iteration above the discount"
)
SIZE_RATE = Quantity("size_rate", ("discount",), "1", "factor of the largest error, late")
SPAN_RATE = Quantity("span_rate", ("discount",), "1", "factor of the error's span, late")
ERROR = Quantity("value_error", ("discount", "iteration"), "1", "largest error over the start's")
POLICIES = Quantity("policies", ("discount",), "1", "policies that policy iteration passes through")
VARIANCE = Quantity("gradient_variance", ("baseline",), "1", "variance of a gradient estimate")
BIAS = Quantity("gradient_bias", ("baseline",), "1", "distance of mean estimate from the gradient")
CHASE = Quantity(
    "self_play", ("kind", "iteration"), "1", "what best answers would gain, after each iteration"
)
BASELINES = ("none", "mean reward", "best", "beyond")
KINDS = ("Shapley's operator", "best answers")

RESOLVED = 1e-6
"""Share of the start's error down to which factors are told.

Values of order one are rounded by 1e-16, so that the factor of a smaller error is off by more than
1e-10 whatever the operator does.
"""


@dataclass(frozen=True)
class TableRun(Simulation):
    """Value and policy iteration in random decision processes, at each discount."""

    discounts: tuple[float, ...]
    seeds: int
    states: int = 20
    actions: int = 3
    iterations: int = 16

    def find(self) -> Found:
        """Iterate from random values; late factors are means over several iterations."""
        shape = (self.seeds, len(self.discounts))
        over, size, across, policies = (np.empty(shape) for _ in range(4))
        wanted_size, wanted_span = np.empty(shape), np.empty(shape)
        errors = np.empty((*shape, self.iterations + 1))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.states, 41])
            rows = DecisionProcess.random(self.states, self.actions, 0.0, random)
            start = 3.0 * random.standard_normal(self.states)
            for j, discount in enumerate(self.discounts):
                process = DecisionProcess(rows.transitions, rows.rewards, discount)
                course = policy_iteration(process, np.zeros(self.states, np.intp))
                best, at = course[-1], (seed, j)
                gap = value_iteration(process, start, self.iterations) - best
                far, wide = np.abs(gap).max(axis=1), span(gap)
                resolved = far[:-1] > RESOLVED * far[0]
                over[at] = max(float(np.max((far[1:] / far[:-1])[resolved])) - discount, 0.0)
                size[at] = (far[-1] / far[-5]) ** 0.25
                across[at] = (wide[12] / wide[4]) ** 0.125
                policies[at] = len(course)
                wanted_size[at], wanted_span[at] = contraction_factors(
                    process, best_policy(process, best)
                )
                errors[at] = far / far[0]
        coords = {"discount": list(self.discounts), "iteration": np.arange(self.iterations + 1)}
        return Found(
            {OVER: over, SIZE_RATE: size, SPAN_RATE: across, POLICIES: policies, ERROR: errors},
            {SIZE_RATE: wanted_size, SPAN_RATE: wanted_span},
            coords=coords,
        )


@dataclass(frozen=True)
class GradientRun(Simulation):
    """Sampled gradients by baseline, of a policy set on a poor action; seeds draw samples."""

    seeds: int
    samples: int = 20_000
    noise_variance: float = 0.25
    preferences: tuple[float, ...] = (3.0, 0.0, 0.0, -1.0)
    rewards: tuple[float, ...] = (0.0, 2.0, 1.0, 3.0)

    @property
    def task(self) -> tuple[Float[np.ndarray, " actions"], Float[np.ndarray, " actions"]]:
        """Preferences and mean rewards."""
        return np.array(self.preferences), np.array(self.rewards)

    @property
    def baselines(self) -> tuple[float, ...]:
        """None, the mean reward, the best one, and one twice as far beyond it as it is from 0."""
        best = best_baseline(*self.task)
        return 0.0, mean_reward(*self.task), best, 3.0 * best

    def find(self) -> Found:
        """Sample with each baseline."""
        shape = (self.seeds, len(BASELINES))
        variance, bias = np.empty(shape), np.empty(shape)
        gradient = exact_gradient(*self.task)
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.samples, 42])
            for j, baseline in enumerate(self.baselines):
                drawn = sampled_gradients(
                    random, *self.task, self.noise_variance, baseline, self.samples
                )
                variance[seed, j] = drawn.var(axis=0).sum()
                bias[seed, j] = np.linalg.norm(drawn.mean(axis=0) - gradient)
        wanted = [gradient_variance(*self.task, self.noise_variance, b) for b in self.baselines]
        return Found({VARIANCE: variance, BIAS: bias}, {VARIANCE: np.array(wanted)},
                     coords={"baseline": list(BASELINES)})  # fmt: skip


@dataclass(frozen=True)
class SelfPlayRun(Simulation):
    """Random stochastic games of mixed strategies: Shapley's operator, and best answers in turn."""

    discount: float
    seeds: int
    states: int = 4
    iterations: int = 60

    def find(self) -> Found:
        """Return exploitability after every iteration, and the factors of Shapley's operator."""
        chase = np.empty((self.seeds, len(KINDS), self.iterations))
        over = np.empty((self.seeds, 1))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.states, 43])
            game = StochasticGame.random(self.states, self.discount, random)
            values, other = random.standard_normal((2, self.states))
            for step in range(self.iterations):
                course, row, column = shapley_iteration(game, values, 1)
                chase[seed, 0, step] = stage_exploitability(game, row, column)
                values = course[-1]
            pair = [shapley_iteration(game, v, 1)[0] for v in (np.zeros(self.states), other)]
            before, after = np.abs(pair[0] - pair[1]).max(axis=1)
            over[seed] = max(after / before - self.discount, 0.0)
            chase[seed, 1] = best_answers(game, self.iterations)
        coords = {"kind": list(KINDS), "iteration": np.arange(1, self.iterations + 1)}
        return Found({CHASE: chase, OVER: over}, {}, coords=coords)
