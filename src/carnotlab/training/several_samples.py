"""One experiment trained on several samples of its data, by one compiled program."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import require
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.experiment.batching import Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import loss_function
from carnotlab.experiment.schedules import rate_factor
from carnotlab.measures.base import Measure, State
from carnotlab.networks.layers import has_noise
from carnotlab.training.batches import batches
from carnotlab.training.objective import loss_and_gradient, scale_layers
from carnotlab.training.optimizers import optimizer

Trainer = Callable[[Data, int], dict[str, np.ndarray[Any, Any]]]


def trainer(experiment: Experiment, measures: Sequence[Measure], seeds: Sequence[int]) -> Trainer:
    """Return a function of data and seed that trains the experiment on them.

    The function takes data of the same shapes each time, in place of the task's own, and one of
    ``seeds`` for weights and batches. It returns each measure at the end of training. It is
    compiled when first called, and not again for other data or seeds.

    Raises:
        InputError: for gradient flow, early stopping, `Online` samples or `Dropout`.

    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.measures.losses import train_loss
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> task = GaussianRegression(3, samples=5)
    >>> training = Training(GradientDescent(0.1), 4, record=At((4,)))
    >>> fit = trainer(Experiment(task, mlp(3, (4,), 1), training), [train_loss], (0,))
    >>> fit(task.data(), 0)["train_loss"].shape
    ()
    """
    refused = {
        "gradient flow": experiment.training.is_flow,
        "early stopping": experiment.training.early_stopping is not None,
        "fresh samples": isinstance(experiment.training.batching, Online),
        "Dropout": has_noise(experiment.network.layers),
    }
    for given, found in refused.items():
        require(not found, given, "a rule with steps on given samples, without it", "use train()")
    training, model = experiment.training, experiment.model
    loss = loss_function(training.loss)
    steps = int(training.duration)
    member = {seed: index for index, seed in enumerate(seeds)}
    gradient: Any = loss_and_gradient(model, training)
    rule: Any = optimizer(training.rule)

    # A loop inside the program would be the usual way, but in loops XLA computes convolutions on
    # processors by another path, which was measured to be 80 times slower.
    @jax.jit
    def step(now: Any, order: Any, key: Any, index: Any, start: Any, train: Batch) -> Any:
        weights, memory = now
        drawing = batches(training.batching, experiment.task, train.size)
        order, batch = drawing.draw(order, key, index, train)
        _, slope = gradient(weights, start, batch)
        updates, memory = rule.update(slope, memory, weights)
        factor = rate_factor(training.schedule, index, steps)
        moved = optax.apply_updates(weights, scale_layers(model, training, updates, factor))
        return (moved, memory), order

    @jax.jit
    def record(now: Any, start: Any, data: Data) -> dict[str, Any]:
        state = State(model, now, start, loss)
        return {measure.quantity.name: measure.fn(state, data) for measure in measures}

    def fit(data: Data, seed: int) -> dict[str, np.ndarray[Any, Any]]:
        with precision(training.precision):
            cast = jax.tree.map(lambda array: jnp.asarray(array, dtype=training.precision), data)
            start = jax.tree.map(lambda leaf: leaf[member[seed]], experiment.start(tuple(seeds)))
            key = key_for(seed, "batches")
            order = batches(training.batching, experiment.task, data.train.size).begin(key)
            now = start, rule.init(start)
            for index in range(steps):
                now, order = step(now, order, key, jnp.int32(index), start, cast.train)
            return {name: np.asarray(v) for name, v in record(now[0], start, cast).items()}

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
