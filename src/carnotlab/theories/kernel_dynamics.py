r"""Learning with a fixed kernel: gradient descent of a linearized network in closed form.

The loss is :math:`\tfrac12\langle |y - f|^2 \rangle`, mean over the :math:`n` training samples
:math:`X`, sum over outputs, plus :math:`\tfrac{\kappa}{2}|w - w_0|^2` with ``ridge``
:math:`\kappa`. With :math:`\Theta_{XX} = V \mathrm{diag}(\lambda) V^\top` (jacot2018, lee2019)

.. math::
    f_t(x) = f_0(x) + \Theta_{xX}\, V \mathrm{diag}(\varphi_t) V^\top (y - f_0(X)), \qquad
    \varphi_t = \frac{1 - d_t}{\lambda + n\kappa},

where :math:`d_t` is how much of a deviation is left at rate :math:`r = \lambda/n + \kappa`:
:math:`e^{-rt}` for gradient flow, :math:`(1 - \eta r)^t` after :math:`t` steps of gradient
descent, and a linear recursion's solution with momentum. As a start :math:`f_0` is drawn from a
Gaussian process with covariance :math:`K`, so is :math:`f_t`, and its mean and variance over starts
follow. Outputs learn independently of each other, with the same variance.

Kernels are those the rule trains with: where a parameterization multiplies rates by :math:`s`,
:math:`\Theta` contains :math:`s` (`networks.infinite.kernels` does that), and ``ridge`` is
:math:`s` times the weight decay. Any time may be infinite. One eigendecomposition serves all times,
rules and ridges.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, assert_never

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require, require_not_negative
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.theories.kernel_regression.checking import ROUNDING, finite_block, target_columns

Clock: TypeAlias = GradientFlow | GradientDescent
"""Times are flow times under `GradientFlow`, whole steps under `GradientDescent`."""

INDEFINITE = 1e-6
"""Size of a negative eigenvalue, relative to the largest, that is no longer taken for rounding."""


@dataclass(frozen=True, eq=False)
class KernelSystem:
    r"""The kernels and targets in the eigenbasis of :math:`\Theta_{XX}`; see `kernel_system`."""

    eigenvalues: Float[np.ndarray, " n"]
    eigenvectors: Float[np.ndarray, "n n"]
    targets: Float[np.ndarray, "n k"]
    """The targets :math:`y` themselves."""
    cross: Float[np.ndarray, "m n"]
    r""":math:`\Theta_{xX} V`."""
    prior: Float[np.ndarray, "n n"]
    r""":math:`V^\top K_{XX} V`."""
    prior_cross: Float[np.ndarray, "m n"]
    r""":math:`K_{xX} V`."""
    prior_variance: Float[np.ndarray, " m"]


class Outputs(NamedTuple):
    """Outputs on the training and the held-out samples."""

    train: Float[np.ndarray, "*seeds times n k"]
    test: Float[np.ndarray, "*seeds times m k"]


class Moments(NamedTuple):
    """Mean and variance over starts; the variance is that of each output."""

    train_mean: Float[np.ndarray, "times n k"]
    train_variance: Float[np.ndarray, "times n"]
    test_mean: Float[np.ndarray, "times m k"]
    test_variance: Float[np.ndarray, "times m"]


class Course(NamedTuple):
    r"""Per time and eigenvalue: :math:`\varphi_t`, the residual :math:`1 - \lambda\varphi_t`."""

    learned: Float[np.ndarray, "times n"]
    residual: Float[np.ndarray, "times n"]


def kernel_system(
    *,
    ntk_train: RealArray,
    ntk_test: RealArray,
    nngp_train: RealArray,
    nngp_test: RealArray,
    nngp_test_variance: RealArray,
    targets: RealArray,
) -> KernelSystem:
    r"""Decompose :math:`\Theta_{XX}` once, for all times.

    ``ntk_train`` and ``nngp_train`` are ``[n, n]``, ``ntk_test`` and ``nngp_test`` are ``[m, n]``
    (held-out by training samples), ``nngp_test_variance`` is ``[m]``, ``targets`` are ``[n, k]``.

    Raises:
        InputError: if shapes do not fit, entries are not finite, or ``ntk_train`` is not symmetric
            and positive semidefinite.

    >>> one = np.ones((1, 1))
    >>> blocks = {name: one for name in ("ntk_train", "ntk_test", "nngp_train", "nngp_test")}
    >>> system = kernel_system(**blocks, nngp_test_variance=np.ones(1), targets=2 * one)
    >>> mean_and_variance(system, GradientFlow(), np.array([np.log(2.0)])).test_mean.item()
    1.0
    """
    y = target_columns(targets)
    n, m = y.shape[0], np.shape(ntk_test)[0]
    theta = finite_block("ntk_train", ntk_train, (n, n))
    size = float(np.abs(theta).max())
    require(
        bool(np.abs(theta - theta.T).max() <= 1e-9 * size),
        "an ntk_train that is not symmetric",
        "a symmetric kernel matrix",
        "pass kernels(network, x).ntk",
    )
    eigenvalues, v = np.linalg.eigh((theta + theta.T) / 2)
    require(
        bool(eigenvalues[0] >= -INDEFINITE * size),
        f"an ntk_train with the eigenvalue {eigenvalues[0]:.2g}",
        "a positive semidefinite kernel matrix",
        "pass kernels(network, x).ntk",
    )
    prior = finite_block("nngp_train", nngp_train, (n, n))
    return KernelSystem(
        eigenvalues=np.maximum(eigenvalues, 0.0),
        eigenvectors=v,
        targets=y,
        cross=finite_block("ntk_test", ntk_test, (m, n)) @ v,
        prior=v.T @ prior @ v,
        prior_cross=finite_block("nngp_test", nngp_test, (m, n)) @ v,
        prior_variance=finite_block("nngp_test_variance", nngp_test_variance, (m,)),
    )


def mean_and_variance(
    system: KernelSystem, rule: Clock, times: RealArray, ridge: float = 0.0
) -> Moments:
    r"""Return mean and variance over Gaussian starts :math:`f_0 \sim N(0, K)` at some times.

    With :math:`A_t = \Theta_{xX} V \mathrm{diag}(\varphi_t) V^\top`, the mean is
    :math:`A_t\, y` and the variance :math:`K_{xx} - 2 A_t K_{Xx} + A_t K_{XX} A_t^\top` (lee2019).
    Where gradient descent diverges beyond what floating point holds, they are infinite.
    """
    path = course(system, rule, times, ridge)
    v = system.eigenvectors
    seen = v.T @ system.targets
    with np.errstate(invalid="ignore", over="ignore"):
        train_mean = system.targets - v @ (path.residual[:, :, None] * seen)
        test_mean = system.cross @ (path.learned[:, :, None] * seen)
        train_variance = np.stack([_quadratic(v * row, system.prior) for row in path.residual])
        test_variance = np.stack([_test_variance(system, row) for row in path.learned])
        return Moments(
            _overflown(train_mean),
            np.maximum(_overflown(train_variance), 0.0),
            _overflown(test_mean),
            np.maximum(_overflown(test_variance), 0.0),
        )


def outputs(
    system: KernelSystem,
    rule: Clock,
    times: RealArray,
    start_train: RealArray,
    start_test: RealArray,
    ridge: float = 0.0,
) -> Outputs:
    """Return what follows from given outputs at the start.

    ``start_train`` is ``[*seeds, n, k]`` and ``start_test`` is ``[*seeds, m, k]``.
    """
    path = course(system, rule, times, ridge)
    n, m = system.targets.shape[0], system.cross.shape[0]
    k = system.targets.shape[1]
    seeds = np.shape(start_train)[:-2]
    before = finite_block("start_train", start_train, (*seeds, n, k))[..., None, :, :]
    test = finite_block("start_test", start_test, (*seeds, m, k))[..., None, :, :]
    v = system.eigenvectors
    with np.errstate(invalid="ignore", over="ignore"):
        missing = v.T @ (system.targets - before)
        train = system.targets - v @ (path.residual[:, :, None] * missing)
        test = test + system.cross @ (path.learned[:, :, None] * missing)
    return Outputs(_overflown(train), _overflown(test))


def covariance(
    system: KernelSystem, rule: Clock, time: float, nngp_test_test: RealArray, ridge: float = 0.0
) -> Float[np.ndarray, "m m"]:
    """Return the covariance over starts between held-out samples, whose prior is ``[m, m]``."""
    m = system.cross.shape[0]
    prior = finite_block("nngp_test_test", nngp_test_test, (m, m))
    weights = system.cross * course(system, rule, np.asarray([time]), ridge).learned[0]
    shared = weights @ system.prior_cross.T
    return prior - shared - shared.T + weights @ system.prior @ weights.T


def expected_loss(
    targets: RealArray, mean: RealArray, variance: RealArray
) -> Float[np.ndarray, "*times"]:
    r"""Return the loss averaged over starts, :math:`\tfrac12\langle |y - \mu|^2 + k\,v \rangle`.

    >>> float(expected_loss(np.ones((1, 2)), np.zeros((1, 2)), np.array([0.5])))
    1.5
    """
    y, mu, v = (np.asarray(part, dtype=np.float64) for part in (targets, mean, variance))
    return 0.5 * np.mean(np.sum((y - mu) ** 2, axis=-1) + y.shape[-1] * v, axis=-1)


def course(system: KernelSystem, rule: Clock, times: RealArray, ridge: float = 0.0) -> Course:
    r"""Return how far each eigendirection of the kernel has been learned at each time.

    Without ridge, a direction with :math:`\lambda \le n \epsilon \lambda_{\max}` (:math:`\epsilon`
    the machine's rounding) counts as never learned at :math:`t = \infty`, which is the
    pseudo-inverse; at finite times it has the limit :math:`\varphi_t = t/n`. Descent that does not
    converge has :math:`\infty` at :math:`t = \infty`.

    Raises:
        InputError: if times are negative, or not whole steps for gradient descent.
    """
    require_not_negative("ridge", ridge)
    clock = np.atleast_1d(np.asarray(times, dtype=np.float64))
    require(bool((clock >= 0).all()), f"times from {clock.min()}", "times from 0 on", "drop others")
    n = system.eigenvalues.size
    rates = system.eigenvalues / n + ridge
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        match rule:
            case GradientFlow():
                left, gained = _flow(rates, clock[:, None])
            case GradientDescent():
                whole = np.isinf(clock) | (clock == np.rint(clock))
                require(
                    bool(whole.all()), f"the step {clock[~whole][:1]}", "whole steps", "round it"
                )
                steps = _descent if rule.momentum == 0.0 else _with_momentum
                pairs = [steps(rates, rule, float(time)) for time in clock]
                left, gained = (np.stack(part) for part in zip(*pairs, strict=True))
            case _:
                assert_never(rule)
        if ridge == 0.0:
            dead = np.isinf(clock)[:, None] & (rates <= n * ROUNDING * rates.max())
            left, gained = np.where(dead, 1.0, left), np.where(dead, 0.0, gained)
        share = np.divide(ridge, rates, out=np.ones_like(rates), where=rates > 0)
        residual = share + (1.0 - share) * left
    return Course(_overflown(gained) / n, _overflown(residual))


_Two: TypeAlias = tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]
"""The deviation left, :math:`d`, and :math:`(1 - d) / r`, which has a limit where r = 0."""


def _flow(rates: Float[np.ndarray, " n"], times: Float[np.ndarray, "times 1"]) -> _Two:
    exponent = rates * times
    gained = np.where(rates > 0, -np.expm1(-exponent) / rates, times)
    return np.exp(-exponent), gained


def _descent(rates: Float[np.ndarray, " n"], rule: GradientDescent, steps: float) -> _Two:
    step = rule.learning_rate * rates
    if np.isinf(steps):
        return _limit(rates, np.abs(1.0 - step) < 1.0)
    if steps == 0:
        return np.ones_like(rates), np.zeros_like(rates)
    # (1 - step)^steps by logarithms, so that a small step is not lost against 1.
    logarithm = steps * np.where(step < 1.0, np.log1p(-np.minimum(step, 1.0)), np.log(step - 1.0))
    sign = np.where((step > 1.0) & (steps % 2 == 1), -1.0, 1.0)
    left = sign * np.exp(logarithm)
    lost = np.where(step < 1.0, -np.expm1(logarithm), 1.0 - left)
    return left, np.where(rates > 0, lost / rates, rule.learning_rate * steps)


def _with_momentum(rates: Float[np.ndarray, " n"], rule: GradientDescent, steps: float) -> _Two:
    r"""Raise the map of (deviation, velocity, 1) to a power, eigenvalue by eigenvalue.

    :math:`v' = \mu v + g`, :math:`w' = w - \eta v'` (Nesterov: :math:`w - \eta(g + \mu v')`), with
    :math:`g = r w - 1` for what is gained and :math:`g = r w` for a deviation. Powers by squaring.
    """
    eta, mu = rule.learning_rate, rule.momentum
    zero, one = np.zeros_like(rates), np.ones_like(rates)
    gradient = np.stack([rates, zero, -one], axis=-1)
    velocity = np.stack([rates, mu * one, -one], axis=-1)
    change = gradient + mu * velocity if rule.nesterov else velocity
    kept = np.stack([one, zero, zero], axis=-1)
    constant = np.stack([zero, zero, one], axis=-1)
    step = np.stack([kept - eta * change, velocity, constant], axis=1)
    if np.isinf(steps):
        radius = np.abs(np.linalg.eigvals(step[:, :2, :2])).max(axis=-1)
        return _limit(rates, radius < 1.0)
    power = np.linalg.matrix_power(step, int(steps))
    return power[:, 0, 0], power[:, 0, 2]


def _limit(rates: Float[np.ndarray, " n"], converges: np.ndarray[Any, Any]) -> _Two:
    return np.where(converges, 0.0, np.inf), np.where(converges, 1.0 / rates, np.inf)


def _test_variance(
    system: KernelSystem, learned: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " m"]:
    weights = system.cross * learned
    shared = np.einsum("mn,mn->m", weights, system.prior_cross)
    return system.prior_variance - 2.0 * shared + _quadratic(weights, system.prior)


def _quadratic(
    rows: Float[np.ndarray, "m n"], matrix: Float[np.ndarray, "n n"]
) -> Float[np.ndarray, " m"]:
    return np.einsum("mn,mn->m", rows @ matrix, rows)


def _overflown(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Call infinite what is no number: from finite kernels that is inf - inf of diverged modes."""
    return np.where(np.isnan(values), np.inf, values)
