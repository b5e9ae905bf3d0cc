"""One experiment trained on several samples of its data, by one compiled program."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import require
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.training.batches import require_steps_on_given_samples
from carnotlab.training.descent import descend
from carnotlab.training.recording import recorder

Trainer = Callable[[Data, int], dict[str, np.ndarray[Any, Any]]]


def trainer(experiment: Experiment, measures: Sequence[Measure]) -> Trainer:
    """Return a function of data and seed that trains the experiment on them.

    The function takes data of the same shapes each time, in place of the task's own, and a seed
    for weights and batches. It returns each measure at the end of training. It is compiled when
    first called, and not again for other data or seeds.

    Raises:
        InputError: for gradient flow, which has no steps, and `Online` samples, not of the data.

    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.measures.losses import train_loss
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> task = GaussianRegression(3, samples=5)
    >>> training = Training(GradientDescent(0.1), 4, record=At((4,)))
    >>> fit = trainer(Experiment(task, mlp(3, (4,), 1), training), [train_loss])
    >>> fit(task.data(), 0)["train_loss"].shape
    ()
    """
    require_steps_on_given_samples(experiment.training)
    kind = experiment.training.precision

    record = recorder(measures, experiment.training.loss)

    @jax.jit
    def program(weights: Any, key: Any, data: Data) -> Any:
        return descend(lambda _: experiment, record, weights, key[None], (), data, None).records

    def fit(data: Data, seed: int) -> dict[str, np.ndarray[Any, Any]]:
        with precision(kind):
            cast = jax.tree.map(lambda array: jnp.asarray(array, dtype=kind), data)
            records = program(experiment.start((seed,)), key_for(seed, "batches"), cast)
            return {name: np.asarray(values)[0, -1] for name, values in records.items()}

    return fit


def repeated(batch: Batch, size: int) -> Batch:
    """Return a batch repeated as a whole until it has ``size`` samples, for equal shapes.

    Mean losses and gradients over it are those of the batch itself.

    Raises:
        InputError: if ``size`` is no multiple of its samples.

    >>> repeated(Batch(np.eye(2), np.eye(2)), 4).x.shape
    (4, 2)
    """
    require(
        size % batch.size == 0 and size > 0,
        f"{batch.size} samples repeated to {size}",
        "a multiple of the samples",
        "use sizes that divide the largest",
    )
    times = size // batch.size
    return Batch(*(np.concatenate([np.asarray(part)] * times) for part in batch))
