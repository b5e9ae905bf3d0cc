r"""Interpolators drawn at random against those of least norm and of gradient descent.

Linear regression with N weights of variance :math:`\sigma_w^2`, inputs :math:`x\sim N(0, I/N)`,
P < N labels with noise of variance :math:`\sigma_e^2`, :math:`\alpha = P/N`. Whatever fits all
labels is the interpolator of least norm plus something in the N − P directions that no sample
sees; the rules differ only in what they put there. Hence "a random network that fits the data"
says nothing before the prior is declared: its error is that of the prior in these directions, and
a flat one gives infinity. Errors are excess errors, without the noise of labels to be predicted,
in squared target units. Sources: advani2020 for least norm and descent; the rest is derived here.
"""

from typing import NamedTuple

import numpy as np

from carnotlab.core.errors import require, require_not_negative, require_positive
from carnotlab.theories.high_dimensional.effective_ridge import effective_ridge


class PosteriorErrors(NamedTuple):
    """Excess errors of the posterior's mean and of one sample of it."""

    mean: float
    sample: float


def least_norm_error(
    inputs: int, samples: int, *, teacher_variance: float = 1.0, noise_variance: float = 0.0
) -> float:
    r"""Return :math:`(1 - \alpha)\sigma_w^2 + \sigma_e^2 P/(N - P - 1)`, exact at finite N.

    Raises:
        InputError: unless 1 ≤ P ≤ N − 2, beyond which noise has no finite mean effect.

    >>> least_norm_error(100, 50)
    0.5
    """
    _require_sizes(inputs, samples)
    require_not_negative("teacher_variance", teacher_variance)
    require_not_negative("noise_variance", noise_variance)
    fitted_noise = noise_variance * samples / (inputs - samples - 1)
    return (1.0 - samples / inputs) * teacher_variance + fitted_noise


def gibbs_error(
    inputs: int,
    samples: int,
    *,
    prior_variance: float,
    teacher_variance: float = 1.0,
    noise_variance: float = 0.0,
) -> float:
    r"""Return the mean error of interpolators drawn from a Gaussian prior, given the labels.

    :math:`(1 - \alpha)(\sigma_w^2 + \sigma_p^2) + \sigma_e^2 P/(N - P - 1)`, exact at finite N.
    The prior, :math:`N(0, \sigma_p^2)` for each weight, has no default. Gradient descent to
    convergence from weights of variance :math:`\sigma_p^2` has the same error, in law and not only
    in mean: both leave the unseen directions as they were drawn.

    Args:
        inputs: N weights.
        samples: P labels, all fitted.
        prior_variance: :math:`\sigma_p^2` ≥ 0; ``inf``, a flat prior, gives ``inf``.
        teacher_variance: Of each of the teacher's weights.
        noise_variance: Of the labels.

    >>> gibbs_error(100, 50, prior_variance=1.0), gibbs_error(100, 50, prior_variance=0.0)
    (1.0, 0.5)
    >>> gibbs_error(100, 50, prior_variance=float("inf"))
    inf
    """
    require(
        prior_variance >= 0.0,
        f"prior_variance = {prior_variance}",
        "at least 0, or inf for a flat prior",
        "declare the variance of a weight before any label is seen",
    )
    least = least_norm_error(
        inputs, samples, teacher_variance=teacher_variance, noise_variance=noise_variance
    )
    return least + (1.0 - samples / inputs) * prior_variance


def sphere_error(
    inputs: int,
    samples: int,
    *,
    prior_variance: float,
    teacher_variance: float = 1.0,
    noise_variance: float = 0.0,
) -> float:
    r"""Return the mean error of interpolators uniform on the sphere of N·``prior_variance``.

    :math:`\sigma_p^2 + (1 - 2\alpha)\sigma_w^2`, whatever the noise: a longer least-norm solution
    leaves less length for the directions that no sample sees. With the teacher's own length this is
    :math:`2(1 - \alpha)\sigma_w^2`, as for the Gaussian prior.

    Raises:
        InputError: if the sphere is too small to hold interpolators on average.

    >>> sphere_error(100, 50, prior_variance=1.0)
    1.0
    """
    _require_sizes(inputs, samples)
    require_positive("prior_variance", prior_variance)
    require_not_negative("teacher_variance", teacher_variance)
    require_not_negative("noise_variance", noise_variance)
    share = samples / inputs
    least = share * teacher_variance + noise_variance * samples / (inputs - samples - 1)
    require(
        prior_variance >= least,
        f"prior_variance = {prior_variance:g}",
        f"at least {least:.3g}, the mean square of the least-norm weights",
        "enlarge the sphere: none of its points fits the labels",
    )
    return prior_variance + (1.0 - 2.0 * share) * teacher_variance


def posterior_errors(
    samples_per_input: float,
    *,
    prior_variance: float,
    assumed_noise: float,
    teacher_variance: float = 1.0,
    noise_variance: float,
) -> PosteriorErrors:
    r"""Return the errors of the Bayes mean and of one posterior sample, as N grows at fixed α.

    With the inverse resolvent's trace :math:`m` at the ridge
    :math:`\lambda = \sigma_s^2/\sigma_p^2`, :math:`\sigma_s^2` the ``assumed_noise``, the sample
    adds :math:`\sigma_s^2 m` to the mean. Where prior and noise are as assumed, that is the error
    of the mean once more: a sample is exactly twice as far off.

    Raises:
        InputError: for variances of zero or less, or a negative ``noise_variance``.

    >>> found = posterior_errors(2.0, prior_variance=1.0, assumed_noise=0.5, noise_variance=0.5)
    >>> round(found.sample / found.mean, 12)
    2.0
    """
    require_positive("prior_variance", prior_variance)
    require_positive("assumed_noise", assumed_noise)
    require_not_negative("teacher_variance", teacher_variance)
    require_not_negative("noise_variance", noise_variance)
    ridge = assumed_noise / prior_variance
    # One eigenvalue stands for all: the equation is that of N of them, divided by N.
    kappa = effective_ridge(np.ones(1), samples_per_input, ridge)
    learned = 1.0 / (1.0 + kappa)
    free = 1.0 - learned**2 / samples_per_input
    total = ((1.0 - learned) ** 2 * teacher_variance + noise_variance) / free
    mean = total - noise_variance
    return PosteriorErrors(mean, mean + prior_variance * (1.0 - learned))


def _require_sizes(inputs: int, samples: int) -> None:
    require(
        1 <= samples <= inputs - 2,
        f"{samples} samples for {inputs} weights",
        "between 1 and two fewer than there are weights",
        "take fewer samples or more weights: beyond, the labels leave nothing to choose",
    )
