"""One network trained on one set of samples after another, as one compiled program."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.core.keys import key_for
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.networks.finite import Model
from carnotlab.training.batches import require_steps_on_given_samples
from carnotlab.training.descent import descend
from carnotlab.training.recording import recorder
from carnotlab.training.sweep import with_numbers

Values = np.ndarray[Any, Any]


def train_consecutively(
    experiment: Experiment,
    phases: Data,
    measures: Sequence[Measure],
    seeds: Sequence[int] = (0,),
    *,
    rates: Float[np.ndarray, " phase"] | None = None,
) -> dict[str, Values]:
    """Train members on their phases in turn, each phase from the weights of the one before.

    Network and training are those of the experiment, whose duration is that of one phase; its task
    gives the sizes, and the modes of an aligned start. Measures see the samples of their phase.

    Args:
        experiment: The description.
        phases: Samples of every member and phase: arrays ``[seed, phase, n, ...]`` in place of
            the task's own.
        measures: What to record.
        seeds: One member each.
        rates: The learning rate of each phase, if it changes.

    Returns:
        Each measure as ``[seed, phase, time, *its dims]``.

    Raises:
        InputError: for gradient flow, fresh samples, or phases of other sizes than the experiment.

    >>> from carnotlab.core.data import Batch
    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.measures.losses import train_loss
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> training = Training(GradientDescent(0.1), 5, record=At((5,)))
    >>> experiment = Experiment(LinearMap(3, 1, (1.0,)), deep_linear(3, (), 1), training)
    >>> batch = Batch(np.ones((2, 4, 6, 3)), np.ones((2, 4, 6, 1)))
    >>> train_consecutively(experiment, Data(batch, batch), [train_loss], (0, 1))[
    ...     "train_loss"
    ... ].shape
    (2, 4, 1)
    """
    require_steps_on_given_samples(experiment.training)
    shape = list(np.shape(phases.train.x))
    require(
        len(shape) >= 4
        and shape[0] == len(seeds)
        and tuple(shape[3:]) == experiment.task.input_shape,
        f"inputs of shape {shape} for {len(seeds)} members",
        f"[{len(seeds)}, phase, n, {', '.join(str(size) for size in experiment.task.input_shape)}]",
        "stack the samples of each member and phase",
    )
    count = shape[1]
    first = float(experiment.training.rule.learning_rate) if rates is None else 0.0  # pyright: ignore
    every = np.full(count, first) if rates is None else np.asarray(rates)
    require(
        every.shape == (count,), f"{every.shape} rates for {count} phases", "one each", "repeat it"
    )
    kind = experiment.training.precision
    with precision(kind):
        data = jax.tree.map(lambda array: jnp.asarray(array, dtype=kind), phases)
        keys = jnp.stack([key_for(seed, "batches") for seed in seeds])
        program = _program(_at_rate(experiment, 1.0), tuple(measures))
        records = program(
            experiment.start(tuple(seeds)), keys, data, jnp.asarray(every, dtype=kind)
        )
        return {name: np.asarray(values, dtype=np.float64) for name, values in records.items()}


def _at_rate(experiment: Experiment, rate: Any) -> Experiment:
    return with_numbers(experiment, {("training", "rule", "learning_rate"): rate})


@lru_cache(maxsize=8)
def _program(experiment: Experiment, measures: tuple[Measure, ...]) -> Callable[..., Any]:
    measured = recorder(measures, experiment.training.loss)

    def record(model: Model, now: Any, start: Any, data: Data) -> tuple[dict[str, Any], Any]:
        return measured(model, now, start, data), now

    def member(weights: Any, key: Any, data: Data, rates: Any) -> Any:
        def phase(weights: Any, given: tuple[Any, Data, Any]) -> tuple[Any, Any]:
            index, samples, rate = given
            own = jax.random.fold_in(key, index)
            outcome = descend(
                partial(_at_rate, experiment),
                record,
                _lead(weights),
                own[None],
                rate[None],
                samples,
                None,
            )
            seen, after = outcome.records
            return jax.tree.map(lambda leaf: leaf[0, -1], after), jax.tree.map(lambda v: v[0], seen)

        numbers = jnp.arange(rates.shape[0])
        return jax.lax.scan(phase, weights, (numbers, data, rates))[1]

    return jax.jit(jax.vmap(member, in_axes=(0, 0, 0, None)))


def _lead(weights: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[None], weights)
