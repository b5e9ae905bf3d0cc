r"""Two-layer networks that meet each example once, through their overlaps with the teacher."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.losses import TEST_LOSS, test_loss
from carnotlab.networks.finite import Weights
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.online_learning.committee_rates import (
    committee_rates,
    committee_teacher,
    starting_overlaps,
)
from carnotlab.theories.online_learning.overlap_measures import (
    GENERALIZATION_ERROR,
    SECOND_LAYER,
    STUDENT_OVERLAP,
    TEACHER_OVERLAP,
    overlap_measures,
)
from carnotlab.theories.online_learning.overlaps import overlap_course


@dataclass(frozen=True)
class SoftCommittee(Theory):
    r"""Test loss and overlaps of a two-layer student of a two-layer teacher, examples met once.

    For `TeacherStudent` with erf (or linear) units, trained by plain gradient descent on one fresh
    example a step or a few: the motion of `overlap_course` from the overlaps at time zero, exact
    for many inputs N; single runs differ from it by the order of :math:`1/\sqrt N`. Any number of
    student and teacher units; the second layer may learn, at any rate, or not.

    ``noise`` is the label noise that is assumed, by default the task's. Predicts ``test_loss`` (on
    held-out samples, with their noise), ``generalization_error`` (the same over all inputs, without
    noise), ``student_overlap``, ``teacher_overlap`` and ``second_layer``. Sources: saad1995,
    goldt2019.

    >>> from carnotlab.experiment.batching import Online
    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.tasks.teacher_student import TeacherStudent
    >>> from carnotlab.theories.online_learning.committee_rates import committee_student
    >>> student = committee_student([np.eye(1, 500)], [np.ones(1)], second_rate=1e-12)
    >>> training = Training(GradientDescent(0.002), 30_000, Online(), record=At((0, 30_000)))
    >>> experiment = Experiment(TeacherStudent(500, 1, orthonormal=True), student, training)
    >>> predicted = SoftCommittee().predict(experiment, experiment.start((0,)))
    >>> predicted["generalization_error"].values.round(3).tolist()
    [[0.168, 0.0]]
    """

    noise: float | None = None

    name: ClassVar[str] = "soft_committee"
    claim: ClassVar[str] = "examples met once move a two-layer student along its overlaps"
    references: ClassVar[tuple[str, ...]] = ("saad1995", "goldt2019")
    predicts: ClassVar[tuple[Quantity, ...]] = (
        TEST_LOSS,
        GENERALIZATION_ERROR,
        STUDENT_OVERLAP,
        TEACHER_OVERLAP,
        SECOND_LAYER,
    )

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict loss and overlaps at the record times, for each member's start.

        Raises:
            OutOfReachError: unless a two-layer network learns such a teacher by plain gradient
                descent, a few examples a step; and for rectifiers.
            InputError: if the weights at time zero were not given.
        """
        task, teacher = committee_teacher(experiment)
        rates = committee_rates(experiment)
        if self.noise is not None:
            teacher = teacher._replace(noise=self.noise)
        times = experiment.training.times
        overlaps, errors = overlap_course(
            times / task.inputs, starting_overlaps(experiment, start), teacher, rates
        )
        held_out = 0.5 * task.noise**2 if task.noisy_held_out else 0.0
        values = dict(zip(self.predicts, (errors + held_out, errors, *overlaps), strict=True))
        return labelled(values, ("seed", "time"), {"time": times})

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measures of held-out loss, exact error and overlaps."""
        task, _ = committee_teacher(experiment)
        return (test_loss, *overlap_measures(task))

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "many inputs",
            "fields average over many inputs: one over the root of their number, by which single "
            "runs differ",
            0.1,
            lambda experiment, start: experiment.task.input_size**-0.5,
        ),
        Assumption(
            "Gaussian fields",
            "inputs of all units are Gaussian at the start: excess kurtosis, root mean square "
            "over students and teachers, less what sampling brings",
            0.3,
            lambda experiment, start: _excess_kurtosis(experiment, start),
        ),
        Assumption(
            "examples met once",
            "no example comes again: the share of steps on examples seen before",
            0.05,
            lambda experiment, start: _share_seen_before(experiment),
        ),
        Assumption(
            "white inputs",
            "inputs are independent with variance one: distance of their covariance from the "
            "identity over its size, less what sampling brings",
            0.2,
            lambda experiment, start: _covariance_distance(_inputs(experiment)),
        ),
    )


def _inputs(experiment: Experiment) -> Float[np.ndarray, "n inputs"]:
    data = experiment.task.data()
    return np.concatenate([np.asarray(part.x, dtype=np.float64) for part in data])


def _excess_kurtosis(experiment: Experiment, start: Weights) -> float:
    task, _ = committee_teacher(experiment)
    inputs = _inputs(experiment)
    students = np.asarray(start[0]["weight"], dtype=np.float64).reshape(-1, task.inputs)
    directions = np.concatenate([students, task.first_weights])
    directions = directions[np.any(directions != 0.0, axis=1)]
    fields = inputs @ directions.T
    fields = fields - fields.mean(axis=0)
    excess = np.mean(fields**4, axis=0) / np.mean(fields**2, axis=0) ** 2 - 3.0
    # Of Gaussian samples the excess has variance 24 / n.
    return float(np.sqrt(max(np.mean(excess**2) - 24.0 / len(inputs), 0.0)))


def _share_seen_before(experiment: Experiment) -> float:
    batching, training = experiment.training.batching, experiment.training
    if not isinstance(batching, Minibatch):
        return 0.0
    drawn = training.duration * batching.size
    samples = experiment.task.data().train.size
    if batching.replacement:
        distinct = samples * -np.expm1(drawn * np.log1p(-1.0 / samples)) if samples > 1 else 1.0
    else:
        distinct = min(drawn, samples)
    return float(1.0 - distinct / drawn)


def _covariance_distance(inputs: Float[np.ndarray, "n inputs"]) -> float:
    r"""Return :math:`\|\Sigma - I\|_F / \|I\|_F`, from products between two halves of a sample.

    Different samples have independent errors, so the square has no bias.
    """
    first, second = inputs[::2], inputs[1::2]
    size = inputs.shape[1]
    products = float(np.mean((first @ second.T) ** 2))
    powers = float(np.mean(np.sum(inputs**2, axis=1)))
    return float(np.sqrt(max((products - 2.0 * powers + size) / size, 0.0)))
