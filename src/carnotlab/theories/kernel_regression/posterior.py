r"""The Gaussian process of a wide network's start, conditioned on data: Bayesian inference.

With the covariance :math:`K` of one output at the start and independent noise :math:`\sigma^2`,
:math:`C = K_{XX} + \sigma^2` (lee2018, rasmussen2006),

.. math::
    \mu = K_{xX} C^{-1} y, \qquad \Sigma = K_{xx'} - K_{xX} C^{-1} K_{Xx'}, \qquad
    \log p(y) = -\tfrac12 y^\top C^{-1} y - \tfrac12 \log\det C - \tfrac n2 \log 2\pi.

Outputs are independent, with one covariance.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.theories.kernel_regression.checking import finite_block, target_columns
from carnotlab.theories.kernel_regression.cholesky import cholesky_factor


class Posterior(NamedTuple):
    """Mean and covariance of outputs, without noise; the covariance is that of each output."""

    mean: Float[np.ndarray, "m k"]
    covariance: Float[np.ndarray, "m m"]

    @property
    def std(self) -> Float[np.ndarray, " m"]:
        """Standard deviation of each output."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))


def gaussian_process_posterior(
    *,
    nngp_train: RealArray,
    nngp_test: RealArray,
    nngp_test_test: RealArray,
    targets: RealArray,
    noise_variance: float,
) -> Posterior:
    """Return the posterior of outputs at held-out samples.

    ``nngp_train`` is ``[n, n]``, ``nngp_test`` is ``[m, n]`` (held-out by training samples),
    ``nngp_test_test`` is ``[m, m]``, ``targets`` are ``[n, k]``.

    Raises:
        InputError: if shapes do not fit, or the covariance with its noise is not positive
            definite; says which noise variance (ridge) mends.

    >>> one = np.ones((1, 1))
    >>> known = dict(nngp_train=one, nngp_test=one, nngp_test_test=one, targets=2 * one)
    >>> found = gaussian_process_posterior(**known, noise_variance=1.0)
    >>> round(found.mean.item(), 12), round(found.covariance.item(), 12)
    (1.0, 0.5)
    """
    y = target_columns(targets)
    n, m = y.shape[0], np.shape(nngp_test_test)[0]
    factor = cholesky_factor(finite_block("nngp_train", nngp_train, (n, n)), noise_variance)
    cross = finite_block("nngp_test", nngp_test, (m, n))
    prior = finite_block("nngp_test_test", nngp_test_test, (m, m))
    seen = factor.whiten(cross.T)
    return Posterior(cross @ factor.solve(y), prior - seen.T @ seen)


def log_marginal_likelihood(
    nngp_train: RealArray, targets: RealArray, noise_variance: float
) -> float:
    """Return the log density of all targets under the prior with noise, in nats.

    ``nngp_train`` is ``[n, n]`` and ``targets`` ``[n, k]``; outputs add.

    Raises:
        InputError: as `gaussian_process_posterior`.

    >>> round(log_marginal_likelihood(np.zeros((1, 1)), np.zeros((1, 1)), 1.0), 4)
    -0.9189
    """
    y = target_columns(targets)
    n, k = y.shape
    factor = cholesky_factor(finite_block("nngp_train", nngp_train, (n, n)), noise_variance)
    fit = float(np.sum(factor.whiten(y) ** 2))
    return -0.5 * (fit + k * factor.log_determinant + k * n * float(np.log(2 * np.pi)))
