r"""Deep linear networks learn the modes of the input–output correlation one by one, exactly."""

import itertools
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
from carnotlab.networks.initialisation import Aligned
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.tasks.statistics import input_output_modes, input_power_along, mode_alignment
from carnotlab.theories.base import Theory, TheoryAssumption, require_start
from carnotlab.theories.deep_linear.factors import end_to_end, starting_factors
from carnotlab.theories.deep_linear.mode_dynamics import Values, strength_at
from carnotlab.theories.regime import plain_learning_rate


@dataclass(frozen=True)
class DeepLinearModes(Theory):
    r"""Each mode of :math:`\Sigma_{yx}=USV^\top` follows :math:`\dot u = D u^{2-2/D}(s - d u)`.

    :math:`D` weight layers, :math:`d = v^\top\Sigma_{xx}v` (1 for whitened inputs), flow time.
    Discrete gradient descent is predicted to second order in the learning rate. The starting
    strengths come from the description where the start is aligned, else from the weights at time
    zero: :math:`|W_1 v + W_2^\top u|^2/4` at depth 2, the growing part of a random start;
    :math:`u^\top W v` otherwise (its size, beyond depth 1).

    Predicts ``mode_strength`` with dimensions ``[time, mode]``, or ``[seed, time, mode]`` where
    it depends on the start. Source: saxe2014.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> experiment = Experiment(
    ...     LinearMap(4, 3, strengths=(2.0, 1.0)),
    ...     deep_linear(4, (5,), 3, initialisation=Aligned(0.01)),
    ...     Training(duration=1000),
    ... )
    >>> DeepLinearModes().predict(experiment)["mode_strength"].isel(time=-1).values.round(6)
    array([2., 1.])
    """

    name: ClassVar[str] = "deep_linear_modes"
    claim: ClassVar[str] = "every mode of a deep linear network has an exact course of its own"
    references: ClassVar[tuple[str, ...]] = ("saxe2014", "saxe2019")
    predicts: ClassVar[tuple[Quantity, ...]] = (MODE_STRENGTH,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict the strength of every mode at the record times.

        Raises:
            OutOfReachError: for a nonlinear network, another loss or rule, or weight decay.
            InputError: if the start is random and its weights were not given.
        """
        refuse_nonlinear(experiment.network)
        rate = plain_learning_rate(experiment, self.name)
        modes = input_output_modes(experiment.task)
        power = input_power_along(experiment.task, modes)
        times = experiment.training.flow_times
        depth = experiment.network.depth

        def course(start: Values) -> Values:
            return strength_at(times, depth, np.asarray(modes.strengths), start, power, rate)

        coords = {
            "time": experiment.training.times,
            "mode": np.arange(len(modes.strengths)),
        }
        match experiment.network.initialisation:
            case Aligned(strength):
                values = course(np.full(len(modes.strengths), strength))
                labelled = MODE_STRENGTH.label(values, ("time",), coords)
            case _:
                weights = require_start(start, "a random start without its weights")
                values = np.stack([course(one) for one in starting_strengths(experiment, weights)])
                labelled = MODE_STRENGTH.label(values, ("seed", "time"), coords)
        return labelled.to_dataset()

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of mode strengths along the task's own modes."""
        return (mode_strength(input_output_modes(experiment.task)),)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "inputs share the modes",
            "the input modes are principal directions of the inputs (whitened inputs always are); "
            "|Sxx V - V diag| / |Sxx V|",
            0.01,
            lambda experiment, _: mode_alignment(experiment.task),
        ),
        Assumption(
            "start within the modes",
            "the start couples no two modes; its part off the modes, over the learned map at depth "
            "2 (a small start grows linearly, so modes do not mix) and over the start itself "
            "beyond; 0 at depth 1, where modes never mix",
            0.01,
            lambda experiment, start: _worst(_off_modes(experiment, start)),
        ),
        Assumption(
            "balanced start",
            "W'W of each layer equals WW' of the one before; the difference over the learned layer",
            0.05,
            lambda experiment, start: _worst(_imbalance(experiment, start)),
        ),
        Assumption(
            "small steps",
            "learning rate times the largest curvature D d (s/d)^(2-2/D) at the solution",
            0.2,
            lambda experiment, _: _step_size(experiment),
        ),
    )


def starting_strengths(experiment: Experiment, start: Weights) -> Float[np.ndarray, "seed mode"]:
    """Return the strength from which each mode of each seed is taken to grow."""
    modes = input_output_modes(experiment.task)
    left, right = np.asarray(modes.left), np.asarray(modes.right)
    strengths: list[Values] = []
    for factors in starting_factors(experiment, start):
        if len(factors) == 2:
            first, second = factors
            strengths.append(np.sum((first @ right + second.T @ left) ** 2, axis=0) / 4.0)
        else:
            along = np.sum(left * (end_to_end(factors) @ right), axis=0)
            strengths.append(along if len(factors) == 1 else np.abs(along))
    return np.stack(strengths)


def learned_strengths(experiment: Experiment) -> Float[np.ndarray, " mode"]:
    """Return S/d, the strengths at the end of learning."""
    modes = input_output_modes(experiment.task)
    return np.asarray(modes.strengths) / input_power_along(experiment.task, modes)


def _off_modes(experiment: Experiment, start: Weights) -> list[float]:
    if experiment.network.depth == 1:
        return [0.0]
    modes = input_output_modes(experiment.task)
    left, right = np.asarray(modes.left), np.asarray(modes.right)
    values: list[float] = []
    for factors in starting_factors(experiment, start):
        whole = end_to_end(factors)
        within = (left * np.sum(left * (whole @ right), axis=0)) @ right.T
        scale = learned_strengths(experiment) if len(factors) == 2 else whole
        values.append(float(np.linalg.norm(whole - within) / np.linalg.norm(scale)))
    return values


def _imbalance(experiment: Experiment, start: Weights) -> list[float]:
    layer = learned_strengths(experiment) ** (2.0 / experiment.network.depth)
    return [
        max(
            (
                float(np.linalg.norm(after.T @ after - before @ before.T))
                for before, after in itertools.pairwise(factors)
            ),
            default=0.0,
        )
        / float(np.linalg.norm(layer))
        for factors in starting_factors(experiment, start)
    ]


def _step_size(experiment: Experiment) -> float:
    rate = plain_learning_rate(experiment, DeepLinearModes.name)
    modes = input_output_modes(experiment.task)
    power, depth = input_power_along(experiment.task, modes), experiment.network.depth
    curvature = depth * power * learned_strengths(experiment) ** (2.0 - 2.0 / depth)
    return rate * float(np.max(curvature))


def _worst(values: list[float]) -> float:
    return float(np.max(values))  # unlike max(), never loses a nan
