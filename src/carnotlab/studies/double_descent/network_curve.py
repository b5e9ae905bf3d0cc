"""Networks of growing width, or on growing samples, trained on images with wrong labels."""

import time
from dataclasses import dataclass, field, replace
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Batch, Data
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, Loss
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import accuracy, predictions, train_accuracy
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.studies.double_descent.curves import (
    BASELINE,
    CHOSEN_ERROR,
    TEST_ERROR,
    TRAIN_ERROR,
    baselines,
    by_size,
    with_wrong_labels,
)
from carnotlab.tasks.cifar10 import ImageSubset
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.splitting import validation_and_test
from carnotlab.training.width_sweep import train_widths

COURSE = Quantity(
    "test_error_over_time", ("size", "step"), "1", "share of new samples classified wrongly"
)

VALIDATION_ERROR = Quantity(
    "validation_error", ("size",), "1", "share of validation samples classified wrongly at the end"
)


def _held_out_error(state: State, batch: Batch) -> Float[Array, ""]:
    return 1.0 - accuracy(predictions(state, batch), jnp.asarray(batch.y), 0.5)


def _validation_error(state: State, data: Data) -> Float[Array, ""]:
    return _held_out_error(state, validation_and_test(data.test)[0])


def _test_error(state: State, data: Data) -> Float[Array, ""]:
    return _held_out_error(state, validation_and_test(data.test)[1])


VALIDATION = Measure(
    Quantity("validation_wrong", (), "fraction", "wrong among the first half held out"),
    _validation_error,
)
TEST = Measure(
    Quantity("test_wrong", (), "fraction", "wrong among the second half held out"),
    _test_error,
)


@dataclass(frozen=True)
class NetworkCurve(Computable):
    """One hidden layer of rectifiers by width, or by number of samples, at the end and over time.

    A seed draws images, wrong labels (a share ``label_noise``) and weights. ``axis`` says what
    ``sizes`` are: units, the samples those of ``task``; or samples, the units ``width``. Adam on
    the ``loss`` of full batches at ``rate``, the cross-entropy unless given. The regularized error
    is that at the step at which validation samples, as noisy as those of training, have the least
    error. Test labels are clean. ``decay`` is weight decay.
    """

    task: Digits | ImageSubset
    axis: Literal["width", "samples"]
    sizes: tuple[int, ...]
    seeds: int
    label_noise: float = 0.2
    width: int = 16
    steps: int = 4000
    rate: float = 4e-3
    decay: float = 0.0
    records: int = 24
    growth: int = 2
    loss: Loss = field(default_factory=CrossEntropy)

    @property
    def key(self) -> str:
        """A digest of the description, code, versions and devices."""
        return result_key("network by size", self)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return "float32"

    @property
    def training(self) -> Training:
        """How each network is trained, recorded at steps that grow geometrically."""
        return Training(
            Adam(self.rate),
            self.steps,
            loss=self.loss,
            weight_decay=self.decay,
            record=Logarithmically(self.records, first=4.0),
        )

    def draw(self, seed: int) -> Data:
        """Return a seed's images, with wrong labels among those trained on and validated on."""
        return with_wrong_labels(replace(self.task, seed=seed).data(), self.label_noise, seed)

    def experiment(self, width: int) -> Experiment:
        """Return the description of one width."""
        network = mlp(
            self.task.input_size,
            (width,),
            self.task.output_size,
            bias_variance=0.01,
            parameterization=Standard(),
        )
        return Experiment(self.task, network, self.training)

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train all sizes and seeds together."""
        del store
        began = time.perf_counter()
        by_width = self.axis == "width"
        labels = [str(size) for size in self.sizes]
        widths = self.sizes if by_width else (self.width,) * len(self.sizes)
        found = train_widths(
            {label: self.experiment(w) for label, w in zip(labels, widths, strict=True)},
            (train_accuracy, VALIDATION, TEST),
            range(self.seeds),
            samples=None if by_width else dict(zip(labels, self.sizes, strict=True)),
            draw=self.draw,
            growth=self.growth,
            progress=progress,
        ).transpose("seed", "setting", "time", ...)
        course = np.asarray(found[TEST.quantity.name].values)
        validation = np.asarray(found[VALIDATION.quantity.name].values)
        chosen = validation.argmin(axis=-1)
        stopped = np.take_along_axis(course, chosen[..., None], axis=-1)[..., 0]
        linear = np.stack([baselines(self.draw(seed)) for seed in range(self.seeds)])
        observation = by_size(
            self.sizes,
            {
                TEST_ERROR: course[..., -1],
                TRAIN_ERROR: 1.0 - np.asarray(found["train_accuracy"].values)[..., -1],
                CHOSEN_ERROR: stopped,
                VALIDATION_ERROR: validation[..., -1],
                BASELINE: linear,
                COURSE: course,
            },
        ).assign_coords(step=found["time"].values)
        lost = float((found["diverged_at"].values >= 0).mean())
        check = Check("finite", "training does not diverge; share of networks that do", lost, 0.0)
        return RunResult(observation[[]], observation, (check,), time.perf_counter() - began)
