r"""Fresh label noise makes two layers equally large: the one case that can be derived exactly.

For one linear path :math:`\hat y = u v x` and gradient descent with the mean gradient
:math:`g = \langle (uvx - y)\,x\rangle` of a batch, :math:`u' = u - \eta g v`, :math:`v' = v - \eta
g u`, so that the imbalance, which the flow conserves, obeys exactly

.. math:: u'^2 - v'^2 = (1 - \eta^2 g^2)\,(u^2 - v^2).

Without noise g vanishes as the path is learned, and the imbalance of the start is kept. Labels
whose noise of variance :math:`\sigma^2` is drawn anew for every batch of B samples never let g
vanish, :math:`E g^2 = \sigma^2 \langle x^2\rangle/B` and more, and the imbalance decays as

.. math:: u^2 - v^2 \propto e^{-\eta^2 \sigma^2 \langle x^2 \rangle t / B}

towards the flattest of all weights that fit, :math:`u = v` (least trace of the Hessian,
:math:`u^2 + v^2`). The bias is one of second order in the rate. Sources: blanc2020, damian2021.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require_not_negative, require_positive


def imbalance_course(
    times: Float[np.ndarray, " time"],
    imbalance: float,
    rate: float,
    noise_variance: float,
    batch: int,
    curvature: float,
    input_variance: float = 1.0,
) -> Float[np.ndarray, " time"]:
    r"""Return the mean imbalance :math:`u^2 - v^2` over steps at weights that fit, Gaussian inputs.

    To leading order in the rate each step multiplies it by :math:`1 - \eta^2 E g^2`, with

    .. math:: E g^2 = \frac{\sigma^2 s^2}{B}\Bigl(1 + \frac{\eta h\,(B + 2)/B}{2 -
              \eta h (B+2)/B}\Bigr), \quad h = s^2 (u^2 + v^2),

    the bracket for weights that jitter about the fit; exact for fixed h, that is, while the
    imbalance changes little in the time 1/(ηh) of the jitter.

    Args:
        times: Steps.
        imbalance: :math:`u^2 - v^2` at time zero.
        rate: η.
        noise_variance: σ² of labels.
        batch: B, samples a step, all fresh.
        curvature: :math:`u^2 + v^2`, taken as constant.
        input_variance: :math:`s^2 = \langle x^2\rangle`.

    Raises:
        InputError: for numbers that are not positive.

    >>> imbalance_course(np.array([0.0, 1000.0]), 1.0, 0.01, 10.0, 1, 0.0).round(4).tolist()
    [1.0, 0.3677]
    """
    require_positive("rate", rate)
    require_positive("batch", batch)
    require_not_negative("noise_variance", noise_variance)
    require_positive("input_variance", input_variance)
    turn = rate * input_variance * curvature * (batch + 2.0) / batch
    jitter = 1.0 + turn / (2.0 - turn)
    square = noise_variance * input_variance / batch * jitter
    return imbalance * (1.0 - rate**2 * square) ** times
