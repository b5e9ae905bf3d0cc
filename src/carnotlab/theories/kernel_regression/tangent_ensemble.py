r"""Ensembles of wide networks trained from random starts: Gaussian at any time of training."""

import numpy as np

from carnotlab.core.data import RealArray
from carnotlab.theories.kernel_dynamics import Clock, KernelSystem, covariance, mean_and_variance
from carnotlab.theories.kernel_regression.posterior import Posterior


def tangent_ensemble(
    system: KernelSystem,
    rule: Clock,
    time: float,
    nngp_test_test: RealArray,
    ridge: float = 0.0,
) -> Posterior:
    r"""Return mean and covariance over starts of the outputs at held-out samples.

    ``time`` is flow time or steps, as ``rule`` says, and may be infinite. ``ridge`` is
    :math:`\kappa` as a solver has it, added to :math:`\Theta_{XX}`: a weight decay to the start of
    :math:`\kappa/n`. Unlike `gaussian_process_posterior` this is no Bayesian posterior: the
    tangent kernel trains what the prior drew (lee2019).

    >>> from carnotlab.experiment.rules import GradientFlow
    >>> from carnotlab.theories.kernel_dynamics import kernel_system
    >>> one = np.ones((1, 1))
    >>> blocks = {name: one for name in ("ntk_train", "ntk_test", "nngp_train", "nngp_test")}
    >>> system = kernel_system(**blocks, nngp_test_variance=np.ones(1), targets=2 * one)
    >>> found = tangent_ensemble(system, GradientFlow(), np.log(2.0), one)
    >>> round(found.mean.item(), 12), round(found.covariance.item(), 12)
    (1.0, 0.25)
    """
    decay = ridge / system.eigenvalues.size
    moments = mean_and_variance(system, rule, np.asarray([time]), decay)
    return Posterior(moments.test_mean[0], covariance(system, rule, time, nngp_test_test, decay))
