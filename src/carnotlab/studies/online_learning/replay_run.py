"""Linear students that meet each example once, or the same ones again and again."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.batching import FullBatch, Minibatch
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.initialisation import given
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.linear_networks import one_layer, trained_maps
from carnotlab.theories.continual.curriculum import error_course
from carnotlab.theories.online_learning.online_regression import annealed_rates
from carnotlab.theories.online_learning.replay import replay_excess

EXCESS = Quantity(
    "excess_by_reliability",
    ("reliability",),
    "1",
    "squared error on fresh inputs without noise, over the teacher's variance",
)


@dataclass(frozen=True)
class OnePassRun(Computable):
    """Students on fresh examples at the best rate for each, by signal-to-noise ``reliability``.

    Time counts examples per input, up to ``load``. The prediction is the exact mean at N inputs.
    """

    inputs: int
    load: float
    reliability: tuple[float, ...]
    draws: int

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("one pass", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train on one example after the other; the prediction knows rates and noise only."""
        del store, progress
        began = time.perf_counter()
        n, count = self.inputs, round(self.load * self.inputs)
        random = np.random.default_rng([n, count, 7])
        x, teacher = _inputs(random, self.draws, count, n)
        noise = random.standard_normal((self.draws, count))
        training = Training(GradientDescent(1.0), 1, FullBatch(), record=At((1,)))
        network = one_layer(n, 1, given([np.zeros((self.draws, 1, n))]), training)
        seen, expected = [], []
        for snr in self.reliability:
            rates = annealed_rates(count, n, noise_variance=1.0 / snr)
            y = np.einsum("dpn,dn->dp", x, teacher) + noise / snr**0.5
            maps = trained_maps(network, x[:, :, None], y[:, :, None, None], rates=rates)
            seen.append(np.mean((maps[:, :, 0, 0] - teacher[:, None]) ** 2, axis=-1))
            expected.append(error_course(rates, np.full(count, 1.0 / snr), n)[1:])
        times = np.arange(1, count + 1) / n
        return _result(seen, expected, times, self.reliability, False, began)


@dataclass(frozen=True)
class ReplayRun(Computable):
    """Students on one sample of ``ratio`` examples per input, in shuffled order, epoch by epoch.

    Time counts epochs, looked at at ``epochs``. One example a step at ``rate``; the prediction is
    of full batches and many inputs.
    """

    inputs: int
    ratio: float
    reliability: tuple[float, ...]
    draws: int
    rate: float
    epochs: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("replay", self)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all draws at every reliability in one program."""
        del store, progress
        began = time.perf_counter()
        n, count = self.inputs, round(self.ratio * self.inputs)
        random = np.random.default_rng([n, count, 8])
        x, teacher = _inputs(random, self.draws, count, n)
        noise = random.standard_normal((self.draws, count))
        clean = np.einsum("dpn,dn->dp", x, teacher)
        kinds = len(self.reliability)
        y = np.concatenate([clean + noise / snr**0.5 for snr in self.reliability])
        training = Training(
            GradientDescent(self.rate),
            count * max(self.epochs),
            Minibatch(1),
            record=At(tuple(float(count * epoch) for epoch in self.epochs)),
        )
        network = one_layer(n, count, given([np.zeros((len(y), 1, n))]), training)
        maps = trained_maps(network, np.tile(x, (kinds, 1, 1))[:, None], y[:, None, :, None])
        maps = maps.reshape(kinds, self.draws, len(self.epochs), n)
        seen = np.mean((maps - teacher[None, :, None]) ** 2, axis=-1)
        epochs = np.asarray(self.epochs, dtype=np.float64)
        expected = [
            replay_excess(epochs, self.ratio, self.rate, noise_variance=1.0 / snr)
            for snr in self.reliability
        ]
        return _result(list(seen), expected, epochs, self.reliability, True, began, self.rate)


def _inputs(
    random: np.random.Generator, draws: int, count: int, inputs: int
) -> tuple[Float[np.ndarray, "draw p n"], Float[np.ndarray, "draw n"]]:
    x = random.standard_normal((draws, count, inputs)) / inputs**0.5
    teacher = random.standard_normal((draws, inputs))
    # White inputs see the teacher's size only; at its mean, draws scatter less.
    return x, teacher * (inputs**0.5 / np.linalg.norm(teacher, axis=1, keepdims=True))


def _result(
    seen: list[Float[np.ndarray, "draw time"]],
    expected: list[Float[np.ndarray, " time"]],
    times: Float[np.ndarray, " time"],
    reliability: tuple[float, ...],
    replayed: bool,
    began: float,
    rate: float = 0.0,
) -> RunResult:
    coords = {"time": times, "reliability": list(reliability)}
    checks = (
        Check(
            "small steps",
            "rate of an example that is met again: the order of what shuffling adds",
            rate if replayed else 0.0,
            0.3,
        ),
    )
    return RunResult(
        EXCESS.label(np.stack(expected, axis=-1), ("time",), coords).to_dataset(),
        xr.Dataset({EXCESS.name: EXCESS.label(np.stack(seen, axis=-1), ("seed", "time"), coords)}),
        checks,
        time.perf_counter() - began,
    )
