"""One training at several initial scales, rates and decays, in one compiled program."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr

from carnotlab.core.precision import Precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.schedules import tabulated
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_PREDICTION, TRAIN_LOSS, test_prediction, train_loss
from carnotlab.measures.weights import WEIGHT_NORM_BY_LAYER, weight_norm_by_layer
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.normalization.equivalence_run import FUNCTION_GAP
from carnotlab.studies.normalization.invariance_checks import invariance_checks
from carnotlab.studies.normalization.normalized_networks import (
    Kind,
    small_network,
    without_scale,
)
from carnotlab.tasks.base import Task
from carnotlab.training.train import train_sweep

NORM = Quantity("norm", ("variant",), "1", "norm of all weights without scale")
VARIANT_LOSS = Quantity("variant_loss", ("variant",), "loss", TRAIN_LOSS.meaning)


@dataclass(frozen=True)
class Setting:
    """Factors on weights at the start, rate and decay of maps without scale, and a first buffer.

    ``buffer`` is the first momentum buffer in units of the weights before they are scaled. The head
    keeps rate, decay and start in all settings. ``against`` is the label of the setting that the
    function is held against, the first unless it is given.
    """

    label: str
    scale: float = 1.0
    rate: float = 1.0
    decay: float = 1.0
    buffer: float = 0.0
    against: str | None = None


@dataclass(frozen=True)
class ScaleRun(Computable):
    """Settings of one training, each held against the first by the function that it learns."""

    task: Task
    kind: Kind
    width: int
    settings: tuple[Setting, ...]
    rate: float
    decay: float
    momentum: float
    steps: int
    seeds: tuple[int, ...]
    batch: int = 16
    records: int = 41
    pool: int = 1
    numbers: Precision = "float64"

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("initial scale", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.numbers

    def experiment(self, setting: Setting) -> Experiment:
        """Return the description of one setting: the start is scaled in front of the first step."""
        members = max(self.seeds) + 1
        network = small_network(self.kind, self.task, self.width, members, pool=self.pool)
        free = np.array(without_scale(network))
        ones = np.ones((self.steps, len(free)))
        first = ones.copy()
        first[0] = np.where(free, setting.scale, 1.0)
        table = tabulated(
            np.where(free, setting.rate, 1.0) * ones,
            first,
            ones,
            np.where(free, setting.buffer, 0.0),
        )
        training = Training(
            GradientDescent(self.rate, self.momentum),
            self.steps,
            Minibatch(self.batch),
            CrossEntropy(),
            table,
            tuple(self.decay * (setting.decay if each else 1.0) for each in free),
            record=Evenly(self.records),
            precision=self.numbers,
        )
        return Experiment(self.task, network, training)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all settings on the same batches and compare their outputs."""
        del store
        began = time.perf_counter()
        experiments = {each.label: self.experiment(each) for each in self.settings}
        measures = [test_prediction, train_loss, weight_norm_by_layer]
        seen = train_sweep(experiments, measures, self.seeds, progress=progress)
        first = experiments[self.settings[0].label]
        outputs = seen[TEST_PREDICTION.name]
        labels = [each.label for each in self.settings]
        others = outputs.sel(setting=[each.against or labels[0] for each in self.settings])
        apart = abs(outputs - others.values).max(("test_sample", "output"), skipna=False)
        norms = seen[WEIGHT_NORM_BY_LAYER.name].values[..., :-1]
        found = {
            FUNCTION_GAP: apart.values,
            VARIANT_LOSS: seen[TRAIN_LOSS.name].values,
            NORM: np.sqrt(np.sum(norms**2, axis=-1)),
        }
        observation = labelled(
            {quantity: np.moveaxis(each, 0, -1) for quantity, each in found.items()},
            ("seed", "time"),
            {"time": seen["time"], "seed": seen["seed"], "variant": labels},
        )
        return RunResult(
            self._predicted(observation),
            observation,
            invariance_checks(first, without_scale(first.network)),
            time.perf_counter() - began,
        )

    def _predicted(self, seen: xr.Dataset) -> xr.Dataset:
        """Predict the norm of every setting from the first: its own times the scale of its start.

        At time zero the start has not been scaled yet.
        """
        own = seen[NORM.name].isel(variant=0).values
        scales = np.array([each.scale for each in self.settings])
        norms = own[..., None] * np.where(seen["time"].values[:, None] > 0, scales, 1.0)
        return labelled({NORM: norms}, ("seed", "time"), seen.coords)
