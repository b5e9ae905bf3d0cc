"""Accuracy of trained networks by number of training images, over several draws."""

import time
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import xarray as xr

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import test_accuracy, train_accuracy
from carnotlab.networks.description import Network
from carnotlab.runs.learning_curves import ACCURACY, COMPILING, Images
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.training.several_samples import repeated, trainer

TRAIN_ACCURACY = Quantity(
    "train_accuracy_by_samples", ("samples",), "fraction", "training images classified right"
)

SECONDS_PER_PRODUCT = 1e-10
"""Rough time on one core of one multiplication in training."""


@dataclass(frozen=True)
class TrainedCurve(Computable):
    """A finite network trained on samples of growing size, over several draws.

    Smaller samples are repeated to the size of the largest, so that all take the same steps in
    one compiled program. Each draw is kept in the store as soon as it is done. ``training`` records
    its end; a draw's number is also the seed of its weights.
    """

    task: Images
    network: Network
    training: Training
    sizes: tuple[int, ...]
    draws: tuple[int, ...]

    @property
    def experiment(self) -> Experiment:
        """The network on the largest sample."""
        return Experiment(self.task, self.network, self.training)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.training.precision

    @property
    def key(self) -> str:
        """A digest of images, network, training, sizes, draws, code and versions."""
        return result_key(type(self), self.experiment, self.sizes, self.draws)

    def remaining(self, store: Store | None) -> float:
        """Return the seconds left to compute, roughly."""
        if store is not None and self.key in store:
            return 0.0
        left = sum(store is None or self._key_of(draw) not in store for draw in self.draws)
        batching = self.training.batching
        size = batching.size if isinstance(batching, Minibatch | Online) else max(self.sizes)
        weights = sum(prod(each.shape) for each in self.network.maps)
        products = weights * prod(self.network.shape[:-1]) * size * self.training.duration
        return COMPILING + left * len(self.sizes) * SECONDS_PER_PRODUCT * products

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train on every draw that the store does not have, from small samples to large."""
        began = time.perf_counter()
        fit = trainer(self.experiment, [test_accuracy, train_accuracy])
        drawn: list[xr.Dataset] = []
        for index, draw in enumerate(self.draws):
            key = self._key_of(draw)
            if store is not None and key in store:
                drawn.append(store.load(key)["draw"].to_dataset())
                continue
            data = replace(self.task, seed=draw).data()
            found: list[tuple[Any, ...]] = []
            for done, n in enumerate(self.sizes):
                if progress is not None:
                    progress((index + done / len(self.sizes)) / len(self.draws))
                first = repeated(Batch(data.train.x[:n], data.train.y[:n]), max(self.sizes))
                measured = fit(Data(first, data.test), draw)
                found.append(
                    tuple(measured[m.quantity.name] for m in (test_accuracy, train_accuracy))
                )
            columns = zip((ACCURACY, TRAIN_ACCURACY), zip(*found, strict=True), strict=True)
            drawn.append(
                labelled(
                    {quantity: [column] for quantity, column in columns},
                    ("seed",),
                    {"seed": [draw], "samples": list(self.sizes)},
                )
            )
            if store is not None:
                store.save(key, xr.DataTree.from_dict({"draw": drawn[-1]}))
        whole = xr.concat(drawn, "seed", join="exact")
        learned = float(whole[TRAIN_ACCURACY.name].min())
        check = Check(
            "trained to the end",
            "training images are classified right at the end; share that is not, worst of all",
            1.0 - learned,
            0.01,
        )
        return RunResult(xr.Dataset(), whole, (check,), time.perf_counter() - began)

    def _key_of(self, draw: int) -> str:
        return result_key(type(self), self.experiment, self.sizes, draw)
