"""Deep autoencoders of logistic units, trained by one method at several rates."""

import time
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.errors import require
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import Adam, GradientDescent, Rule
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_LOSS, train_loss
from carnotlab.networks.activations import Sigmoid
from carnotlab.networks.description import Network
from carnotlab.networks.layers import Dense, Layer
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.autoencoding import Autoencoding, linear_reconstruction_errors
from carnotlab.tasks.base import Task
from carnotlab.training.hessian_free.sparse_start import sparse_start
from carnotlab.training.hessian_free.step import HessianFree
from carnotlab.training.hessian_free.train_hessian_free import COST, SECONDS, train_hessian_free
from carnotlab.training.train import train_sweep

Method: TypeAlias = Literal["Hessian-free", "SGD", "momentum", "Adam"]
Start: TypeAlias = Literal["dense", "sparse"]

ERROR = Quantity(
    "reconstruction_error", ("rate",), "1", "training error over that of the mean image"
)
SPENT = Quantity("spent", (), "epochs", "gradients on all images so far, or as much")
LINEAR = Quantity("linear", (), "1", "error of the best linear autoencoder over the mean image's")
DENSE_SPREAD = 0.1
"""Standard deviation of all weights of a dense start."""


def autoencoder(units: tuple[int, ...]) -> Network:
    """Return logistic layers down to the last of ``units`` and back up, from small dense weights.

    >>> autoencoder((64, 30, 6)).depth
    4
    """
    sizes = (*units, *units[-2::-1])
    layers: list[Layer] = []
    for before, after in pairwise(sizes):
        layers += [Dense(after, DENSE_SPREAD**2 * before, 0.0), Sigmoid()]
    return Network(sizes[0], tuple(layers))


@dataclass(frozen=True)
class DeepAutoencoderRun(Computable):
    """One method on the images of a task, as their own targets, at each of ``rates``.

    For Hessian-free optimization the rates are initial dampings. ``budget`` counts gradients on
    all images; steps of other methods are full batches, so that many. Hessian-free steps go on
    until they have spent it, ``most`` at most. There is no prediction.
    """

    task: Task
    units: tuple[int, ...]
    start: Start
    method: Method
    rates: tuple[float, ...]
    budget: int
    most: int
    seeds: tuple[int, ...]
    records: int = 25

    def __post_init__(self) -> None:
        # Here, since other arms of a study may train for long before this one begins.
        inputs = self.task.input_size
        require(
            len(self.units) >= 2 and self.units[0] == inputs,
            f"units {self.units} for images of {inputs} pixels",
            f"{inputs} inputs and at least one layer",
            f"try {(inputs, 6)}",
        )

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("deep autoencoder", self)

    @property
    def experiment(self) -> Experiment:
        """The network, its start and its images."""
        network = autoencoder(self.units)
        if self.start == "sparse":
            seeds = range(max(self.seeds) + 1)
            network = replace(network, initialisation=sparse_start(network, seeds))
        training = Training(duration=self.most, record=Evenly(self.most + 1), precision="float64")
        return Experiment(Autoencoding(self.task), network, training)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train at every rate; errors are over that of the mean image."""
        del store
        began = time.perf_counter()
        mean, linear = linear_reconstruction_errors(
            np.asarray(self.experiment.task.data().train.x), min(self.units)
        )
        if self.method == "Hessian-free":
            errors, spent, seconds = self._hessian_free(progress)
        else:
            errors, spent, seconds = self._descended(progress)
        # The loss is half the squared distance.
        share = 2.0 * errors / mean
        observation = ERROR.label(share, ("seed", "time"), {"rate": list(self.rates)}).to_dataset()
        observation[SPENT.name] = SPENT.label(spent, ("seed", "time"))
        observation["training_seconds"] = ("seed", seconds)
        observation[LINEAR.name] = LINEAR.label(linear / mean)
        check = Check(
            "within the budget",
            "gradients that the last record took, over the budget",
            float(np.max(spent[:, -1])) / self.budget,
            1.0,
        )
        return RunResult(xr.Dataset(), observation, (check,), time.perf_counter() - began)

    def _hessian_free(
        self, progress: Progress | None
    ) -> tuple[
        Float[np.ndarray, "seed time rate"],
        Float[np.ndarray, "seed time"],
        Float[np.ndarray, " seed"],
    ]:
        """Return losses at evenly spaced costs up to the budget: what was reached by then."""
        grid = np.linspace(0.0, self.budget, self.records)
        losses = np.empty((len(self.seeds), self.records, len(self.rates)))
        seconds = np.zeros(len(self.seeds))
        for place, damping in enumerate(self.rates):

            def report(done: float, place: int = place) -> None:
                if progress is not None:
                    progress((place + done) / len(self.rates))

            seen = train_hessian_free(
                self.experiment,
                (train_loss,),
                self.seeds,
                settings=HessianFree(damping),
                budget=float(self.budget),
                progress=report,
            )
            for seed in range(len(self.seeds)):
                cost = seen[COST.name].values[seed]
                loss = seen[TRAIN_LOSS.name].values[seed]
                rows = np.searchsorted(cost, grid, side="right") - 1
                losses[seed, :, place] = loss[rows]
                within = cost <= self.budget
                seconds[seed] += float(seen[SECONDS.name].values[seed][within][-1])
        return losses, np.tile(grid, (len(self.seeds), 1)), seconds / len(self.rates)

    def _descended(
        self, progress: Progress | None
    ) -> tuple[
        Float[np.ndarray, "seed time rate"],
        Float[np.ndarray, "seed time"],
        Float[np.ndarray, " seed"],
    ]:
        experiments: dict[str, Experiment] = {}
        for rate in self.rates:
            rule: Rule = GradientDescent(rate, 0.9 if self.method == "momentum" else 0.0)
            if self.method == "Adam":
                rule = Adam(rate)
            record = Evenly(self.records)
            training = Training(rule, self.budget, record=record, precision="float64")
            experiments[f"{rate:g}"] = replace(self.experiment, training=training)
        began = time.perf_counter()
        seen = train_sweep(experiments, (train_loss,), self.seeds, progress=progress)
        took = (time.perf_counter() - began) / len(self.rates) / len(self.seeds)
        losses = np.moveaxis(np.asarray(seen[TRAIN_LOSS.name].values), 0, -1)
        spent = np.tile(seen["time"].values, (len(self.seeds), 1))
        return losses, spent, np.full(len(self.seeds), took)
