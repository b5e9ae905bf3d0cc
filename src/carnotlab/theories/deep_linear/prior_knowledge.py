r"""What a two-layer linear network makes of a task from what it knows already, exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.errors import OutOfReachError
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.losses import TRAIN_PREDICTION, train_prediction
from carnotlab.measures.modes import MODE_STRENGTH, mode_strength
from carnotlab.measures.similarity import hidden_similarity
from carnotlab.networks.finite import Weights
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.networks.parameterization import Standard
from carnotlab.tasks.base import Task
from carnotlab.tasks.statistics import (
    flattened,
    input_covariance,
    input_output_correlation,
    input_output_modes,
    whiteness,
)
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.deep_linear.factors import starting_factors
from carnotlab.theories.deep_linear.matrix_riccati import (
    TwoLayerCourse,
    imbalance_beyond,
    nearest_balance,
    two_layer_course,
)
from carnotlab.theories.regime import plain_learning_rate

HIDDEN_SIMILARITY = hidden_similarity(1).quantity

Layers = tuple[Float[np.ndarray, "hidden in"], Float[np.ndarray, "out hidden"]]


@dataclass(frozen=True)
class PriorKnowledge(Theory):
    r"""Outputs, modes and hidden similarity from any λ-balanced start, lazy to rich, at any time.

    Two weight layers, :math:`\Sigma_{xx} = d\,I`, and
    :math:`W_2^\top W_2 - W_1W_1^\top = \lambda I`: the matrix Riccati solution of
    `two_layer_course`, from the weights at time zero. The start may know anything, the right task,
    a wrong one or none. Along a mode that the start shares,
    :math:`\dot u = \sqrt{\lambda^2 + 4u^2}\,(s - d\,u)`: sigmoids at :math:`\lambda = 0`,
    exponentials at large :math:`|\lambda|`.

    ``balance`` is λ; by default the one nearest to the start. Gradient descent is predicted as its
    flow, up to a part of the first order in the step. Predicts ``mode_strength``,
    ``train_prediction`` and ``hidden_similarity_1``, each ``[seed, time, …]``. Sources:
    fukumizu1998, braun2022, domine2025.

    >>> from carnotlab.experiment.rules import GradientFlow
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.networks.initialisation import LambdaBalanced
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> experiment = Experiment(
    ...     LinearMap(4, 3, strengths=(2.0, 1.0)),
    ...     deep_linear(4, (3,), 3, initialisation=LambdaBalanced(0.5)),
    ...     Training(GradientFlow(), duration=100.0),
    ... )
    >>> predicted = PriorKnowledge().predict(experiment, experiment.start((0,)))
    >>> predicted["mode_strength"].isel(time=-1).values.round(6).tolist()
    [[2.0, 1.0]]
    """

    balance: float | None = None

    name: ClassVar[str] = "prior_knowledge"
    claim: ClassVar[str] = "what a two-layer linear network knew decides how it learns, exactly"
    references: ClassVar[tuple[str, ...]] = ("fukumizu1998", "braun2022", "domine2025")
    predicts: ClassVar[tuple[Quantity, ...]] = (MODE_STRENGTH, TRAIN_PREDICTION, HIDDEN_SIMILARITY)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict modes, outputs and hidden similarity at the record times.

        Raises:
            OutOfReachError: unless the network is linear with two layers that are both trained,
                by squared error without decay.
            InputError: if the weights at time zero were not given.
        """
        plain_learning_rate(experiment, self.name)
        times = experiment.training.flow_times
        courses = [
            course_on_task(experiment.task, times, layers, balance=self.balance)
            for layers in two_layers(experiment, start)
        ]
        coords = {
            "time": experiment.training.times,
            "mode": np.arange(len(input_output_modes(experiment.task).strengths)),
        }
        return seen_in_task(experiment.task, courses, coords)

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measures of modes, outputs and similarity on the training samples."""
        return (
            mode_strength(input_output_modes(experiment.task)),
            train_prediction,
            hidden_similarity(1),
        )

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "white inputs",
            "the input covariance is a multiple of the identity; the distance from it over its "
            "size",
            0.01,
            lambda experiment, _: whiteness(experiment.task),
        ),
        Assumption(
            "λ-balanced start",
            "W2'W2 - W1W1' is a multiple of the identity; the distance from it over the size of "
            "the learned layers",
            0.01,
            lambda experiment, start: _worst(_beyond_balance(experiment, start)),
        ),
        Assumption(
            "small steps",
            "learning rate times the largest curvature of both layers at the start or the "
            "solution; 0 for gradient flow",
            0.05,
            lambda experiment, start: _worst(_step_sizes(experiment, start)),
        ),
    )


def course_on_task(
    task: Task,
    time: Float[np.ndarray, " time"],
    layers: Layers,
    *,
    balance: float | None = None,
) -> TwoLayerCourse:
    """Return the course of two layers on a task's own correlation and mean input power.

    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> first, second = (LinearMap(2, 2, (1.0, 0.5), seed=seed) for seed in (0, 1))
    >>> start = 0.1 * np.eye(2), 0.1 * np.eye(2)
    >>> learned = course_on_task(first, np.array([30.0]), start).end
    >>> again = course_on_task(second, np.array([0.0, 1e4]), learned)
    >>> bool(np.allclose(again.maps[0], first.matrix, atol=1e-6))
    True
    """
    correlation = input_output_correlation(task)
    return two_layer_course(time, correlation, *layers, balance=balance, power=_power(task))


def seen_in_task(
    task: Task, courses: list[TwoLayerCourse], coords: Mapping[str, Any]
) -> xr.Dataset:
    """Return what courses of several starts mean for a task's modes, outputs and similarity."""
    modes = input_output_modes(task)
    left, right = np.asarray(modes.left), np.asarray(modes.right)
    x, _ = flattened(task)
    strengths = [np.einsum("ok,toi,ik->tk", left, c.maps, right, optimize=True) for c in courses]
    outputs = [x @ course.maps.transpose(0, 2, 1) for course in courses]
    similarity = [x @ course.input_kernels @ x.T for course in courses]
    values = {
        MODE_STRENGTH: np.stack(strengths),
        TRAIN_PREDICTION: np.stack(outputs),
        HIDDEN_SIMILARITY: np.stack(similarity),
    }
    return labelled(values, ("seed", "time"), coords)


def two_layers(experiment: Experiment, start: Weights | None) -> list[Layers]:
    """Return both matrices of every member at time zero, float64.

    Raises:
        OutOfReachError: unless the network is linear, of two layers that are both trained.
        InputError: if there are no weights.
    """
    network = experiment.network
    refuse_nonlinear(network)
    if network.depth != 2 or network.frozen:
        raise OutOfReachError(
            f"{network.depth} layers, {network.frozen} of them frozen, for {PriorKnowledge.name}",
            "two trained layers",
            "use DeepLinearModes for other depths",
        )
    if not isinstance(network.parameterization, Standard):
        raise OutOfReachError(
            f"{type(network.parameterization).__name__}, whose layers move at rates of their own",
            "stored weights that are the matrices",
            "use Standard()",
        )
    return [(first, second) for first, second in starting_factors(experiment, start)]


def _beyond_balance(experiment: Experiment, start: Weights) -> list[float]:
    values: list[float] = []
    for first, second in two_layers(experiment, start):
        balance = nearest_balance(first, second)
        size = np.hypot(balance, 2.0 * _learned(experiment))
        values.append(imbalance_beyond(first, second) / float(np.linalg.norm(size)))
    return values


def _learned(experiment: Experiment) -> Float[np.ndarray, " mode"]:
    return np.asarray(input_output_modes(experiment.task).strengths) / _power(experiment.task)


def _power(task: Task) -> float:
    covariance = input_covariance(task)
    return float(np.trace(covariance)) / len(covariance)


def _step_sizes(experiment: Experiment, start: Weights) -> list[float]:
    rate, power = plain_learning_rate(experiment, PriorKnowledge.name), _power(experiment.task)
    strongest = float(np.max(_learned(experiment)))
    values: list[float] = []
    for first, second in two_layers(experiment, start):
        at_start = float(np.linalg.norm(first, 2) ** 2 + np.linalg.norm(second, 2) ** 2)
        at_end = float(np.hypot(nearest_balance(first, second), 2.0 * strongest))
        values.append(rate * power * max(at_start, at_end))
    return values


def _worst(values: list[float]) -> float:
    return float(np.max(values))  # unlike max(), never loses a nan
