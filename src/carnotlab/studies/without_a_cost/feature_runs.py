"""Values as sums of features: examples that diverge, and random ones by who is averaged over."""

from dataclasses import dataclass

import numpy as np

from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation
from carnotlab.theories.agents.value_approximation import (
    ValueFeatures,
    averages_over,
    baird_star,
    learn_values,
    one_and_two,
    refit_factor,
    refit_values,
    stationary_shares,
    update_factor,
)

TWO_FACTOR = Quantity("two_state_factor", ("discount",), "1", "what an update multiplies w by")
STAR_FACTOR = Quantity("star_factor", (), "1", "what a sweep multiplies weights by, late")
STAR = Quantity(
    "star_values", ("method", "sweep"), "1", "largest value over that at the start, Baird's star"
)
REFIT = Quantity("refit_factor", ("features",), "1", "what a refit multiplies values by, late")
EXPANSION = Quantity(
    "expansion", ("features",), "1", "factor of a refit above the discount, 0 where it contracts"
)
METHODS = ("off policy", "gradient corrections", "on policy")
FEATURES = ("averages", "random, as visited", "random, any shares")


@dataclass(frozen=True)
class TwoStateRun(Simulation):
    """Two states worth w and 2w, only the first updated, at each discount."""

    discounts: tuple[float, ...]
    seeds: int
    rate: float = 0.1
    steps: int = 100

    def find(self) -> Found:
        """Update from random weights."""
        starts = np.random.default_rng(51).uniform(0.5, 2.0, self.seeds)
        found = np.empty((self.seeds, len(self.discounts)))
        for j, discount in enumerate(self.discounts):
            for seed, start in enumerate(starts):
                course = learn_values(
                    one_and_two(discount), np.array([start]), self.rate, self.steps
                ).weights
                found[seed, j] = (course[-1, 0] / start) ** (1.0 / self.steps)
        wanted = np.array([1.0 + self.rate * (2.0 * discount - 1.0) for discount in self.discounts])
        coords = {"discount": list(self.discounts)}
        return Found({TWO_FACTOR: found}, {TWO_FACTOR: wanted}, coords=coords)


@dataclass(frozen=True)
class StarRun(Simulation):
    """Baird's star by temporal differences, with gradient corrections, and on policy."""

    seeds: int
    discount: float = 0.99
    rate: float = 0.1
    estimate_rate: float = 0.5
    sweeps: int = 600

    def find(self) -> Found:
        """Sweep from random weights; the factor is that of the later half."""
        star = baird_star(self.discount)
        visited = ValueFeatures(
            star.features,
            star.transitions,
            stationary_shares(star.transitions),
            star.rewards,
            self.discount,
        )
        kinds = ((star, None), (star, self.estimate_rate), (visited, None))
        values = np.empty((self.seeds, len(METHODS), self.sweeps + 1))
        factors = np.empty(self.seeds)
        half = self.sweeps // 2
        for seed in range(self.seeds):
            start = 1.0 + np.random.default_rng([seed, 52]).standard_normal(8)
            for j, (problem, correction) in enumerate(kinds):
                course = learn_values(problem, start, self.rate, self.sweeps, correction)
                far = np.abs(course.values).max(axis=1)
                values[seed, j] = far / far[0]
                if j == 0:
                    size = np.linalg.norm(course.weights, axis=1)
                    factors[seed] = (size[-1] / size[half]) ** (1.0 / (self.sweeps - half))
        coords = {"method": list(METHODS), "sweep": np.arange(self.sweeps + 1)}
        wanted = np.array(update_factor(star, self.rate))
        return Found({STAR: values, STAR_FACTOR: factors}, {STAR_FACTOR: wanted}, coords=coords)


@dataclass(frozen=True)
class RefitRun(Simulation):
    """Values fitted again and again in random processes without rewards, by kind of features.

    States are weighted by shares drawn far from even, or as the process visits them.
    """

    seeds: int
    discount: float = 0.95
    states: int = 8
    features: int = 3
    steps: int = 60

    def find(self) -> Found:
        """Refit from random weights; factors are those of the later two thirds."""
        found = np.empty((self.seeds, len(FEATURES)))
        wanted = np.empty_like(found)
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, 53])
            moves = random.dirichlet(0.3 * np.ones(self.states), size=self.states)
            shares = random.dirichlet(0.2 * np.ones(self.states))
            drawn = random.standard_normal((self.states, self.features))
            averages = averages_over(self.features, self.states)
            kinds = ((averages, shares), (drawn, stationary_shares(moves)), (drawn, shares))
            for j, (features, weight) in enumerate(kinds):
                problem = ValueFeatures(
                    features, moves, weight, np.zeros(self.states), self.discount
                )
                values = refit_values(problem, random.standard_normal(self.features), self.steps)
                far, first = np.linalg.norm(values.values, axis=1), self.steps // 3
                found[seed, j] = (far[-1] / far[first]) ** (1.0 / (self.steps - first))
                wanted[seed, j] = refit_factor(problem)
        over = np.maximum(found - self.discount, 0.0)
        coords = {"features": list(FEATURES)}
        return Found({REFIT: found, EXPANSION: over}, {REFIT: wanted}, coords=coords)
