"""A nonlinear network on digits, some wrongly labelled: which labels does it learn first?"""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.estimators.linear_baseline import linear_baselines
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_PREDICTION, test_accuracy, train_prediction
from carnotlab.networks.architectures import mlp
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.digits import Digits
from carnotlab.training.train import train

RIGHT = Quantity("right_labels_learned", (), "fraction", "right labels that the network repeats")
WRONG = Quantity("wrong_labels_learned", (), "fraction", "wrong labels that the network repeats")
ACCURACY = Quantity("held_out_accuracy", (), "fraction", "held-out digits classified right")
BASELINE = "linear_baseline"
"""Variable that holds the held-out accuracy of regularized logistic regression."""


@dataclass(frozen=True)
class NoisyLabelsRun(Computable):
    """A rectifier network on digits, a share ``noise`` of whose training labels is wrong."""

    samples: int = 400
    noise: float = 0.3
    width: int = 256
    steps: int = 400
    rate: float = 3e-3
    seeds: int = 6

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("noisy labels", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all members; nothing is predicted but the order."""
        del store
        began = time.perf_counter()
        task = Digits(self.samples, 800, label_noise=self.noise, standardise="unit range")
        clean = Digits(self.samples, 800, standardise="unit range")
        experiment = Experiment(
            task,
            mlp(64, (self.width,), 10),
            Training(Adam(self.rate), self.steps, loss=CrossEntropy(), record=Logarithmically(40)),
        )
        measures = (train_prediction, test_accuracy)
        seen = train(experiment, measures, tuple(range(self.seeds)), progress=progress)
        shown = np.argmax(task.data().train.y, axis=1)
        true = np.argmax(clean.data().train.y, axis=1)
        hits = np.argmax(seen[TRAIN_PREDICTION.name].values, axis=-1) == shown
        right = shown == true
        observation = labelled(
            {
                RIGHT: hits[:, :, right].mean(axis=-1),
                WRONG: hits[:, :, ~right].mean(axis=-1),
                ACCURACY: seen["test_accuracy"].values,
            },
            ("seed", "time"),
            {"time": seen["time"].values, "seed": list(range(self.seeds))},
        )
        if self.noise < 0.5:
            logistic = linear_baselines(task.data(), is_classification=True)[-1]
            observation[BASELINE] = 1.0 - logistic.test_error
        left = 1.0 - float(hits[:, -1].mean())
        checks = (
            Check(
                "labels learned", "share of all training labels not repeated at the end", left, 0.05
            ),
        )
        return RunResult(xr.Dataset(), observation, checks, time.perf_counter() - began)
