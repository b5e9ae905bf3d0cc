"""Networks at batches of several sizes, with rates in proportion to them."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr

from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.gradient_noise import NOISE_SCALE, gradient_noise_scale
from carnotlab.measures.losses import TRAIN_LOSS, train_loss
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.optimization.edge_run import digits_task, smooth_network
from carnotlab.training.train import train

LOSS = Quantity("loss_by_batch", ("batch",), "loss", "training loss behind the same samples")
SCALES = Quantity("noise_scale_over_time", ("moment",), "1", "noise scale at first and at the end")


@dataclass(frozen=True)
class LinearScalingRun(Computable):
    """A network on digits that sees ``samples`` images in all, at ``rate`` times the batch.

    There is no prediction but that all batches end at one loss, the first's. The noise scale is
    that of the first batch size.
    """

    batches: tuple[int, ...]
    rate: float
    images: int
    samples: int
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("linear scaling", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train at each batch size."""
        del store, progress
        began = time.perf_counter()
        losses = np.empty((len(self.seeds), len(self.batches)))
        scales: np.ndarray | None = None
        for place, size in enumerate(self.batches):
            steps = self.samples // size
            training = Training(
                GradientDescent(self.rate * size),
                steps,
                Minibatch(size, True),
                record=At((0.0, float(steps))),
            )
            experiment = Experiment(digits_task(self.images), smooth_network(), training)
            also = (gradient_noise_scale,) if place == 0 else ()
            seen = train(experiment, (train_loss, *also), self.seeds)
            losses[:, place] = seen[TRAIN_LOSS.name].values[:, 1]
            if place == 0:
                scales = seen[NOISE_SCALE.name].values
        coords = {"batch": np.array(self.batches, dtype=float)}
        observation = labelled({LOSS: losses, SCALES: scales}, ("seed",), coords)
        return RunResult(xr.Dataset(), observation, (), time.perf_counter() - began)
