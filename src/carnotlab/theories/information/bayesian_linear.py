r"""Bayesian linear regression: where bits in weights, codelengths and evidence are one number.

Weights :math:`w \sim N(0, \tau^2 I)`, targets :math:`y = A w + N(0, \sigma^2 I)`. For the posterior
Q and the prior P,

.. math:: -\ln p(y|A) = E_Q[-\ln p(y|w)] + \mathrm{KL}(Q\|P) = \sum_b -\ln p(y_b | y_{<b}),

data misfit plus information in the weights equals the prequential code, for blocks of any size.
Over data from the model itself the information is on average the capacity of a Gaussian channel,
:math:`E\,\mathrm{KL} = \tfrac12 \ln\det(I + \tfrac{\tau^2}{\sigma^2} A A^\top)`. The gold test of
any estimator of information in weights.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from carnotlab.core.data import Batch
from carnotlab.core.errors import require_positive
from carnotlab.theories.information.prequential import Fit

Inputs = Float[np.ndarray, "n p"]


class Posterior(NamedTuple):
    """A Gaussian over weights: ``mean: [p]``, ``covariance: [p, p]``."""

    mean: Float[np.ndarray, " p"]
    covariance: Float[np.ndarray, "p p"]


def posterior(
    a: Inputs, y: Float[np.ndarray, " n"], prior_variance: float, noise_variance: float
) -> Posterior:
    """Return the distribution of the weights given the targets.

    Raises:
        InputError: for variances that are not positive.

    >>> posterior(np.ones((1, 1)), np.ones(1), 1.0, 1.0).mean.round(6).tolist()
    [0.5]
    """
    require_positive("prior_variance", prior_variance)
    require_positive("noise_variance", noise_variance)
    p = a.shape[1]
    factor = cho_factor(a.T @ a / noise_variance + np.eye(p) / prior_variance)
    covariance = cho_solve(factor, np.eye(p))
    return Posterior(covariance @ (a.T @ y) / noise_variance, covariance)


def log_evidence(
    a: Inputs, y: Float[np.ndarray, " n"], prior_variance: float, noise_variance: float
) -> float:
    r"""Return :math:`\ln p(y|A)`, y Gaussian of covariance :math:`\sigma^2 I + \tau^2 A A^\top`.

    >>> log_evidence(np.ones((1, 1)), np.zeros(1), 1.0, 1.0).__round__(4)
    -1.2655
    """
    covariance = noise_variance * np.eye(len(y)) + prior_variance * a @ a.T
    return _log_density(y, np.zeros(len(y)), covariance)


def information_in_weights(found: Posterior, prior_variance: float) -> float:
    """Return the divergence of the posterior from the prior, in nats."""
    p = len(found.mean)
    trace = float(np.trace(found.covariance)) / prior_variance
    logs = float(np.linalg.slogdet(found.covariance)[1]) - p * np.log(prior_variance)
    return 0.5 * (trace + float(found.mean @ found.mean) / prior_variance - p - logs)


def expected_misfit(
    found: Posterior, a: Inputs, y: Float[np.ndarray, " n"], noise_variance: float
) -> float:
    r"""Return :math:`E_Q[-\ln p(y|w)]`, in nats."""
    gap = y - a @ found.mean
    square = float(gap @ gap) + float(np.sum((a @ found.covariance) * a))
    return 0.5 * (square / noise_variance + len(y) * float(np.log(2.0 * np.pi * noise_variance)))


def expected_information(a: Inputs, prior_variance: float, noise_variance: float) -> float:
    r"""Return the mean information over data of the model, a channel's capacity, in nats.

    >>> expected_information(np.ones((1, 1)), 3.0, 1.0).__round__(6)
    0.693147
    """
    ratio = prior_variance / noise_variance
    return 0.5 * float(np.linalg.slogdet(np.eye(len(a)) + ratio * a @ a.T)[1])


def bayesian_learner(prior_variance: float, noise_variance: float) -> Fit:
    """Return the learner whose prequential code is minus the log of the evidence."""

    def fit(seen: Batch) -> "Predictive":
        found = posterior(
            np.asarray(seen.x), np.asarray(seen.y)[:, 0], prior_variance, noise_variance
        )
        return Predictive(found, noise_variance)

    return fit


class Predictive(NamedTuple):
    """What the posterior says of further targets, all together."""

    found: Posterior
    noise_variance: float

    def __call__(self, new: Batch) -> float:
        """Return minus the log of their density, nats."""
        a, y = np.asarray(new.x), np.asarray(new.y)[:, 0]
        covariance = self.noise_variance * np.eye(len(y)) + a @ self.found.covariance @ a.T
        return -_log_density(y, a @ self.found.mean, covariance)


def _log_density(
    y: Float[np.ndarray, " n"], mean: Float[np.ndarray, " n"], covariance: Float[np.ndarray, "n n"]
) -> float:
    gap = y - mean
    square = float(gap @ np.linalg.solve(covariance, gap))
    logs = float(np.linalg.slogdet(2.0 * np.pi * covariance)[1])
    return -0.5 * (square + logs)
