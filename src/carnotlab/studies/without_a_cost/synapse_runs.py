"""Single units with local rules: principal components of digits, and drifts under spikes."""

from dataclasses import dataclass

import numpy as np

from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation
from carnotlab.tasks.digits import Digits
from carnotlab.theories.plasticity.principal_components import (
    hebb_course,
    oja_course,
    sanger_steps,
)
from carnotlab.theories.plasticity.spike_timing import (
    TimingRule,
    fire,
    mean_drift,
    measured_drift,
    shared_spikes,
)

ALIGNMENT = Quantity(
    "alignment", ("sample",), "1", "squared cosine of the weights with the first component"
)
LENGTH = Quantity("length", ("rule", "sample"), "1", "length of the weights")
ORDERED = Quantity("ordered", ("unit",), "1", "cosine of each of Sanger's units with its component")
DRIFT = Quantity("drift", ("case",), "1", "mean drift of weights over what is predicted")
WEIGHTS = Quantity("weights", ("group", "epoch"), "1", "mean weight of a group of inputs")
CASES = ("weakening outweighs", "strengthening outweighs", "caused spikes", "inputs fire together")
GROUPS = ("fire together", "independent")


@dataclass(frozen=True)
class ComponentsRun(Simulation):
    """Oja's and Sanger's rules on images of some digits, shown one by one in random order."""

    task: Digits
    seeds: int
    rate: float = 0.002
    samples: int = 10_000
    units: int = 2
    records: int = 50

    def find(self) -> Found:
        """Learn from each seed's order; predict the flow of the mean from each start."""
        x = np.asarray(self.task.data().train.x)
        x = x - x.mean(axis=0)
        moment = x.T @ x / len(x)
        vectors = np.linalg.eigh(moment)[1][:, ::-1].T
        every = self.samples // self.records
        times = self.rate * every * np.arange(self.records + 1)
        shape = (self.seeds, self.records + 1)
        there, flow = np.empty(shape), np.empty(shape)
        lengths = np.empty((self.seeds, 2, self.records + 1))
        wanted = np.empty_like(lengths)
        ordered = np.empty((self.seeds, self.units))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, 81])
            shown = x[random.integers(0, len(x), self.samples)]
            start = 0.3 * random.standard_normal((self.units, x.shape[1])) / np.sqrt(x.shape[1])
            course = sanger_steps(shown, start, self.rate, every)
            oja, hebb = course[:, 0], _hebb_steps(shown, start[0], self.rate, every)
            exact = oja_course(moment, start[0], times)
            there[seed], flow[seed] = (_cosine(w, vectors[0]) ** 2 for w in (oja, exact))
            grown = hebb_course(moment, start[0], times)
            lengths[seed] = [np.linalg.norm(w, axis=1) for w in (oja, hebb)]
            wanted[seed] = [np.linalg.norm(w, axis=1) for w in (exact, grown)]
            ordered[seed] = [
                abs(_cosine(w[None], v)[0])
                for w, v in zip(course[-1], vectors[: self.units], strict=True)
            ]
        coords = {"rule": ["Oja", "Hebb"], "sample": every * np.arange(self.records + 1)}
        return Found(
            {ALIGNMENT: there, LENGTH: lengths, ORDERED: ordered},
            {ALIGNMENT: flow, LENGTH: wanted, ORDERED: np.ones(self.units)},
            coords=coords,
        )


@dataclass(frozen=True)
class TimingRun(Simulation):
    """Drifts of fixed weights in four cases, and weights that learn from epoch to epoch.

    Ten inputs of 20 spikes a second; where some fire together they are the first five. Learning
    weights change by each epoch's measured drift, and are kept between 0 and ``largest``.
    """

    seeds: int
    seconds: float = 200.0
    epochs: int = 16
    epoch: float = 20.0
    largest: float = 0.3
    bin_width: float = 5e-4
    rate: float = 20.0
    share: float = 0.4
    membrane_time: float = 0.01

    def find(self) -> Found:
        """Draw spikes, measure drifts, let weights learn; predict both from mean drifts."""
        drifts = np.array([self._drifts(seed) for seed in range(self.seeds)])
        learned = np.array([self._learned(seed) for seed in range(self.seeds)])
        coords = {"case": list(CASES), "group": list(GROUPS), "epoch": np.arange(self.epochs + 1)}
        return Found(
            {DRIFT: drifts, WEIGHTS: learned},
            {DRIFT: np.ones(len(CASES)), WEIGHTS: self._predicted()},
            coords=coords,
        )

    def _drifts(self, seed: int) -> list[float]:
        """Return measured over predicted drifts; of those that fire together in the last case."""
        weak = np.zeros(10)
        cases = (
            (TimingRule(weaker=0.03), weak, 20.0, 0, 0.0),
            (TimingRule(weaker=0.004), weak, 20.0, 0, 0.0),
            (TimingRule(weaker=0.01), weak + 0.15, 2.0, 0, 0.0),
            (TimingRule(weaker=0.01), weak + 0.15, 2.0, 5, self.share),
        )
        found: list[float] = []
        for place, (rule, weights, spontaneous, together, share) in enumerate(cases):
            random = np.random.default_rng([seed, place, 82])
            spikes, covariance = shared_spikes(
                random, 10, together, self.rate, share, self.seconds, self.bin_width
            )
            output = fire(random, spikes, weights, spontaneous, self.membrane_time, self.bin_width)
            wanted = mean_drift(
                rule, weights, np.full(10, self.rate), covariance, spontaneous, self.membrane_time
            )
            some = slice(0, together or 10)
            measured = measured_drift(rule, spikes, output, self.bin_width)
            found.append(float(measured[some].mean() / wanted[some].mean()))
        return found

    @property
    def _rule(self) -> TimingRule:
        return TimingRule(stronger=5e-4, weaker=5.75e-4)

    def _learned(self, seed: int) -> list[list[float]]:
        random, weights = np.random.default_rng([seed, 83]), np.full(10, 0.5 * self.largest)
        course = [_by_group(weights)]
        for _ in range(self.epochs):
            spikes, _ = shared_spikes(
                random, 10, 5, self.rate, self.share, self.epoch, self.bin_width
            )
            output = fire(random, spikes, weights, 2.0, self.membrane_time, self.bin_width)
            change = measured_drift(self._rule, spikes, output, self.bin_width)
            weights = np.clip(weights + self.epoch * change, 0.0, self.largest)
            course.append(_by_group(weights))
        return [list(each) for each in zip(*course, strict=True)]

    def _predicted(self) -> np.ndarray:
        random, weights = np.random.default_rng(0), np.full(10, 0.5 * self.largest)
        _, covariance = shared_spikes(random, 10, 5, self.rate, self.share, 1.0, self.bin_width)
        course = [_by_group(weights)]
        for _ in range(self.epochs):
            change = mean_drift(
                self._rule, weights, np.full(10, self.rate), covariance, 2.0, self.membrane_time
            )
            weights = np.clip(weights + self.epoch * change, 0.0, self.largest)
            course.append(_by_group(weights))
        return np.array(course).T


def _by_group(weights: np.ndarray) -> tuple[float, float]:
    return float(weights[:5].mean()), float(weights[5:].mean())


def _hebb_steps(x: np.ndarray, start: np.ndarray, rate: float, every: int) -> np.ndarray:
    """Return the weights of Hebb's rule without a bound at the start and every few samples."""
    course, w = [start], start
    for count, one in enumerate(x, start=1):
        w = w + rate * float(w @ one) * one
        if count % every == 0:
            course.append(w)
    return np.stack(course)


def _cosine(rows: np.ndarray, direction: np.ndarray) -> np.ndarray:
    return rows @ direction / np.linalg.norm(rows, axis=1) / np.linalg.norm(direction)
