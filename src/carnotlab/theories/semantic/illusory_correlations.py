r"""What a linear network believes of every item and feature while it learns, and where it is wrong.

From the modes :math:`\Sigma_{yx} = USV^\top` the output for item i and feature f is

.. math:: \hat y_{if}(t) = \sum_a u_a(t)\,U_{fa}\,(x_i \cdot V_a).

In a deep network strong modes come first, and a belief follows what is true of the family until
its own mode arrives: worms have bones for a while. In a shallow one with orthogonal inputs of
equal size all modes rise together and every belief goes straight to its end. Correlated inputs
give a shallow network fast and slow directions too. Source: saxe2019.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.losses import TRAIN_PREDICTION, train_prediction
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.networks.finite import Weights
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.tasks.statistics import (
    flattened,
    input_covariance,
    input_output_correlation,
    input_output_modes,
)
from carnotlab.theories.base import Theory, TheoryAssumption, require_start
from carnotlab.theories.deep_linear.factors import starting_factors
from carnotlab.theories.deep_linear.mode_dynamics import Values
from carnotlab.theories.deep_linear.modes import DeepLinearModes
from carnotlab.theories.regime import plain_learning_rate


@dataclass(frozen=True)
class IllusoryCorrelations(Theory):
    r"""Every belief of a linear network, from the modes; at depth 1 exact for any inputs.

    With hidden layers :math:`\hat y = X V u(t) U^\top` by `DeepLinearModes`. Without,
    :math:`W(t) = W^* + (W_0 - W^*)\,e^{-\Sigma_{xx} t}`, in steps of rate :math:`\eta`
    :math:`(I - \eta\Sigma_{xx})^{t/\eta}`, for any input covariance and start.

    Predicts ``train_prediction`` ``[time, n, outputs]``, with ``seed`` in front from a random
    start. `wrong_way` says which beliefs are illusory. Source: saxe2019.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.networks.initialisation import Aligned
    >>> from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
    >>> task = FeatureHierarchy((2, 2), 0.1, 100, whiten=True)
    >>> network = deep_linear(4, (8,), 100, initialisation=Aligned(0.01))
    >>> experiment = Experiment(task, network, Training(duration=100))
    >>> found = IllusoryCorrelations().predict(experiment)["train_prediction"]
    >>> illusory = wrong_way(found.values, task.data().train.y) > 0.1
    >>> bool(0.0 < illusory.mean() < 0.5)
    True
    """

    name: ClassVar[str] = "illusory_correlations"
    claim: ClassVar[str] = "beliefs follow an item's family until its own distinctions are learned"
    references: ClassVar[tuple[str, ...]] = ("saxe2019",)
    predicts: ClassVar[tuple[Quantity, ...]] = (TRAIN_PREDICTION,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict the outputs on all training samples at the record times.

        Raises:
            OutOfReachError: for a nonlinear network, another loss or rule, or weight decay.
            InputError: if the start is random and its weights were not given.
        """
        refuse_nonlinear(experiment.network)
        if experiment.network.depth == 1:
            values, leading = _shallow(experiment, start), ("seed", "time")
        else:
            course = DeepLinearModes().predict(experiment, start)[MODE_STRENGTH.name]
            leading = ("seed", "time") if "seed" in course.dims else ("time",)
            strengths = np.asarray(course.transpose(*leading, "mode").values)
            values = beliefs_from_modes(experiment, strengths)
        times = {"time": experiment.training.times}
        return TRAIN_PREDICTION.label(values, leading, times).to_dataset()

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of outputs on the training samples."""
        return (train_prediction,)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = tuple(
        assumption
        # At depth 1 the prediction is exact whatever the inputs, the start and the steps.
        if assumption.name not in ("inputs share the modes", "small steps")
        else Assumption(
            assumption.name,
            assumption.statement + "; 0 at depth 1, where the prediction needs nothing of it",
            assumption.limit,
            lambda experiment, start, measure=assumption.measure: (
                0.0 if experiment.network.depth == 1 else measure(experiment, start)
            ),
        )
        for assumption in DeepLinearModes.assumptions
    )


def beliefs_from_modes(
    experiment: Experiment, strengths: Float[np.ndarray, "*lead mode"]
) -> Float[np.ndarray, "*lead n outputs"]:
    """Return the outputs on all training samples from the modes' strengths."""
    modes = input_output_modes(experiment.task)
    along = flattened(experiment.task)[0] @ np.asarray(modes.right)
    return (along * strengths[..., None, :]) @ np.asarray(modes.left).T


def wrong_way(
    courses: Float[np.ndarray, "*lead time n outputs"], targets: Float[np.ndarray, "n outputs"]
) -> Float[np.ndarray, "*lead n outputs"]:
    r"""Return how far each belief goes the wrong way before it is right, in target units.

    From zero, where a network begins: below zero where the target is positive, above where it is
    negative, and either way where it is zero ("worms have bones"). The size of the illusion at
    its peak; 0 where there is none.

    >>> courses = np.array([[[0.0, 0.0]], [[-0.3, 0.2]], [[1.0, 0.0]]])
    >>> wrong_way(courses, np.array([[1.0, 0.0]]))
    array([[0.3, 0.2]])
    """
    away = np.where(targets == 0.0, np.abs(courses), -np.sign(targets) * courses)
    return np.maximum(away.max(axis=-3), 0.0)


def illusion_times(
    time: Float[np.ndarray, " time"],
    courses: Float[np.ndarray, "*lead time n outputs"],
    targets: Float[np.ndarray, "n outputs"],
) -> Float[np.ndarray, "*lead n outputs"]:
    """Return when each belief is furthest on the wrong side, in the unit of ``time``.

    Meaningful where `wrong_way` is well above zero.
    """
    away = np.where(targets == 0.0, np.abs(courses), -np.sign(targets) * courses)
    return time[np.argmax(away, axis=-3)]


def _shallow(
    experiment: Experiment, start: Weights | None
) -> Float[np.ndarray, "seed time n outputs"]:
    given = require_start(start, "a shallow network without its starting weights")
    rate = plain_learning_rate(experiment, IllusoryCorrelations.name)
    power, basis = np.linalg.eigh(input_covariance(experiment.task))
    power = np.where(power > len(power) * np.finfo(np.float64).eps * power[-1], power, 0.0)
    time = experiment.training.flow_times[:, None]
    left: Values = (
        np.exp(-power * time) if rate == 0.0 else (1.0 - rate * power) ** np.rint(time / rate)
    )
    correlation = input_output_correlation(experiment.task)
    final = correlation @ basis / np.where(power > 0.0, power, np.inf)
    begin = np.stack([matrix for (matrix,) in starting_factors(experiment, given)]) @ basis
    maps = final + (begin - final)[:, None] * left[:, None, :]
    return np.einsum("ie,stoe->stio", flattened(experiment.task)[0] @ basis, maps, optimize=True)
