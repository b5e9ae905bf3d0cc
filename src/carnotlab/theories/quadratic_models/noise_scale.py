r"""How large a batch is worth: noise scale of gradients and the critical batch size.

A step :math:`-\eta g` along a gradient of B samples with mean G and covariance :math:`\Sigma/B`
changes a quadratic loss by :math:`-\eta|G|^2 + \tfrac{\eta^2}{2}(G^\top H G +
\mathrm{tr}(H\Sigma)/B)` on average, exactly. At the best rate it falls by
:math:`\Delta L_{\max}/(1 + B_{\mathrm{noise}}/B)` with

.. math:: B_{\mathrm{noise}} = \mathrm{tr}(H\Sigma)/G^\top H G, \qquad
          B_{\mathrm{simple}} = \mathrm{tr}\,\Sigma/|G|^2,

equal where H is a multiple of the identity. Source: mccandlish2018.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative, require_positive


@dataclass(frozen=True)
class GradientMoments:
    r"""Mean and noise of the gradient of one sample: what a step's mean effect depends on."""

    square: float
    """:math:`|G|^2`."""
    noise: float
    r""":math:`\mathrm{tr}\,\Sigma`."""
    bend: float
    r""":math:`G^\top H G`."""
    noise_bend: float
    r""":math:`\mathrm{tr}(H\Sigma)`."""

    @property
    def simple_scale(self) -> float:
        """The noise scale that two batch sizes can measure, without the Hessian."""
        return self.noise / self.square

    @property
    def critical_batch(self) -> float:
        """The batch at which a step at its best rate does half of what a full batch does."""
        return self.noise_bend / self.bend

    def mean_drop(self, rate: float, batch: float) -> float:
        """Return by how much one step lowers the loss on average."""
        return rate * self.square - 0.5 * rate**2 * (self.bend + self.noise_bend / batch)

    def best_rate(self, batch: float) -> float:
        r"""Return :math:`\eta_{\max}/(1 + B_{\mathrm{noise}}/B)`: linear in B only far below it."""
        return self.square / (self.bend + self.noise_bend / batch)


@dataclass(frozen=True)
class NoiseEstimate:
    r"""Estimates of :math:`|G|^2` and :math:`\mathrm{tr}\,\Sigma`, and their ratio."""

    square: float
    noise: float

    @property
    def scale(self) -> float:
        """The estimated noise scale, infinite where no mean gradient was seen."""
        return self.noise / self.square if self.square > 0.0 else float("inf")


def least_squares_moments(
    curvatures: Float[np.ndarray, " d"],
    displacement: Float[np.ndarray, " d"],
    noise_variance: float = 0.0,
) -> GradientMoments:
    r"""Return the moments for Gaussian least squares at :math:`w - w^* = \delta`, exactly.

    Along the eigenvectors of H: :math:`G = h\delta`, :math:`\Sigma = GG^\top + H\,(\delta^\top
    H\delta + \sigma^2)`.

    >>> least_squares_moments(np.ones(4), np.array([1.0, 0.0, 0.0, 0.0])).critical_batch
    5.0
    """
    require_not_negative("noise_variance", noise_variance)
    h, delta = np.asarray(curvatures, np.float64), np.asarray(displacement, np.float64)
    squares = (h * delta) ** 2
    require(
        bool(squares.sum() > 0.0),
        "a displacement without gradient",
        "a point away from the minimum",
        "at the minimum every batch is too small",
    )
    noises = squares + h * (float(h @ delta**2) + noise_variance)
    return GradientMoments(
        float(squares.sum()), float(noises.sum()), float(h @ squares), float(h @ noises)
    )


def noise_from_two_batches(
    small: Float[np.ndarray, " draws"],
    large: Float[np.ndarray, " draws"],
    batch_small: int,
    batch_large: int,
) -> NoiseEstimate:
    r"""Estimate the noise scale from squared gradient norms of batches of two sizes.

    With means over draws, :math:`|G|^2 = (B_b\langle|g_b|^2\rangle - B_s\langle|g_s|^2\rangle)/
    (B_b - B_s)` and :math:`\mathrm{tr}\,\Sigma = (\langle|g_s|^2\rangle - \langle|g_b|^2\rangle)/
    (1/B_s - 1/B_b)`, both without bias. Their ratio is taken after the means: a mean of ratios
    would be dominated by draws in which the gradient almost vanishes. Source: mccandlish2018.

    >>> noise_from_two_batches(np.array([3.0]), np.array([1.5]), 1, 4)
    NoiseEstimate(square=1.0, noise=2.0)
    """
    require(
        0 < batch_small < batch_large,
        f"batches of {batch_small} and {batch_large}",
        "two sizes, the smaller first",
        "use one sample and many",
    )
    s, b = float(np.mean(small)), float(np.mean(large))
    square = (batch_large * b - batch_small * s) / (batch_large - batch_small)
    return NoiseEstimate(square, (s - b) / (1.0 / batch_small - 1.0 / batch_large))


def samples_over_least(steps_over_least: float) -> float:
    r"""Return what of samples fewer steps cost: :math:`(S/S_{\min} - 1)(E/E_{\min} - 1) = 1`.

    E samples in S steps of one constant batch, to one loss; follows where the noise scale stays
    put. Source: mccandlish2018.

    >>> samples_over_least(2.0)
    2.0
    """
    require_positive("steps_over_least - 1", steps_over_least - 1.0)
    return 1.0 + 1.0 / (steps_over_least - 1.0)
