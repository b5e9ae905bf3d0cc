r"""Modes of a two-layer linear network with a pretrained first layer, in closed form."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.modes import MODE_STRENGTH, mode_strength
from carnotlab.networks.finite import Weights
from carnotlab.tasks.statistics import input_output_modes, input_power_along, mode_alignment
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.deep_linear.modes import learned_strengths
from carnotlab.theories.deep_linear.prior_knowledge import Layers, two_layers
from carnotlab.theories.deep_linear.unbalanced_modes import layer_strengths_at
from carnotlab.theories.regime import plain_learning_rate


@dataclass(frozen=True)
class PretrainedModes(Theory):
    r"""Modes from a first layer that carries them, :math:`\dot u=\sqrt{c^2+4u^2}\,(s-d\,u)`.

    A first layer pretrained to reconstruct its inputs has turned them,
    :math:`W_1^\top W_1 = I` along what it has learned, and the second is still small. Each mode
    with singular vectors :math:`v, u` then starts from :math:`a_0 = |W_1 v| \approx 1` and
    :math:`b_0 = u^\top W_2 W_1 v / a_0`, and grows at the rate :math:`s` at once instead of waiting
    for both layers. The inputs need not be white, as long as the modes are principal directions of
    theirs.

    Gradient descent is predicted as its flow. Predicts ``mode_strength``, ``[seed, time, mode]``.
    Source: saxe2014.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.networks.initialisation import given
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> start = given([np.eye(4), np.full((3, 4), 1e-3)])
    >>> experiment = Experiment(
    ...     LinearMap(4, 3, strengths=(2.0, 1.0)),
    ...     deep_linear(4, (4,), 3, initialisation=start),
    ...     Training(duration=200),
    ... )
    >>> predicted = PretrainedModes().predict(experiment, experiment.start((0,)))
    >>> predicted["mode_strength"].isel(time=-1).values.round(6).tolist()
    [[2.0, 1.0]]
    """

    name: ClassVar[str] = "pretrained_modes"
    claim: ClassVar[str] = "a pretrained first layer is a large unbalanced start with a closed form"
    references: ClassVar[tuple[str, ...]] = ("saxe2014",)
    predicts: ClassVar[tuple[Quantity, ...]] = (MODE_STRENGTH,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict the strength of every mode at the record times.

        Raises:
            OutOfReachError: unless the network is linear with two layers that are both trained,
                by squared error without decay.
            InputError: if the weights at time zero were not given.
        """
        plain_learning_rate(experiment, self.name)
        modes = input_output_modes(experiment.task)
        strengths, times = np.asarray(modes.strengths), experiment.training.flow_times
        power = input_power_along(experiment.task, modes)
        values = [
            layer_strengths_at(times, strengths, *_along_modes(experiment, layers), power).product
            for layers in two_layers(experiment, start)
        ]
        coords = {"time": experiment.training.times, "mode": np.arange(len(strengths))}
        return MODE_STRENGTH.label(np.stack(values), ("seed", "time"), coords).to_dataset()

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of mode strengths along the task's own modes."""
        return (mode_strength(input_output_modes(experiment.task)),)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "inputs share the modes",
            "the input modes are principal directions of the inputs; |Sxx V - V diag| / |Sxx V|",
            0.01,
            lambda experiment, _: mode_alignment(experiment.task),
        ),
        Assumption(
            "modes kept apart",
            "the first layer turns the modes but does not mix them: the part of V'W1'W1V off its "
            "diagonal over the whole",
            0.05,
            lambda experiment, start: float(np.max(_mixing(experiment, start))),
        ),
        Assumption(
            "small second layer",
            "|W2| over the size that it learns",
            0.1,
            lambda experiment, start: float(np.max(_second_layer(experiment, start))),
        ),
        Assumption(
            "small steps",
            "learning rate times the largest curvature of a mode at the start or the solution",
            0.05,
            lambda experiment, start: float(np.max(_step_sizes(experiment, start))),
        ),
    )


def _along_modes(
    experiment: Experiment, layers: Layers
) -> tuple[Float[np.ndarray, " mode"], Float[np.ndarray, " mode"]]:
    """Return the strengths of both layers along each mode, by the hidden direction of the first."""
    modes = input_output_modes(experiment.task)
    left, right = np.asarray(modes.left), np.asarray(modes.right)
    first, second = layers
    hidden = first @ right
    along = np.linalg.norm(hidden, axis=0)
    return along, np.sum(left * (second @ hidden), axis=0) / along


def _mixing(experiment: Experiment, start: Weights) -> list[float]:
    right = np.asarray(input_output_modes(experiment.task).right)
    found: list[float] = []
    for first, _ in two_layers(experiment, start):
        gram = (first @ right).T @ (first @ right)
        off = gram - np.diag(np.diagonal(gram))
        found.append(float(np.linalg.norm(off) / np.linalg.norm(gram)))
    return found


def _second_layer(experiment: Experiment, start: Weights) -> list[float]:
    learned = learned_strengths(experiment)
    found: list[float] = []
    for layers in two_layers(experiment, start):
        first, _ = _along_modes(experiment, layers)
        w = np.hypot(first**2, 2.0 * learned)
        final = np.sqrt((w - first**2) / 2.0)
        found.append(float(np.linalg.norm(layers[1]) / np.linalg.norm(final)))
    return found


def _step_sizes(experiment: Experiment, start: Weights) -> list[float]:
    rate = plain_learning_rate(experiment, PretrainedModes.name)
    power = input_power_along(experiment.task, input_output_modes(experiment.task))
    learned = learned_strengths(experiment)
    found: list[float] = []
    for layers in two_layers(experiment, start):
        first, second = _along_modes(experiment, layers)
        largest = power * np.hypot(first**2 - second**2, 2.0 * learned)
        found.append(rate * float(np.max(largest)))
    return found
