"""Games whose every step is known: bilinear ones, the smallest adversarial pair, matrix games."""

from dataclasses import dataclass

import numpy as np

from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation, slope
from carnotlab.theories.games.bilinear_games import (
    TURNS,
    conserved_by_alternating,
    factor_per_step,
    play,
)
from carnotlab.theories.games.dirac_gan import adversarial_steps
from carnotlab.theories.games.dirac_gan import factor_per_step as adversarial_factor
from carnotlab.theories.games.matrix_games import (
    ROCK_PAPER_SCISSORS,
    divergence_from_even,
    exploitability,
    fictitious_play,
    multiplicative_weights,
    replicator_course,
)

FACTOR = Quantity(
    "factor_per_step", ("turns", "turn"), "1", "what a step multiplies the distance by, late"
)
CONSERVED = Quantity(
    "change_of_conserved", ("turns", "turn"), "1", "largest change of x² + y² - ηxy over its start"
)
PAIR_FACTOR = Quantity(
    "pair_factor_per_step", ("penalty",), "1", "what a step multiplies the distance by, late"
)
DIVERGENCE = Quantity(
    "divergence", ("kind", "game_time"), "1", "divergence from even play, less that of the start"
)
PLAY = Quantity("row_play", ("kind", "game_time", "choice"), "fraction", "row player's strategy")
EXPLOITABILITY = Quantity(
    "exploitability", ("round",), "1", "gain of best answers to averages of past play"
)
AVERAGE_SLOPE = Quantity("slope", (), "1", "slope of log exploitability over log rounds")
KINDS = ("replicator", "multiplicative weights")


@dataclass(frozen=True)
class BilinearRun(Simulation):
    """The game x·y, each way of taking turns at each rate, from random starts."""

    rates: tuple[float, ...]
    seeds: int
    steps: int = 2000

    def find(self) -> Found:
        """Play all games; factors are means over the later half."""
        random = np.random.default_rng([self.steps, 31])
        x, y = random.standard_normal((2, self.seeds, 1))
        one, half = np.ones((1, 1)), self.steps // 2
        factors = np.empty((self.seeds, len(TURNS), len(self.rates)))
        changes = np.empty_like(factors)
        for i, turns in enumerate(TURNS):
            for j, rate in enumerate(self.rates):
                xs, ys = play(turns, one, x, y, rate, self.steps)
                far = np.hypot(xs, ys)[..., 0]
                factors[:, i, j] = (far[-1] / far[half]) ** (1.0 / (self.steps - half))
                form = conserved_by_alternating(one, xs, ys, rate)
                changes[:, i, j] = np.abs(form / form[0] - 1.0).max(axis=0)
        wanted = np.array(
            [[factor_per_step(turns, rate) for rate in self.rates] for turns in TURNS]
        )
        coords = {"turns": list(TURNS), "turn": list(self.rates)}
        return Found({FACTOR: factors, CONSERVED: changes}, {FACTOR: wanted}, coords=coords)


@dataclass(frozen=True)
class PairRun(Simulation):
    """The smallest adversarial pair from near its equilibrium, by strength of R1."""

    penalties: tuple[float, ...]
    seeds: int
    rate: float = 0.1
    steps: int = 2000

    def find(self) -> Found:
        """Step the full model, logistic losses; factors are means over the later half."""
        random = np.random.default_rng([self.steps, 32])
        point, tilt = 1e-3 * random.standard_normal((2, self.seeds))
        half = self.steps // 2
        courses = [adversarial_steps(point, tilt, self.rate, p, self.steps) for p in self.penalties]
        far = np.stack([np.linalg.norm(course, axis=-1) for course in courses], axis=-1)
        factors = (far[-1] / far[half]) ** (1.0 / (self.steps - half))
        wanted = np.array([adversarial_factor(p, self.rate) for p in self.penalties])
        coords = {"penalty": list(self.penalties)}
        return Found({PAIR_FACTOR: factors}, {PAIR_FACTOR: wanted}, coords=coords)


@dataclass(frozen=True)
class ReplicatorRun(Simulation):
    """Rock-paper-scissors by the replicator equation and by its steps at one ``rate``."""

    seeds: int
    duration: float = 60.0
    rate: float = 0.1
    records: int = 600

    def find(self) -> Found:
        """Follow both; nothing is predicted but that the replicator's divergence stays."""
        random = np.random.default_rng([self.records, 33])
        times = np.linspace(0.0, self.duration, self.records + 1)
        steps = round(self.duration / self.rate)
        every = max(steps // self.records, 1)
        plays: list[list[np.ndarray]] = []
        divergences: list[list[np.ndarray]] = []
        for x, y in random.dirichlet(3.0 * np.ones(3), size=(self.seeds, 2)):
            flow = replicator_course(ROCK_PAPER_SCISSORS, x, y, times)
            discrete = multiplicative_weights(ROCK_PAPER_SCISSORS, x, y, self.rate, steps)
            both = (flow, (discrete[0][::every], discrete[1][::every]))
            plays.append([row for row, _ in both])
            divergences.append([divergence_from_even(row, column) for row, column in both])
        found = np.array(divergences)
        found = found - found[..., :1]
        coords = {"kind": list(KINDS), "game_time": times}
        return Found({PLAY: np.array(plays), DIVERGENCE: found}, {DIVERGENCE: 0.0 * found[0]},
                     coords=coords)  # fmt: skip


@dataclass(frozen=True)
class FictitiousRun(Simulation):
    """Rock-paper-scissors by fictitious play from random first choices and stakes.

    Stakes are drawn between 1 - ``uneven`` and 1 + ``uneven``, antisymmetric, so that the value
    stays 0; slopes are fitted from round ``first`` on.
    """

    seeds: int
    rounds: int
    uneven: float = 0.0
    first: int = 100
    records: int = 60

    def find(self) -> Found:
        """Play, and fit the slope of exploitability on logarithmic rounds."""
        random = np.random.default_rng([self.rounds, 34])
        kept = np.unique(np.geomspace(1, self.rounds, self.records).astype(int))
        courses: list[np.ndarray] = []
        for _ in range(self.seeds):
            stakes = random.uniform(1.0 - self.uneven, 1.0 + self.uneven, size=(3, 3))
            game = ROCK_PAPER_SCISSORS * (np.triu(stakes) + np.triu(stakes).T)
            first = random.integers(0, 3, size=(1, 2))
            x, y = fictitious_play(game, first, self.rounds)
            courses.append(exploitability(game, x[kept - 1, 0], y[kept - 1, 0]))
        found = np.stack(courses)
        late = kept >= self.first
        slopes = slope(np.log(kept[late]), np.log(found[:, late]))
        return Found(
            {EXPLOITABILITY: found, AVERAGE_SLOPE: slopes},
            {AVERAGE_SLOPE: np.array(-0.5)},
            coords={"round": kept},
        )
