r"""Train and test error of linear regression over time, at any covariance and teacher.

Gradient flow (or descent) on the library's mean loss :math:`\frac{1}{2n}|y-Xw|^2 +
\frac\delta2|w|^2` filters every eigenvalue x of the sample covariance: of the teacher the share
:math:`r = (\delta + xF)/(x+\delta)` is missed, of the start the share F is left, with
:math:`F = e^{-t(x+\delta)}`. Deterministic equivalents give resolvents only; functions of time are
contour integrals over them, one for what is linear in a function of the sample covariance, two for
the test error, which has two such functions around the covariance of fresh inputs. Sources:
advani2020, ali2019, bordelon2020, weideman2007.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from carnotlab.core.errors import OutOfReachError, require, require_not_negative
from carnotlab.theories.high_dimensional.contours import Contour, descent_contour, flow_contour
from carnotlab.theories.high_dimensional.deterministic_equivalents import (
    continued_ridge,
    largest_eigenvalue,
    ridge_errors,
    spectrum_and_power,
)
from carnotlab.theories.high_dimensional.effective_ridge import learnable
from carnotlab.theories.high_dimensional.least_error import Least, least

Spectrum = Float[np.ndarray, " d"]
Nodes = Complex[np.ndarray, " m"]
Resolvent = Complex[np.ndarray, "m d"]


class ErrorCourse(NamedTuple):
    """Mean squared errors over time (no factor ½): excess on fresh inputs, and on the samples.

    The error on fresh noisy labels is ``excess`` plus the noise variance.
    """

    excess: Float[np.ndarray, " time"]
    train: Float[np.ndarray, " time"]


class CourseShares(NamedTuple):
    """What a unit of teacher or start power along each eigenvector, and of noise, add to errors.

    Of fresh inputs ``missed`` (teacher), ``kept`` (start), ``variance`` (noise); the same of the
    training samples. A direction's own share of what is left to learn is ``missed`` over its
    eigenvalue.
    """

    missed: Float[np.ndarray, "time d"]
    kept: Float[np.ndarray, "time d"]
    variance: Float[np.ndarray, " time"]
    train_missed: Float[np.ndarray, "time d"]
    train_kept: Float[np.ndarray, "time d"]
    train_variance: Float[np.ndarray, " time"]


class _Resolved(NamedTuple):
    """A contour and the effective ridge at each of its nodes; ``z`` is the node less the decay."""

    contour: Contour
    z: Nodes
    kappa: Nodes


def regression_course(
    time: Float[np.ndarray, " time"],
    eigenvalues: Spectrum,
    teacher_power: Spectrum,
    samples: float,
    *,
    noise_variance: float = 0.0,
    start_power: Spectrum | float = 0.0,
    decay: float = 0.0,
    rate: float = 0.0,
) -> ErrorCourse:
    r"""Return excess and training error over flow time.

    .. math:: E - \sigma^2 = \oint\!\!\oint \frac{a_1a_2}{1-\gamma_{12}}
        \sum_i\frac{b_is_i}{(s_i+\kappa_1)(s_i+\kappa_2)}
        + \frac{\sigma^2}{n}\oint \frac{\kappa}{\zeta^2}(F_{2t} - 2F_t)\sum_i\frac{s_i}{s_i+\kappa},
        \qquad a = F_t\frac{\kappa}{\zeta}

    with :math:`\zeta = \delta - \lambda` on the contour; the start adds a term like the first with
    :math:`a = -F_t\kappa/\lambda`. Accurate to about 1e-10 of the error at the start.

    Args:
        time: Flow time of the mean loss: steps times learning rate.
        eigenvalues: :math:`s_i \ge 0` of the covariance of inputs.
        teacher_power: :math:`b_i`, squared teacher weight along each eigenvector, summed over
            outputs.
        samples: n.
        noise_variance: :math:`\sigma^2`, summed over outputs.
        start_power: Squared weight at time zero along each eigenvector, on average over random
            starts that know nothing of the teacher.
        decay: :math:`\delta`, weight decay towards zero.
        rate: Learning rate of discrete steps, 0 for the flow: :math:`F = (1-\eta(x+\delta))^k`.

    Raises:
        InputError: for arrays that do not fit, negative numbers, or times between steps.
        OutOfReachError: for steps so large that the largest eigenvalue diverges.

    >>> course = regression_course(
    ...     np.array([0.0, 1e6]), np.ones(10), 0.1 * np.ones(10), 20, noise_variance=0.5
    ... )
    >>> course.excess.round(6).tolist(), course.train.round(6).tolist()
    ([1.0, 0.5], [1.5, 0.25])
    """
    s, b = spectrum_and_power(eigenvalues, teacher_power)
    start = spectrum_and_power(
        eigenvalues, np.broadcast_to(np.asarray(start_power, np.float64), np.shape(eigenvalues))
    )[1]
    require_not_negative("noise_variance", noise_variance)
    shares = course_shares(time, s, samples, decay=decay, rate=rate)
    return ErrorCourse(
        shares.missed @ b + shares.kept @ start + noise_variance * shares.variance,
        np.maximum(
            shares.train_missed @ b
            + shares.train_kept @ start
            + noise_variance * shares.train_variance,
            0.0,
        ),
    )


def course_shares(
    time: Float[np.ndarray, " time"],
    eigenvalues: Spectrum,
    samples: float,
    *,
    decay: float = 0.0,
    rate: float = 0.0,
) -> CourseShares:
    r"""Return what each direction's teacher and start, and the noise, contribute to the errors.

    Arguments as those of `regression_course`, whose errors are linear in powers and noise;
    eigenvalues must be positive.

    >>> shares = course_shares(np.array([0.0, 3.0]), np.array([2.0, 0.5]), 40)
    >>> (shares.missed / np.array([2.0, 0.5])).round(3).tolist()
    [[1.0, 1.0], [0.0, 0.062]]
    """
    s = learnable(eigenvalues)
    times = np.atleast_1d(np.asarray(time, np.float64))
    require(bool(np.all(times >= 0.0)), f"time = {time}", "times from 0 on", "start at 0")
    for name, value in (("decay", decay), ("rate", rate)):
        require_not_negative(name, value)
    if rate > 0.0:
        _refuse_divergence(s, samples, rate, decay)
    at_start = (s, s, np.array(0.0), s, s, np.array(1.0))
    rows = [at_start if t == 0.0 else _shares_at(float(t), s, samples, rate, decay) for t in times]
    return CourseShares(*(np.array(column) for column in zip(*rows, strict=True)))


def optimal_stopping_time(
    eigenvalues: Spectrum,
    teacher_power: Spectrum,
    samples: float,
    *,
    noise_variance: float,
    start_power: Spectrum | float = 0.0,
) -> Least:
    """Return when to stop gradient flow from the given start, and the excess error then.

    Searched from a hundredth of the time of the largest eigenvalue to 1e8 times it.

    >>> best = optimal_stopping_time(np.ones(50), 0.02 * np.ones(50), 45, noise_variance=1.0)
    >>> round(best.error, 3)
    0.653
    """
    top = float(np.max(eigenvalues))

    def excess(time: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        return regression_course(
            time,
            eigenvalues,
            teacher_power,
            samples,
            noise_variance=noise_variance,
            start_power=start_power,
        ).excess

    return least(excess, 0.01 / top, 1e8 / top, count=60)


def best_ridge(
    eigenvalues: Spectrum, teacher_power: Spectrum, samples: float, *, noise_variance: float
) -> Least:
    r"""Return the ridge of least test error at a given spectrum, and the *excess* error there.

    Beside the mean of squares; at n samples of white inputs :math:`\sigma^2/(n\,b)`. Searched down
    to 1e-9 of the largest eigenvalue: where teachers lie in the loudest directions the best ridge
    may be zero, or negative, which is not sought.

    >>> round(best_ridge(np.ones(50), 0.02 * np.ones(50), 50, noise_variance=1.0).at, 6)
    1.0
    """
    top = float(np.max(eigenvalues))

    def excess(ridge: Float[np.ndarray, " ridges"]) -> Float[np.ndarray, " ridges"]:
        errors = ridge_errors(eigenvalues, teacher_power, samples, ridge, noise_variance)
        return errors.bias + errors.variance

    return least(excess, 1e-9 * top, 1e3 * top)


def _refuse_divergence(s: Spectrum, samples: float, rate: float, decay: float) -> None:
    edge = largest_eigenvalue(s, samples) + decay
    if rate * edge >= 2.0:
        raise OutOfReachError(
            f"a learning rate of {rate:g} at a largest curvature of {edge:g}",
            "a product below 2, beyond which descent diverges",
            f"use a rate below {2.0 / edge:g}",
        )


def _resolved(s: Spectrum, samples: float, time: float, rate: float, decay: float) -> _Resolved:
    if rate == 0.0:
        contour = flow_contour(time)
    else:
        steps = round(time / rate)
        require(
            abs(time / rate - steps) < 1e-6 * max(steps, 1),
            f"a time of {time:g} at a rate of {rate:g}",
            "whole steps",
            "give multiples of the rate",
        )
        contour = descent_contour(steps, rate)
    z = contour.nodes - decay
    return _Resolved(contour, z, continued_ridge(s, samples, -z))


def _shares_at(
    time: float, s: Spectrum, samples: float, rate: float, decay: float
) -> tuple[np.ndarray, ...]:
    """Return one row of `CourseShares`.

    In training errors, what is analytic inside the contour is left out of the resolvents, which
    would cancel.
    """
    once, twice = (_resolved(s, samples, factor * time, rate, decay) for factor in (1.0, 2.0))
    first, second = (1.0 / (s + each.kappa[:, None]) for each in (once, twice))
    poles, other = once.contour.nodes**2, twice.contour.nodes**2
    variance = s @ (_single(twice, second, twice.kappa / other)) - 2.0 * (
        s @ _single(once, first, once.kappa / poles)
    )
    fitted = 2.0 * decay * s * _single(once, first, once.z / poles)
    fitted += s * _single(twice, second, twice.z**2 / other)
    noise = 2.0 * decay * s @ _single(once, first, 1.0 / poles)
    noise += s @ _single(twice, second, twice.z / other)
    kept = _two_point(s, samples, once, first, once.z)
    return (
        _two_point(s, samples, once, first, once.contour.nodes) if decay else kept,
        kept,
        variance / samples,
        -fitted,
        -s * _single(twice, second, np.ones(())),
        np.asarray(1.0 - noise / samples),
    )


def _two_point(
    s: Spectrum, samples: float, at: _Resolved, inverse: Resolvent, pole: Nodes
) -> Spectrum:
    """Return what two resolvents around the covariance leave of a unit along each direction."""
    a = at.contour.weights * at.kappa / pole
    # Both half planes: the nodes and their conjugates.
    every, both = np.concatenate([a, np.conj(a)]), np.concatenate([inverse, np.conj(inverse)])
    gamma = (inverse * (s**2 / samples)) @ both.T
    left = np.sum(inverse * ((a[:, None] * every / (1.0 - gamma)) @ both), axis=0)
    return 2.0 * s * np.real(left)


def _single(at: _Resolved, inverse: Resolvent, factor: Nodes) -> Spectrum:
    return 2.0 * np.real((at.contour.weights * factor) @ inverse)
