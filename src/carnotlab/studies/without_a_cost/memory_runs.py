"""Networks that recall: by load, by noise, by rule of storage, and the count of what separates."""

from dataclasses import dataclass, field

import numpy as np

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation
from carnotlab.tasks.digits import Digits
from carnotlab.theories.associative_memory.hopfield import (
    all_at_once,
    energy,
    hebb_weights,
    one_at_a_time,
    overlap,
    projection_weights,
    random_patterns,
)
from carnotlab.theories.associative_memory.retrieval import first_overlap, recalled_overlap
from carnotlab.theories.associative_memory.separable_patterns import is_separable, separable_share

RECALLED = Quantity("recalled_overlap", ("load",), "1", "overlap with the pattern started from")
FIRST = Quantity("first_overlap", ("load",), "1", "overlap after one update of all units")
NOISY = Quantity("noisy_overlap", ("temperature",), "1", "mean overlap under noise")
RISE = Quantity(
    "energy_rise", ("updates",), "1", "largest rise of energy per unit in a sweep, over all starts"
)
ENERGY = Quantity("energy", ("updates", "sweep"), "1", "energy per unit, mean over starts")
BY_RULE = Quantity("overlap_by_rule", ("rule",), "1", "overlap of images recalled with themselves")
SEPARABLE = Quantity("separable_share", ("ratio",), "fraction", "share of labellings separated")
UPDATES = ("one at a time", "all at once")
RULES = ("Hebb", "projection")


@dataclass(frozen=True)
class RecallRun(Simulation):
    """Random patterns at each load, recalled from themselves without noise, by Hebb's weights."""

    loads: tuple[float, ...]
    units: int
    seeds: int
    starts: int = 10
    sweeps: int = 20

    def find(self) -> Found:
        """Recall some of the patterns of each network."""
        shape = (self.seeds, len(self.loads))
        last, first = np.empty(shape), np.empty(shape)
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.units, 61])
            for j, load in enumerate(self.loads):
                patterns = random_patterns(round(load * self.units), self.units, random)
                weights, asked = hebb_weights(patterns), patterns[: self.starts]
                first[seed, j] = overlap(all_at_once(weights, asked, 1)[-1], asked).mean()
                ends = one_at_a_time(weights, asked, self.sweeps, random)[-1]
                last[seed, j] = overlap(ends, asked).mean()
        wanted = {
            RECALLED: np.array([recalled_overlap(load) for load in self.loads]),
            FIRST: np.array([first_overlap(load) for load in self.loads]),
        }
        check = Check("many units", "1/√N of the network", self.units**-0.5, 0.05)
        coords = {"load": list(self.loads)}
        return Found({RECALLED: last, FIRST: first}, wanted, (check,), coords)


@dataclass(frozen=True)
class NoisyRecallRun(Simulation):
    """Random patterns at one ``load``, recalled at each temperature, averaged late."""

    load: float
    temperatures: tuple[float, ...]
    units: int
    seeds: int
    starts: int = 5
    sweeps: int = 40

    def find(self) -> Found:
        """Recall at all temperatures together; overlaps are means over the later half."""
        found = np.empty((self.seeds, len(self.temperatures)))
        noise = np.repeat(self.temperatures, self.starts).astype(np.float32)
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.units, 62])
            patterns = random_patterns(round(self.load * self.units), self.units, random)
            asked = np.tile(patterns[: self.starts], (len(self.temperatures), 1))
            course = one_at_a_time(hebb_weights(patterns), asked, self.sweeps, random, noise)
            late = overlap(course[self.sweeps // 2 :], asked).mean(axis=0)
            found[seed] = late.reshape(len(self.temperatures), -1).mean(axis=1)
        wanted = np.array([recalled_overlap(self.load, t) for t in self.temperatures])
        check = Check("many units", "1/√N of the network", self.units**-0.5, 0.05)
        coords = {"temperature": list(self.temperatures)}
        return Found({NOISY: found}, {NOISY: wanted}, (check,), coords)


@dataclass(frozen=True)
class EnergyRun(Simulation):
    """Energies from random states, units updated one at a time and all at once."""

    seeds: int
    units: int = 200
    load: float = 0.2
    starts: int = 20
    sweeps: int = 12

    def find(self) -> Found:
        """Follow the energy from sweep to sweep, in double precision."""
        rises = np.empty((self.seeds, len(UPDATES)))
        courses = np.empty((self.seeds, len(UPDATES), self.sweeps + 1))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.units, 63])
            stored = random_patterns(round(self.load * self.units), self.units, random)
            weights = hebb_weights(stored.astype(np.float64))
            states = random_patterns(self.starts, self.units, random).astype(np.float64)
            both = (
                one_at_a_time(weights, states, self.sweeps, random),
                all_at_once(weights, states, self.sweeps),
            )
            for j, course in enumerate(both):
                energies = np.stack([energy(weights, at) for at in course]) / self.units
                rises[seed, j] = max(float(np.diff(energies, axis=0).max()), 0.0)
                mean = energies.mean(axis=1)
                courses[seed, j] = np.pad(mean, (0, self.sweeps + 1 - len(mean)), mode="edge")
        coords = {"updates": list(UPDATES), "sweep": np.arange(self.sweeps + 1)}
        return Found({RISE: rises, ENERGY: courses}, {}, coords=coords)


@dataclass(frozen=True)
class DigitRecallRun(Simulation):
    """Images of digits, dark and bright, stored by each rule and recalled from themselves.

    ``patterns`` random images a seed; predicted as if they were as many random patterns.
    """

    patterns: int
    seeds: int
    task: Digits = field(default_factory=lambda: Digits(1000, 500))
    sweeps: int = 20

    def find(self) -> Found:
        """Recall all images that are stored."""
        images = np.where(self.task.data().train.x >= 0.5, 1.0, -1.0)
        found = np.empty((self.seeds, len(RULES)))
        alike = np.empty(self.seeds)
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.patterns, 64])
            stored = images[random.choice(len(images), self.patterns, replace=False)]
            for j, rule in enumerate((hebb_weights, projection_weights)):
                ends = one_at_a_time(rule(stored), stored, self.sweeps, random)[-1]
                found[seed, j] = overlap(ends, stored).mean()
            products = stored @ stored.T / stored.shape[1]
            alike[seed] = np.mean(products[~np.eye(self.patterns, dtype=bool)])
        wanted = np.array([recalled_overlap(self.patterns / images.shape[1]), 1.0])
        check = Check(
            "independent patterns", "mean overlap of two patterns", float(alike.mean()), 0.1
        )
        return Found({BY_RULE: found}, {BY_RULE: wanted}, (check,), {"rule": list(RULES)})


@dataclass(frozen=True)
class SeparableRun(Simulation):
    """Random points with random labels, ``ratios`` of them per input: can a hyperplane separate?"""

    ratios: tuple[float, ...]
    seeds: int
    inputs: int = 10
    draws: int = 25

    def find(self) -> Found:
        """Try each draw by linear programming."""
        found = np.empty((self.seeds, len(self.ratios)))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.inputs, 65])
            for j, ratio in enumerate(self.ratios):
                count = round(ratio * self.inputs)
                found[seed, j] = np.mean(
                    [
                        is_separable(
                            random.standard_normal((count, self.inputs)),
                            random.choice([-1.0, 1.0], size=count),
                        )
                        for _ in range(self.draws)
                    ]
                )
        wanted = [float(separable_share(round(r * self.inputs), self.inputs)) for r in self.ratios]
        coords = {"ratio": list(self.ratios)}
        return Found({SEPARABLE: found}, {SEPARABLE: np.array(wanted)}, coords=coords)
