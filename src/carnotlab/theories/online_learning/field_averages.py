r"""Averages over jointly Gaussian fields that the motion of overlaps is made of.

With fields :math:`(u, v, w, z) \sim N(0, C)`, :math:`g(x) = \mathrm{erf}(x/\sqrt2)` or x:
:math:`I_2 = E[g(u)g(v)]`, :math:`J_2 = E[g'(u)g'(v)]`, :math:`I_3 = E[g'(u)\,v\,g(w)]` and
:math:`I_4 = E[g'(u)g'(v)g(w)g(z)]`. The first two are the dual activations that kernels of wide
networks are made of; here are the other two. Source: saad1995.
"""

import math
from typing import assert_never

import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.activations import Erf, Linear, Relu
from carnotlab.networks.infinite.dual_activations import dual
from carnotlab.networks.infinite.gaussian_pair import Dual
from carnotlab.tasks.teacher_student import TeacherActivation

Covariance = Float[Array, "fields fields"]


def refusal_of_rectifiers() -> OutOfReachError:
    """Return the refusal of averages that rectifiers have no closed form for.

    >>> type(refusal_of_rectifiers()).__name__
    'OutOfReachError'
    """
    return OutOfReachError(
        "rectifiers in the motion of overlaps, where their fourth average has no closed form",
        "erf or linear units",
        "use activation='erf'; the error of given rectifiers is generalization_error()",
    )


def layer_of(activation: TeacherActivation) -> Erf | Linear | Relu:
    """Return the layer of a network that computes a teacher's activation.

    >>> layer_of("erf").scale == 0.5**0.5
    True
    """
    match activation:
        case "erf":
            return Erf(math.sqrt(0.5))
        case "relu":
            return Relu()
        case "linear":
            return Linear()
        case _:
            assert_never(activation)


def pair_averages(covariance: Covariance, activation: TeacherActivation) -> Dual:
    r"""Return :math:`I_2` and :math:`J_2` of every two fields, ``[fields, fields]`` each.

    >>> round(float(pair_averages(jnp.ones((1, 1)), "erf").value[0, 0]), 6)  # (2/π) asin(1/2)
    0.333333
    """
    power = jnp.diag(covariance)
    return dual(layer_of(activation), power[:, None], power[None, :], covariance, 0)


def third_averages(
    covariance: Covariance, students: int, activation: TeacherActivation
) -> Float[Array, "students fields fields"]:
    r"""Return :math:`I_3(i, b, a) = E[g'(\lambda_i)\,\lambda_b\,g(\lambda_a)]`, i a student.

    By Stein's lemma :math:`C_{ib}E[g''(\lambda_i)g(\lambda_a)] + C_{ab}E[g'(\lambda_i)
    g'(\lambda_a)]`. Students come first among the fields.

    >>> third_averages(jnp.eye(2), 1, "linear")[0].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    shared = covariance[:students]
    slopes = pair_averages(covariance, activation).derivative[:students]
    match activation:
        case "erf":
            bend = -slopes * shared / (1.0 + jnp.diag(covariance)[:students, None])
        case "linear":
            bend = jnp.zeros_like(shared)
        case "relu":
            raise refusal_of_rectifiers()
        case _:
            assert_never(activation)
    return shared[:, :, None] * bend[:, None, :] + covariance[None] * slopes[:, None, :]


def fourth_averages(
    covariance: Covariance,
    outer: tuple[Float[Array, " n"], Float[Array, " n"]],
    inner: tuple[Float[Array, " m"], Float[Array, " m"]],
    activation: TeacherActivation,
) -> Float[Array, "n m"]:
    r"""Return :math:`I_4 = E[g'(\lambda_i)g'(\lambda_k)g(\lambda_a)g(\lambda_b)]`.

    ``outer`` holds the indices (i, k) and ``inner`` the indices (a, b) of the pairs wanted.

    Raises:
        OutOfReachError: for rectifiers, which have no closed form.

    >>> pairs = jnp.zeros(1, int), jnp.zeros(1, int)
    >>> round(float(fourth_averages(jnp.eye(1), pairs, pairs, "erf")[0, 0]), 6)
    0.059125
    """
    i, k = (index[:, None] for index in outer)
    a, b = (index[None, :] for index in inner)
    c = covariance
    match activation:
        case "erf":
            c12, c34 = c[i, k], c[a, b]
            c13, c14, c23, c24 = c[i, a], c[i, b], c[k, a], c[k, b]
            p1, p2 = 1.0 + c[i, i], 1.0 + c[k, k]
            below = p1 * p2 - c12**2
            top = below * c34 - c23 * c24 * p1 - c13 * c14 * p2
            top = top + c12 * (c13 * c24 + c14 * c23)
            left = below * (1.0 + c[a, a]) - c23**2 * p1 - c13**2 * p2 + 2.0 * c12 * c13 * c23
            right = below * (1.0 + c[b, b]) - c24**2 * p1 - c14**2 * p2 + 2.0 * c12 * c14 * c24
            sine = jnp.clip(top / jnp.sqrt(left * right), -1.0, 1.0)
            return 4.0 / jnp.pi**2 / jnp.sqrt(below) * jnp.arcsin(sine)
        case "linear":
            return jnp.broadcast_to(c[a, b], (i.shape[0], a.shape[1]))
        case "relu":
            raise refusal_of_rectifiers()
        case _:
            assert_never(activation)
