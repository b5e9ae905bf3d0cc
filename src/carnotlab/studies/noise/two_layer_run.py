"""Two linear layers trained with parts left out, held against descent on the mean loss."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import given
from carnotlab.networks.layers import Dense, DropConnect, Dropout
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.noise.two_linear_layers import (
    LeftOut,
    descend_expected_loss,
    shrunk_modes,
)
from carnotlab.training.train import train

PRODUCT = Quantity("product", ("output", "input"), "1", "product of both layers' matrices")
END_MODES = Quantity("end_modes", ("mode",), "1", "singular values of the product at the end")
STRENGTHS = (3.0, 2.0, 1.0, 0.4)


def _product(state: State, data: Data) -> Array:
    del data
    first, second = state.model.effective(state.weights)
    return second @ first


product = Measure(PRODUCT, _product)


@dataclass(frozen=True)
class TwoLayerRun(Computable):
    """Hidden units or first weights left out; the prediction takes ``believed`` to be kept.

    ``believed=None`` is the truth, 1 knows of no noise.
    """

    left_out: LeftOut
    keep: float
    hidden: int
    steps: int
    rate: float
    seeds: tuple[int, ...]
    believed: float | None = None

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("two layers with noise", self)

    @property
    def experiment(self) -> Experiment:
        """The network in training."""
        task = LinearMap(6, 4, STRENGTHS, samples=60, held_out=1)
        layers: tuple[Any, ...] = (
            (Dense(self.hidden), Dropout(self.keep), Dense(4))
            if self.left_out == "hidden units"
            else (DropConnect(self.hidden, self.keep), Dense(4))
        )
        random, members = np.random.default_rng(10), max(self.seeds) + 1
        start = given(
            [
                0.5 * random.standard_normal((members, self.hidden, 6)) / 6**0.5,
                0.5 * random.standard_normal((members, 4, self.hidden)) / self.hidden**0.5,
            ]
        )
        training = Training(GradientDescent(self.rate), self.steps, record=Evenly(30))
        return Experiment(task, Network(6, layers, Standard(), start), training)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train, and descend the mean loss from the same starts."""
        del store
        began, experiment = time.perf_counter(), self.experiment
        keep = self.keep if self.believed is None else self.believed
        x, y = (np.asarray(part, dtype=np.float64) for part in experiment.task.data().train)
        first, second = (np.asarray(layer["weight"]) for layer in experiment.start(self.seeds))
        times = experiment.training.times
        courses = np.stack(
            [
                descend_expected_loss((v, u), x, y, keep, self.left_out, self.rate, times)
                for v, u in zip(first, second, strict=True)
            ]
        )
        seen = train(experiment, [product], self.seeds, progress=progress)
        mean = np.asarray(seen[PRODUCT.name].values)[:, -8:].mean(axis=1)
        seen[END_MODES.name] = END_MODES.label(np.linalg.svd(mean, compute_uv=False), ("seed",))
        shrunk = shrunk_modes(np.array(STRENGTHS), keep, self.hidden)
        prediction = labelled({PRODUCT: courses}, ("seed", "time"), {"time": times})
        prediction[END_MODES.name] = END_MODES.label(shrunk)
        check = Check(
            "noise known", "difference of the keep that is assumed", abs(keep - self.keep), 0.0
        )
        return RunResult(prediction, seen, (check,), time.perf_counter() - began)
