r"""Two-layer networks with an activation follow a linear course until their units feel its bend.

From a small start the hidden units act as linear ones with a gain g, so that the strength of a
mode grows by :math:`\dot u = 2 g\,u (s - d u)`. For an activation that is smooth at 0 the gain is
its slope there. Of rectifiers each unit passes half of the inputs, whatever its weights, if x and
-x are equally likely: g = 1/2, with nothing small about it but the loss.

**Departure of tanh.** Along the growing direction :math:`\xi` of the hidden units (of length one)
the pre-activations are :math:`h_i = a\,\xi_i z`, z the input along the mode, and
:math:`a^2 = u`. To first order in :math:`a^2` the mode is passed on with
:math:`1 - \kappa u`, :math:`\kappa = \frac{\langle z^4\rangle}{3\langle z^2\rangle}\sum_i\xi_i^4`;
the first layer learns with :math:`1 - 3\kappa u`, the second with :math:`1 - \kappa u`. Summed over
the growth so far,

.. math:: \ln\frac{u}{u_{\mathrm{linear}}} = -3\,\kappa\,u .

For Gaussian z and h of mean square q the three is that of :math:`\langle h^4\rangle = 3 q^2`: the
deviation is three times the mean square pre-activation, weighted by the part a unit has.

**Departure of rectifiers.** Units with :math:`\xi_i > 0` learn where z > 0, the others where z < 0,
as two linear networks of their own. Until one of them saturates their mean is a linear course, and
:math:`\ln(u/u_{\mathrm{linear}}) = -\mu^2 u/s` with :math:`\mu = \sum_i \xi_i|\xi_i|`: wide layers,
of which :math:`\mu^2 \approx 3/N`, do not depart at all. Source: saxe2014, for the linear course.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.errors import OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.modes import MODE_STRENGTH, mode_strength_on_data
from carnotlab.networks.activations import Linear, Relu, Tanh
from carnotlab.networks.finite import Weights
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import Standard
from carnotlab.tasks.statistics import (
    flattened,
    input_output_modes,
    input_power_along,
    mode_alignment,
)
from carnotlab.theories.base import Theory, TheoryAssumption, require_start
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.regime import plain_learning_rate

DEPARTURE_STRENGTH = Quantity(
    "departure_strength",
    (),
    "1",
    "strength of the first mode at which the network leaves the linear course by 5 %",
)
DEPARTED = 0.05
"""Relative deviation from the linear course that counts as departure."""

Layers = list[tuple[Float[np.ndarray, "hidden in"], Float[np.ndarray, "out hidden"]]]


@dataclass(frozen=True)
class EarlyLinearCourse(Theory):
    """Predicts mode strengths of a two-layer tanh or rectifier network by the linear course.

    ``gain`` replaces the activation's own, to be shown wrong. The predicted course is linear
    throughout; the coordinate ``departure_strength: [seed]`` says up to where it is meant,
    infinite if to its end. Predicts ``mode_strength: [seed, time, mode]``. Source: saxe2014.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.networks.initialisation import Gaussian
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> network = mlp(3, (8,), 2, activation=Tanh(), weight_variance=1.0,
    ...               parameterization=Standard(), initialisation=Gaussian(0.01))
    >>> experiment = Experiment(LinearMap(3, 2, (2.0,)), network, Training())
    >>> found = EarlyLinearCourse().predict(experiment, experiment.start((0, 1)))
    >>> found["mode_strength"].shape[0], bool((found["departure_strength"] < 0.5).all())
    (2, True)
    """

    gain: float | None = None

    name: ClassVar[str] = "early_linear_course"
    claim: ClassVar[str] = "from a small start a network learns as a linear one until units bend"
    references: ClassVar[tuple[str, ...]] = ("saxe2014",)
    predicts: ClassVar[tuple[Quantity, ...]] = (MODE_STRENGTH,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict at the record times, for each seed of ``start``.

        Raises:
            InputError: if the weights at time zero were not given.
            OutOfReachError: for other networks than dense, activation, dense without biases in the
                standard parameterization, another loss or rule, or weight decay.
        """
        gain = linear_gain(experiment) if self.gain is None else self.gain
        rate = plain_learning_rate(experiment, self.name)
        modes = input_output_modes(experiment.task)
        layers = _layers(experiment, start)
        power = input_power_along(experiment.task, modes)
        times = gain * experiment.training.flow_times
        correlation = np.asarray(modes.strengths)
        courses = [
            strength_at(
                times,
                2,
                correlation,
                gain * np.sum(directions**2, axis=0) / 4.0,
                power,
                gain * rate,
            )
            for directions in _growing(experiment, layers)
        ]
        coords = {"time": experiment.training.times, "mode": np.arange(len(correlation))}
        departure = DEPARTURE_STRENGTH.label(departure_strengths(experiment, layers), ("seed",))
        labelled = MODE_STRENGTH.label(np.stack(courses), ("seed", "time"), coords)
        return labelled.to_dataset().assign_coords({DEPARTURE_STRENGTH.name: departure})

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of the linear part of outputs along the task's modes."""
        return (mode_strength_on_data(input_output_modes(experiment.task)),)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "inputs share the modes",
            "the input modes are principal directions of the inputs; |Sxx V - V diag| / |Sxx V|",
            0.01,
            lambda experiment, _: mode_alignment(experiment.task),
        ),
        Assumption(
            "small start",
            "the part of the first mode's end that is there at the start, which is also the part "
            "of the bend that is felt from the first step",
            0.01,
            lambda experiment, start: _started(experiment, start),
        ),
        Assumption(
            "inputs of both signs",
            "x and -x are equally likely: |mean input| over the root mean square input",
            0.05,
            lambda experiment, _: _lopsided(experiment),
        ),
    )


def linear_gain(experiment: Experiment) -> float:
    """Return the gain of the hidden units that a small start sees.

    Raises:
        OutOfReachError: for other networks than the theory is for.
    """
    network = experiment.network
    match network.layers:
        case (Dense(bias_variance=None), activation, Dense(bias_variance=None)):
            pass
        case _:
            raise OutOfReachError(
                f"{len(network.layers)} layers in the early linear course",
                "a dense layer, an activation and a dense layer, without biases",
                "use mlp(inputs, (units,), outputs)",
            )
    if not isinstance(network.parameterization, Standard):
        raise OutOfReachError(
            f"{type(network.parameterization).__name__} in the early linear course",
            "the standard parameterization",
            "use parameterization=Standard()",
        )
    match activation:
        case Tanh() | Linear():
            return 1.0
        case Relu():
            return 0.5
        case _:
            raise OutOfReachError(
                f"{type(activation).__name__} in the early linear course",
                "Tanh() or Relu()",
                "use one of them",
            )


def departure_strengths(experiment: Experiment, layers: Layers) -> Float[np.ndarray, " seed"]:
    r"""Return the strength of the first mode at which the linear course is left by 5 %.

    :math:`0.05/3\kappa` for tanh, :math:`0.05\,s/\mu^2` for rectifiers; infinite where that is
    beyond what the mode ends at. Of first order in both: right while it is far below that.
    """
    modes = input_output_modes(experiment.task)
    z = flattened(experiment.task)[0] @ np.asarray(modes.right)[:, 0]
    square = float(np.mean(z**2))
    end = float(np.asarray(modes.strengths)[0]) / square
    found: list[float] = []
    for directions in _growing(experiment, layers):
        xi = directions[:, 0] / np.linalg.norm(directions[:, 0])
        if linear_gain(experiment) == 1.0:
            bend = 0.0
            if isinstance(experiment.network.layers[1], Tanh):
                bend = 3.0 * float(np.mean(z**4)) / (3.0 * square) * float(np.sum(xi**4))
        else:
            bend = float(np.sum(xi * np.abs(xi))) ** 2 / end
        strength = DEPARTED / bend if bend > 0.0 else np.inf
        found.append(strength if strength < end else np.inf)
    return np.array(found)


def _layers(experiment: Experiment, start: Weights | None) -> Layers:
    given = require_start(start, "a random start without its weights")
    linear_gain(experiment)
    with precision("float64"):
        first, second = jax.vmap(experiment.model.effective)(given)
    pairs = zip(np.asarray(first, np.float64), np.asarray(second, np.float64), strict=True)
    return list(pairs)


def _growing(experiment: Experiment, layers: Layers) -> list[Float[np.ndarray, "hidden mode"]]:
    """Return, for each seed, the hidden direction along which each mode grows."""
    modes = input_output_modes(experiment.task)
    left, right = np.asarray(modes.left), np.asarray(modes.right)
    return [first @ right + second.T @ left for first, second in layers]


def _started(experiment: Experiment, start: Weights) -> float:
    modes = input_output_modes(experiment.task)
    z = flattened(experiment.task)[0] @ np.asarray(modes.right)[:, 0]
    end = float(np.asarray(modes.strengths)[0]) / float(np.mean(z**2))
    grown = _growing(experiment, _layers(experiment, start))
    return float(np.max([np.sum(each[:, 0] ** 2) / 4.0 / end for each in grown]))


def _lopsided(experiment: Experiment) -> float:
    x = flattened(experiment.task)[0]
    return float(np.linalg.norm(x.mean(axis=0)) / np.sqrt(np.mean(np.sum(x**2, axis=1))))
