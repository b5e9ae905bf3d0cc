r"""How fast a balanced deep linear network converges at the least.

While the end-to-end map W is closer to the least-squares map :math:`\Phi` than :math:`\Phi` is to
losing rank, by a margin c, no singular value of W falls below c, and the excess loss
:math:`\ell = L(W) - L(\Phi)` obeys, in flow time,

.. math:: \ell(t) \le \ell(0)\, \exp(-2\, M\, \lambda_{\min}\, c^{2-2/N}\, t),

with :math:`\lambda_{\min}` the least eigenvalue of the input covariance and M = N layers where the
map is square, M = 1 where it is not: then all but one of the N terms of the end-to-end flow vanish
on directions outside the row (or column) space of W. Source: arora2019b.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require
from carnotlab.tasks.base import Task
from carnotlab.tasks.statistics import input_covariance, input_output_correlation


class ConvergenceBound(NamedTuple):
    """``excess`` loss at time zero above the best map's, the ``margin`` c and the ``rate``."""

    excess: float
    margin: float
    rate: float

    def at(self, times: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
        """Return the bound on the excess loss at flow times."""
        return self.excess * np.exp(-self.rate * np.asarray(times, dtype=np.float64))


def convergence_bound(
    task: Task, start: Float[np.ndarray, "outputs inputs"], layers: int
) -> ConvergenceBound:
    r"""Return the bound for gradient flow of balanced layers whose product starts at ``start``.

    The margin is :math:`c = \sigma_{\min}(\Phi) - \sqrt{2\ell(0)/\lambda_{\min}}`, which for
    whitened inputs is :math:`\sigma_{\min}(\Phi) - \|W(0) - \Phi\|_F`. The hidden layers must be
    at least as wide as the narrower end, or balanced layers of such a product do not exist.

    Raises:
        InputError: if the inputs do not have full rank, or the start is so far from the
            least-squares map that there is no margin: the bound then says nothing.

    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> task = LinearMap(2, 2, (2.0, 1.0))
    >>> bound = convergence_bound(task, 0.9 * task.matrix, 3)
    >>> round(bound.excess, 6), round(bound.margin, 6), round(bound.rate, 3)
    (0.025, 0.776393, 4.281)
    """
    require(layers >= 1, f"layers = {layers}", "at least 1", "count the weight matrices")
    covariance = input_covariance(task)
    power = np.linalg.eigvalsh(covariance)
    require(
        bool(power[0] > len(power) * np.finfo(np.float64).eps * power[-1]),
        "inputs whose covariance is singular",
        "inputs that vary in every direction",
        "project them onto the directions they have, or add samples",
    )
    best = np.linalg.solve(covariance, input_output_correlation(task).T).T
    gap = np.asarray(start, dtype=np.float64) - best
    excess = 0.5 * float(np.sum((gap @ covariance) * gap))
    margin = float(np.linalg.svd(best, compute_uv=False)[-1] - np.sqrt(2.0 * excess / power[0]))
    require(
        margin > 0.0,
        f"a start with the margin {margin:.2g}",
        "a start nearer to the least-squares map than that is to losing rank",
        "start nearer; plateaus near saddles rule out any bound from small starts",
    )
    terms = layers if gap.shape[0] == gap.shape[1] else 1
    rate = 2.0 * terms * float(power[0]) * margin ** (2.0 - 2.0 / layers)
    return ConvergenceBound(excess, margin, rate)
