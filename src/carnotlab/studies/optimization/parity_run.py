"""Networks that learn a product of bits, from fair bits or over bits that lose their bias."""

import time
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_ACCURACY, TRAIN_ACCURACY, test_accuracy, train_accuracy
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.parity import Parity
from carnotlab.training.consecutive import train_consecutively

WRONG = Quantity("wrong", ("phase",), "fraction", "fair held-out bits classified wrong, by phase")
WRONG_SHOWN = Quantity("wrong_shown", ("phase",), "fraction", "samples of the phase wrong")


@dataclass(frozen=True)
class ParityRun(Computable):
    """A rectifier network of one hidden layer on products of ``members`` of the bits.

    Each phase has ``samples`` fresh samples of its bias and as many steps of 32 samples as every
    other. There is no prediction.
    """

    bits: int
    members: int
    biases: tuple[float, ...]
    width: int
    samples: int
    steps: int
    seeds: tuple[int, ...]
    rate: float = 0.05

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("parity", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all members through all phases as one program."""
        del store, progress
        began = time.perf_counter()
        task = Parity(self.bits, self.members, self.samples, held_out=500)
        drawn = [
            [
                replace(task, bias=bias, seed=1000 * seed + phase).data()
                for phase, bias in enumerate(self.biases)
            ]
            for seed in self.seeds
        ]
        parts = [
            [np.stack([[getattr(getattr(each, part), name) for each in row] for row in drawn])
             for name in ("x", "y")]
            for part in ("train", "test")
        ]  # fmt: skip
        training = Training(
            GradientDescent(self.rate), self.steps, Minibatch(32), record=At((float(self.steps),))
        )
        network = mlp(self.bits, (self.width,), 1, bias_variance=0.1, parameterization=Standard())
        seen = train_consecutively(
            Experiment(task, network, training),
            Data(*(Batch(*part) for part in parts)),
            (test_accuracy, train_accuracy),
            self.seeds,
        )
        wrong, shown = (1.0 - seen[each.name][:, :, 0] for each in (TEST_ACCURACY, TRAIN_ACCURACY))
        observation = labelled({WRONG: wrong, WRONG_SHOWN: shown}, ("seed",))
        return RunResult(xr.Dataset(), observation, (), time.perf_counter() - began)
