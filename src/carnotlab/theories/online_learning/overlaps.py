r"""The motion of a student's overlaps with its teacher, from one fresh example to the next.

A student :math:`\sum_k v_k\,g(w_k\cdot x/\sqrt N)` sees each example of a teacher
:math:`\sum_m v^*_m\,g(w^*_m\cdot x/\sqrt N)` once, and moves by gradient descent,
:math:`\delta w_k = -\tfrac{\eta}{\sqrt N} v_k\,g'(\lambda_k)\Delta\,x` and
:math:`\delta v_k = -\tfrac{\eta_v}{N} g(\lambda_k)\Delta`, :math:`\Delta` the error on the example.
For large N all that matters are the overlaps :math:`Q = ww^\top\!/N`, :math:`R = w w^{*\top}\!/N`,
:math:`T = w^*w^{*\top}\!/N` and v. With :math:`\alpha = (v, -v^*)` over students and teachers, and
time in examples per input,

.. math::
    \dot R_{im} = -\eta v_i \sum_a \alpha_a I_3(i,m,a), \qquad
    \dot v_i = -\eta_v \sum_a \alpha_a I_2(i,a), \\
    \dot Q_{ik} = -\eta v_i \sum_a \alpha_a I_3(i,k,a) - \eta v_k \sum_a \alpha_a I_3(k,i,a)
    + \eta^2 v_i v_k \Bigl[\sum_{ab}\alpha_a\alpha_b I_4(i,k,a,b) + \sigma^2 J_2(i,k)\Bigr].

Sources: saad1995, goldt2019.
"""

from functools import partial
from typing import Any, NamedTuple, cast

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.core.precision import precision
from carnotlab.tasks.teacher_student import TeacherActivation
from carnotlab.theories.online_learning.field_averages import (
    fourth_averages,
    pair_averages,
    refusal_of_rectifiers,
    third_averages,
)

MAX_STEPS = 20_000
RTOL, ATOL = 1e-7, 1e-10


class Overlaps(NamedTuple):
    """A student as its overlaps: all that its error depends on.

    ``student`` Q ``[..., k, k]``, ``teacher`` R ``[..., k, m]``, ``second_layer`` v ``[..., k]``.
    """

    student: RealArray
    teacher: RealArray
    second_layer: RealArray


class Teacher(NamedTuple):
    """A teacher as its overlaps T ``[m, m]``, second layer v* ``[m]`` and label noise.

    ``noise`` is the standard deviation of the label noise.
    """

    overlaps: RealArray
    second_layer: RealArray
    noise: float = 0.0
    activation: TeacherActivation = "erf"


class Rates(NamedTuple):
    r"""Learning rates :math:`\eta` and :math:`\eta_v` of the two layers, and examples a step.

    With ``batch`` B a step averages over B fresh examples and time counts steps per input: noise
    is averaged, so that :math:`\eta^2` becomes :math:`\eta^2/B`. Valid for B far below N.
    """

    first: float
    second: float
    batch: int = 1


def joint_covariance(state: Overlaps, teacher: Teacher) -> Float[Array, "fields fields"]:
    """Return the covariance of all fields, students' before teachers'."""
    cross = jnp.asarray(state.teacher)
    return jnp.block(
        [[jnp.asarray(state.student), cross], [cross.T, jnp.asarray(teacher.overlaps)]]
    )


def generalization_error(state: Overlaps, teacher: Teacher) -> Float[Array, ""]:
    r"""Return :math:`\tfrac12 E[(\hat y - y)^2]` over fresh inputs, without label noise.

    :math:`\tfrac12 \sum_{ab}\alpha_a\alpha_b I_2(a,b)`: exact for Gaussian inputs at any N, for
    erf, relu and linear units. Traceable by JAX.

    >>> same = Overlaps(np.eye(2), np.eye(2), np.ones(2))
    >>> abs(float(generalization_error(same, Teacher(np.eye(2), np.ones(2))))) < 1e-6
    True
    """
    covariance = joint_covariance(state, teacher)
    signs = _signs(state, teacher)
    values = pair_averages(covariance, teacher.activation).value
    return 0.5 * signs @ values @ signs


def overlap_velocity(state: Overlaps, teacher: Teacher, rates: Rates) -> Overlaps:
    """Return the time derivative of all overlaps. Traceable by JAX.

    >>> one = np.ones((1, 1))
    >>> teacher, rates = Teacher(one, np.ones(1)), Rates(1.0, 1.0)
    >>> learned = Overlaps(one, one, np.ones(1))
    >>> still = jax.jit(lambda state: overlap_velocity(state, teacher, rates))(learned)
    >>> bool(jnp.abs(still.student).max() < 1e-6)
    True
    """
    covariance = joint_covariance(state, teacher)
    v = jnp.asarray(state.second_layer)
    k = v.shape[0]
    signs = _signs(state, teacher)
    pairs = pair_averages(covariance, teacher.activation)
    third = third_averages(covariance, k, teacher.activation)
    drift = -rates.first * v[:, None] * jnp.einsum("iba,a->ib", third, signs)
    i, j = np.triu_indices(k)
    a, b = np.triu_indices(len(signs))
    fourth = fourth_averages(
        covariance,
        (jnp.asarray(i), jnp.asarray(j)),
        (jnp.asarray(a), jnp.asarray(b)),
        teacher.activation,
    )
    # Each pair of different fields stands for both of its orders.
    squares = fourth @ (np.where(a == b, 1.0, 2.0) * signs[a] * signs[b])
    half = jnp.zeros_like(covariance[:k, :k]).at[i, j].set(squares)
    spread = half + half.T - jnp.diag(jnp.diag(half))
    spread = spread + teacher.noise**2 * pairs.derivative[:k, :k]
    diffusion = rates.first**2 / rates.batch * jnp.outer(v, v) * spread
    return Overlaps(
        drift[:, :k] + drift[:, :k].T + diffusion,
        drift[:, k:],
        -rates.second * pairs.value[:k] @ signs,
    )


def overlap_course(
    times: Float[np.ndarray, " time"],
    start: Overlaps,
    teacher: Teacher,
    rates: Rates,
    *,
    rtol: float = RTOL,
) -> tuple[Overlaps, Float[np.ndarray, "seed time"]]:
    """Solve the motion of overlaps of several students, and return it with the errors.

    Args:
        times: Examples (steps) per input, increasing from 0.
        start: Overlaps at time zero with a leading dimension over students.
        teacher: What is learned; erf or linear units.
        rates: Learning rates of both layers.
        rtol: Relative tolerance of the solver a step, in float64.

    Returns:
        Overlaps ``[seed, time, ...]`` and generalization errors ``[seed, time]``, float64. A
        student whose rate is too large has entries that are not finite from where it diverges.

    Raises:
        OutOfReachError: for rectifiers, whose motion has no closed form.
        InputError: if shapes do not fit.

    >>> start = Overlaps(np.ones((1, 1, 1)), np.zeros((1, 1, 1)), np.ones((1, 1)))
    >>> teacher = Teacher(np.ones((1, 1)), np.ones(1))
    >>> _, errors = overlap_course(np.array([0.0, 60.0]), start, teacher, Rates(1.0, 0.0))
    >>> errors.round(4).tolist()
    [[0.3333, 0.0]]
    """
    if teacher.activation == "relu":
        raise refusal_of_rectifiers()
    k, m = np.shape(start.teacher)[1:]
    shapes = [np.shape(part)[1:] for part in start]
    wanted = [(k, k), (k, m), (k,)]
    require(
        shapes == wanted and np.shape(teacher.overlaps) == (m, m),
        f"overlaps of shapes {shapes} with a teacher's of {np.shape(teacher.overlaps)}",
        f"{wanted} behind the students, and {(m, m)}",
        "give Q, R and v of every student",
    )
    with precision("float64"):
        wide = jax.tree.map(lambda part: jnp.asarray(part, dtype=jnp.float64), start)
        numbers = (
            jnp.asarray(teacher.overlaps, dtype=jnp.float64),
            jnp.asarray(teacher.second_layer, dtype=jnp.float64),
            jnp.asarray(teacher.noise, dtype=jnp.float64),
            jnp.asarray([*rates], dtype=jnp.float64),
        )
        course, errors = _solve(
            jnp.asarray(times, dtype=jnp.float64),
            wide,
            numbers,
            rtol,
            activation=teacher.activation,
        )
        return jax.tree.map(np.asarray, course), np.asarray(errors)


def _signs(state: Overlaps, teacher: Teacher) -> Float[Array, " fields"]:
    return jnp.concatenate([jnp.asarray(state.second_layer), -jnp.asarray(teacher.second_layer)])


@partial(jax.jit, static_argnames=("activation",))
def _solve(
    times: Any, starts: Overlaps, numbers: Any, rtol: Any, *, activation: TeacherActivation
) -> tuple[Overlaps, Array]:
    teacher = Teacher(numbers[0], numbers[1], numbers[2], activation)
    rates = Rates(numbers[3][0], numbers[3][1], numbers[3][2])

    # One vector instead of three arrays: the solver compiles in two thirds of the time.
    shape_of = ravel_pytree(jax.tree.map(lambda part: part[0], starts))[1]

    def one(start: Overlaps) -> tuple[Overlaps, Array]:
        def velocity(_t: Any, flat: Array, _args: Any) -> Array:
            return ravel_pytree(overlap_velocity(shape_of(flat), teacher, rates))[0]

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(cast("Any", velocity)),
            diffrax.Tsit5(),
            t0=0.0,
            t1=jnp.maximum(times[-1], 1e-300),
            dt0=None,
            y0=ravel_pytree(start)[0],
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=ATOL),
            max_steps=MAX_STEPS,
            throw=False,
        )
        course: Overlaps = jax.vmap(shape_of)(cast("Array", solution.ys))
        return course, jax.vmap(lambda state: generalization_error(state, teacher))(course)

    return jax.vmap(one)(starts)
