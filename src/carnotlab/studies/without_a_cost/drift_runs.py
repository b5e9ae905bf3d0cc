"""Codes that drift: linear ones with Gaussian noise, and a layer of units that sees digits."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.quantities import Quantity
from carnotlab.studies.without_a_cost.simulation import Found, Simulation
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.drawing import orthonormal_columns
from carnotlab.theories.plasticity.drifting_codes import (
    DriftingCode,
    best_readout,
    lifetime,
    share_right,
    simulated_share_right,
    upstream_covariance,
)

SHARE = Quantity(
    "share_right", ("drift", "readout", "drift_time"), "fraction", "right answers while codes drift"
)
LIFETIME = Quantity(
    "lifetime", ("drift", "readout"), "1", "time until the share right has fallen to the level"
)
SHORTER = Quantity(
    "lifetime_lost", ("drift",), "1", "lifetime of the noise-trained readout's rival over its own"
)
DIGIT_SHARE = Quantity(
    "digits_right", ("drift", "readout", "drift_time"), "fraction", "share right, held out"
)
OUTDONE = Quantity(
    "outdone",
    ("drift",),
    "fraction",
    "share right with even noise less with its own, mean of times",
)
DRIFTS = ("where noise enters", "in all directions", "where no noise is")
READOUTS = ("trained with noise", "mean difference")
UNIT_DRIFTS = ("as noise", "unrelated", "opposite")
TRAININGS = ("its own noise", "even noise", "no noise")


@dataclass(frozen=True)
class LinearDriftRun(Simulation):
    """A layer of ``hidden`` units read through ``units`` others; noise and drift of each kind.

    Trial noise enters the hidden units, and a little each unit; drift of the same total variance
    enters the hidden units' weights, or all units, or only directions that hidden noise never
    reaches. ``level`` is the share right at which a readout's life ends.
    """

    seeds: int
    units: int = 30
    hidden: int = 6
    noise: float = 1.0
    private: float = 0.1
    drift: float = 4.0
    level: float = 0.8
    drifts: int = 1000
    trials: int = 8
    duration: float = 8.0
    records: int = 16

    def find(self) -> Found:
        """Draw codes, simulate each kind of drift, and predict shares and lifetimes."""
        times = np.linspace(0.0, self.duration, self.records + 1)
        shape = (self.seeds, len(DRIFTS), len(READOUTS))
        shares, wanted = (np.empty((*shape, len(times))) for _ in range(2))
        lives, expected = np.empty(shape), np.empty(shape)
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.units, 95])
            for i, code in enumerate(self._codes(random)):
                difference = code.response / (code.response @ code.response)
                readouts = (best_readout(code.response, code.noise), difference)
                for j, readout in enumerate(readouts):
                    at = (seed, i, j)
                    shares[at] = simulated_share_right(
                        random, code, readout, times, self.drifts, self.trials
                    )
                    wanted[at] = share_right(code, readout, times)
                    lives[at] = _crossing(times, shares[at], self.level)
                    expected[at] = min(lifetime(code, readout, self.level), self.duration)
        coords = {"drift": list(DRIFTS), "readout": list(READOUTS), "drift_time": times}
        return Found(
            {SHARE: shares, LIFETIME: lives, SHORTER: lives[:, :, 1] / lives[:, :, 0]},
            {SHARE: wanted, LIFETIME: expected, SHORTER: expected[:, :, 1] / expected[:, :, 0]},
            coords=coords,
        )

    def _codes(self, random: np.random.Generator) -> tuple[DriftingCode, ...]:
        """Return one code with drift of each kind, of equal traces."""
        basis = orthonormal_columns(random, self.units, self.hidden)
        common = basis * np.geomspace(1.0, 0.2, self.hidden)
        response = random.standard_normal(self.units) / np.sqrt(self.units)
        response += common @ random.standard_normal(self.hidden)
        noise = upstream_covariance(common, self.noise**2) + self.private**2 * np.eye(self.units)
        free = np.eye(self.units) - basis @ basis.T
        kinds = (upstream_covariance(common, 1.0), np.eye(self.units), free)
        response /= np.linalg.norm(response)
        return tuple(
            DriftingCode(response, noise, self.drift * kind / np.trace(kind)) for kind in kinds
        )


@dataclass(frozen=True)
class DigitDriftRun(Simulation):
    """Hidden units (tanh) with random weights see digits; linear readouts are trained once.

    Units differ in their trial noise, by factors drawn log-normally with spread ``uneven``; weights
    into them drift by steps in proportion to that noise, or to it permuted among units, or to its
    inverse, of the same total. Readouts are fitted by least squares to trials with their own noise,
    with even noise of the same total, or without noise.
    """

    task: Digits
    seeds: int
    units: int = 120
    noise: float = 2.0
    uneven: float = 1.0
    drift: float = 1.0
    repeats: int = 4
    duration: int = 8

    def find(self) -> Found:
        """Fit the readouts, let weights drift, count right answers on noisy held-out trials."""
        data = self.task.data()
        x, y, x_test, y_test = (np.asarray(p) for pair in (data.train, data.test) for p in pair)
        centre, scale = x.mean(axis=0), np.linalg.norm(x - x.mean(axis=0), axis=1).mean()
        x, x_test = (x - centre) / scale, (x_test - centre) / scale
        truth = y_test.argmax(axis=1)
        times = np.arange(self.duration + 1)
        right = np.empty((self.seeds, len(UNIT_DRIFTS), len(TRAININGS), len(times)))
        for seed in range(self.seeds):
            random = np.random.default_rng([seed, self.units, 96])
            W = 2.0 * random.standard_normal((x.shape[1], self.units))
            own = _of_mean_square(np.exp(self.uneven * random.standard_normal(self.units)))
            fits = [
                self._readout(random, x @ W, y, spread)
                for spread in (own, np.ones_like(own), 0 * own)
            ]
            steps = (own, random.permutation(own), _of_mean_square(1.0 / own))
            for i, step in enumerate(steps):
                moved = W
                for t in times:
                    z = x_test @ moved
                    h = np.tanh(z + self.noise * own * random.standard_normal(z.shape))
                    for j, fit in enumerate(fits):
                        found = (_with_constant(h) @ fit).argmax(axis=1)
                        right[seed, i, j, t] = np.mean(found == truth)
                    moved = moved + self.drift * step * random.standard_normal(W.shape)
        outdone = (right[:, :, 1] - right[:, :, 0]).mean(axis=-1)
        coords = {"drift": list(UNIT_DRIFTS), "readout": list(TRAININGS), "drift_time": times}
        return Found({DIGIT_SHARE: right, OUTDONE: outdone}, {}, coords=coords)

    def _readout(
        self, random: np.random.Generator, z: np.ndarray, y: np.ndarray, spread: np.ndarray
    ) -> Float[np.ndarray, "units k"]:
        """Fit a linear readout to several noisy trials of each image."""
        z, y = np.tile(z, (self.repeats, 1)), np.tile(y, (self.repeats, 1))
        h = _with_constant(np.tanh(z + self.noise * spread * random.standard_normal(z.shape)))
        return np.linalg.lstsq(h, y, rcond=None)[0]


def _of_mean_square(values: np.ndarray) -> np.ndarray:
    """Return values scaled to a mean square of 1."""
    return values / np.sqrt(np.mean(values**2))


def _with_constant(h: np.ndarray) -> np.ndarray:
    return np.column_stack([h, np.ones(len(h))])


def _crossing(times: np.ndarray, shares: np.ndarray, level: float) -> float:
    """Return when shares first fall to ``level``, between records; the end if they never do."""
    below = np.flatnonzero(shares <= level)
    if not len(below):
        return float(times[-1])
    last = int(below[0])
    if last == 0:
        return 0.0
    part = (shares[last - 1] - level) / (shares[last - 1] - shares[last])
    return float(times[last - 1] + part * (times[last] - times[last - 1]))
