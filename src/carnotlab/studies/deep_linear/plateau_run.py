"""Training recorded as a walk over the loss landscape: loss, slope and every curvature."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import batch_loss, train_loss
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.statistics import whiteness
from carnotlab.theories.deep_linear.critical_points import (
    hessian_eigenvalues,
    saddle_sequence,
    whitened_modes,
)
from carnotlab.training.train import train

SLOPE = Quantity("gradient_norm", (), "1", "norm of the loss gradient by all weights")
CURVATURES = Quantity(
    "curvatures", ("weight",), "1/flow time", "Hessian eigenvalues by all weights, smallest first"
)
SADDLE_LOSS = Quantity("saddle_loss", ("saddle",), "loss", "loss at each saddle of the sequence")
LEAST_LOSS = Quantity("least_loss", (), "loss", "loss at the global minimum")
SADDLE_CURVATURES = Quantity(
    "saddle_curvatures", ("saddle", "weight"), "1/flow time", "Hessian eigenvalues at each saddle"
)


def _flat_loss(state: State, data: Data) -> tuple[Array, "jax.tree_util.Partial"]:
    flat, restore = ravel_pytree(state.weights)
    return flat, jax.tree_util.Partial(
        lambda vector: batch_loss(state._replace(weights=restore(vector)), data.train)
    )


def _slope(state: State, data: Data) -> Float[Array, ""]:
    flat, loss = _flat_loss(state, data)
    return jnp.linalg.norm(jax.grad(loss)(flat))


def _curvatures(state: State, data: Data) -> Float[Array, " weights"]:
    flat, loss = _flat_loss(state, data)
    return jnp.linalg.eigvalsh(jax.hessian(loss)(flat))


slope = Measure(SLOPE, _slope)
"""Norm of the gradient of the training loss by all stored weights."""

curvatures = Measure(CURVATURES, _curvatures)
"""All eigenvalues of the Hessian of the training loss, for networks of a few hundred weights."""


@dataclass(frozen=True)
class PlateauRun(Computable):
    """An experiment held against the saddles of a deep linear network of its widths.

    ``curved`` records the Hessian as well; without it only where training ends is of interest.
    ``least`` is the loss at the global minimum, where the network is not linear and it is known.
    """

    experiment: Experiment
    seeds: tuple[int, ...]
    curved: bool = True
    least: float | None = None

    @property
    def key(self) -> str:
        """A digest of description, seeds, code, versions and devices."""
        return result_key(type(self), self.experiment, self.seeds, self.curved, self.least)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.experiment.training.precision

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train; the prediction is the sequence of saddles, from the task and the widths alone."""
        del store
        began = time.perf_counter()
        experiment = self.experiment
        measures = (train_loss, *((slope, curvatures) if self.curved else ()))
        observation = train(experiment, measures, self.seeds, progress=progress)
        check = Check(
            "white inputs",
            "all input directions have the same variance, for which curvatures at saddles are "
            "known; distance from it",
            whiteness(experiment.task),
            1e-6,
        )
        prediction = _saddles(experiment)
        least = prediction[SADDLE_LOSS.name].values[-1] if self.least is None else self.least
        prediction[LEAST_LOSS.name] = LEAST_LOSS.label(least)
        return RunResult(prediction, observation, (check,), time.perf_counter() - began)


def _saddles(experiment: Experiment) -> xr.Dataset:
    """Return loss and curvatures at every saddle in order, the last being the global minimum."""
    task = experiment.task
    widths = (task.input_size, *(layer.outputs for layer in experiment.network.maps))
    strengths = np.asarray(whitened_modes(task).strengths).tolist()
    sequence = saddle_sequence(strengths, widths)
    train = task.data().train
    x, y = np.asarray(train.x).reshape(train.size, -1), np.asarray(train.y)
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    floor = 0.5 * float(np.mean(np.sum(residual**2, axis=1)))
    unreached = 0.5 * float(np.sum(np.sort(strengths)[: len(strengths) + 1 - len(sequence)] ** 2))
    losses = [floor + unreached + point.excess for point in sequence]
    values = [hessian_eigenvalues(strengths, point.learned, widths) for point in sequence]
    return labelled({SADDLE_LOSS: losses, SADDLE_CURVATURES: np.stack(values)})


def plateau_times(
    time: Float[np.ndarray, " time"],
    loss: Float[np.ndarray, " time"],
    levels: Sequence[float] | Float[np.ndarray, " levels"],
) -> Int[np.ndarray, " levels"]:
    """Return for each level the record at which the loss falls least there, in relative time.

    Between the records that pass halfway to the neighbouring levels; nothing but the loss is
    used to say when a plateau is, and everything else is read there. -1 where it never comes by.

    >>> loss = np.array([4.0, 4.0, 3.9, 2.0, 1.9, 0.1, 0.0, 0.0])
    >>> plateau_times(np.arange(8.0), loss, (4.0, 2.0, 0.0)).tolist()
    [0, 3, 6]
    """
    middle = 0.5 * (np.asarray(levels)[:-1] + np.asarray(levels)[1:])
    above, below = np.append(np.inf, middle), np.append(middle, -np.inf)
    fall = np.append(-np.diff(loss) / np.diff(time), 0.0)
    fall[-1] = fall[-2]
    found: list[int] = []
    for high, low in zip(above, below, strict=True):
        there = np.flatnonzero(_between(loss, low, high))
        found.append(int(there[np.argmin(np.abs(fall[there]))]) if len(there) else -1)
    return np.array(found)


def _between(
    loss: Float[np.ndarray, " time"], low: float, high: float
) -> Bool[np.ndarray, " time"]:
    return (loss > low) & (loss <= high)
