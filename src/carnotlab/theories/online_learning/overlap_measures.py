"""A student's overlaps and exact error, measured on networks in training."""

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.tasks.teacher_student import TeacherStudent
from carnotlab.theories.online_learning.overlaps import Overlaps, Teacher, generalization_error

STUDENT_OVERLAP = Quantity(
    "student_overlap", ("student", "other_student"), "1", "overlaps among a student's units"
)
TEACHER_OVERLAP = Quantity(
    "teacher_overlap", ("student", "teacher"), "1", "overlaps of a student's units with teacher's"
)
SECOND_LAYER = Quantity("second_layer", ("student",), "1", "a student's second-layer weights")
GENERALIZATION_ERROR = Quantity(
    "generalization_error", (), "loss", "mean loss over all inputs, without label noise"
)


@lru_cache(maxsize=32)
def overlap_measures(task: TeacherStudent) -> tuple[Measure, Measure, Measure, Measure]:
    """Return the measures of both overlaps, the second layer and the exact error on a task.

    The error is the mean over all Gaussian inputs in closed form, from the network's own weights;
    it has none of the sampling error of a held-out loss.

    >>> [measure.quantity.name for measure in overlap_measures(TeacherStudent(10, 2))][-1]
    'generalization_error'
    """
    directions = task.first_weights / np.sqrt(task.inputs)
    teacher = Teacher(task.overlaps, task.second_weights, task.noise, task.activation)

    def state_of(state: State) -> Overlaps:
        first, second = state.model.effective(state.weights)
        kind = first.dtype
        return Overlaps(first @ first.T, first @ jnp.asarray(directions.T, dtype=kind), second[0])

    def student(state: State, data: Data) -> Float[Array, "k k"]:
        del data
        return jnp.asarray(state_of(state).student)

    def cross(state: State, data: Data) -> Float[Array, "k m"]:
        del data
        return jnp.asarray(state_of(state).teacher)

    def second(state: State, data: Data) -> Float[Array, " k"]:
        del data
        return jnp.asarray(state_of(state).second_layer)

    def error(state: State, data: Data) -> Float[Array, ""]:
        del data
        now = state_of(state)
        return generalization_error(now, _as(teacher, jnp.asarray(now.student)))

    return (
        Measure(STUDENT_OVERLAP, student),
        Measure(TEACHER_OVERLAP, cross),
        Measure(SECOND_LAYER, second),
        Measure(GENERALIZATION_ERROR, error),
    )


def _as(teacher: Teacher, like: Float[Array, "..."]) -> Teacher:
    """Return a teacher in the precision of a network."""
    return teacher._replace(
        overlaps=jnp.asarray(teacher.overlaps, dtype=like.dtype),
        second_layer=jnp.asarray(teacher.second_layer, dtype=like.dtype),
    )
