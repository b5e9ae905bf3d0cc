"""Schedules on a network, with and without noise of batches, each at its best base rate."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr

from carnotlab.core.quantities import Quantity
from carnotlab.experiment.batching import Batching, FullBatch, Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.schedules import tabulated
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_LOSS, train_loss
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.digits import Digits
from carnotlab.theories.quadratic_models.schedules import ScheduleName, schedule
from carnotlab.training.train import train_sweep

LOSS = Quantity("loss_by_rate", ("schedule", "rate"), "loss", "training loss at the end")


@dataclass(frozen=True)
class NetworkScheduleRun(Computable):
    """A small network on digits, some labels wrong, under every schedule at every base rate.

    ``batch`` None is a full batch. ``"1/t"`` turns after a twentieth of training: the least
    curvature that theory would have it turn by is zero here. There is no prediction.
    """

    schedules: tuple[ScheduleName, ...]
    rates: tuple[float, ...]
    batch: int | None
    images: int
    hidden: int
    steps: int
    seeds: tuple[int, ...]
    label_noise: float = 0.4

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("schedules on a network", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all as one program."""
        del store
        began = time.perf_counter()
        task = Digits(
            self.images, 10, standardise="per feature", centre_targets=True,
            label_noise=self.label_noise,
        )  # fmt: skip
        network = mlp(
            64, (self.hidden,), 10, activation=Tanh(), weight_variance=1.0, bias_variance=0.0,
            parameterization=Standard(),
        )  # fmt: skip
        batching: Batching = FullBatch() if self.batch is None else Minibatch(self.batch, True)
        experiments = {
            f"{name} {rate:g}": Experiment(
                task,
                network,
                Training(
                    GradientDescent(rate),
                    self.steps,
                    batching,
                    schedule=tabulated(schedule(name, self.steps, self.steps / 20.0)),
                    record=At((float(self.steps),)),
                ),
            )
            for name in self.schedules
            for rate in self.rates
        }
        seen = train_sweep(experiments, (train_loss,), self.seeds, progress=progress)
        values = np.asarray(seen[TRAIN_LOSS.name].values, dtype=np.float64)[:, :, 0]
        shape = (len(self.schedules), len(self.rates), len(self.seeds))
        losses = np.moveaxis(values.reshape(shape), -1, 0)
        coords = {"schedule": list(self.schedules), "rate": list(self.rates)}
        observation = LOSS.label(losses, ("seed",), coords).to_dataset()
        return RunResult(xr.Dataset(), observation, (), time.perf_counter() - began)
