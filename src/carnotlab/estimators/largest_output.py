r"""How probable each of several Gaussian outputs is to be the largest."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from carnotlab.core.data import RealArray

REACH, STEP = 9.0, 0.15
"""Range and step of the trapezoidal rule, in standard deviations: exact to 1e-13 here."""


def probability_of_largest(mean: RealArray, std: RealArray) -> Float[np.ndarray, "m k"]:
    r"""Return :math:`P(f_c = \max_j f_j)` for independent :math:`f_j \sim N(\mu_j, \sigma^2)`.

    ``mean`` is ``[m, k]`` and ``std`` is ``[m]``, the same for all outputs of a sample. The one
    integral :math:`\int \varphi(z) \prod_{j \ne c} \Phi(z + (\mu_c - \mu_j)/\sigma)\,dz` is taken
    by the trapezoidal rule, which converges exponentially for it. Rows sum to 1, and the largest
    probability is where the largest mean is. Where ``std`` is 0, the largest outputs share it.

    >>> probability_of_largest(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([1.0, 0.0])).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    mu, sigma = np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)
    found = (mu == mu.max(axis=1, keepdims=True)).astype(np.float64)
    spread = sigma > 0.0
    if spread.any():
        outputs, unit = mu[spread], sigma[spread]
        z = np.arange(-REACH, REACH + STEP / 2, STEP)
        density = np.exp(-0.5 * z**2)
        for c in range(mu.shape[1]):
            below = np.ones((len(outputs), z.size))
            for j in range(mu.shape[1]):
                if j != c:
                    with np.errstate(over="ignore"):
                        ahead = (outputs[:, c] - outputs[:, j]) / unit
                    below *= ndtr(z + ahead[:, None])
            found[spread, c] = below @ density
    return found / found.sum(axis=1, keepdims=True)
