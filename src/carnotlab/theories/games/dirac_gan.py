r"""The smallest adversarial pair: one point to be moved onto another, one slope to tell them apart.

The generator is a point :math:`\theta`, the data a point at 0, the discriminator :math:`D(x) =
\psi x`. With losses :math:`f(D)` for the generated point (f = -log(1 + e^{-t}), or f = t), and
R1, the penalty :math:`\tfrac\gamma2 \psi^2` on the discriminator's slope at the data, both follow

.. math:: \dot\theta = -\psi f'(\theta\psi), \qquad \dot\psi = \theta f'(\theta\psi) - \gamma\psi .

At the equilibrium 0 the eigenvalues are :math:`-\gamma/2 \pm \sqrt{\gamma^2/4 - f'(0)^2}`: without
R1 purely imaginary, so that the flow neither approaches nor leaves and steps of any size leave;
with it real parts are negative, and :math:`\gamma = 2 f'(0)` is the fastest. Source: mescheder2018.
"""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Complex, Float

from carnotlab.core.errors import require, require_not_negative, require_positive

AdversarialLoss: TypeAlias = Literal["logistic", "linear"]


def slope_at_zero(loss: AdversarialLoss) -> float:
    """Return f'(0): 1/2 for the logistic loss, 1 for the linear one (Wasserstein).

    >>> slope_at_zero("logistic")
    0.5
    """
    require(loss in ("logistic", "linear"), f"loss = {loss!r}", "logistic or linear", "choose one")
    return 0.5 if loss == "logistic" else 1.0


def eigenvalues(penalty: float, loss: AdversarialLoss = "logistic") -> Complex[np.ndarray, " 2"]:
    """Return the two eigenvalues of the flow at its equilibrium, for R1's strength ``penalty``.

    Raises:
        InputError: for a negative penalty or an unknown loss.

    >>> eigenvalues(0.0).imag.tolist(), eigenvalues(1.0).real.tolist()
    ([0.5, -0.5], [-0.5, -0.5])
    """
    require_not_negative("penalty", penalty)
    root = np.sqrt(complex(penalty**2 / 4.0 - slope_at_zero(loss) ** 2))
    return np.array([root, -root]) - penalty / 2.0


def factor_per_step(penalty: float, rate: float, loss: AdversarialLoss = "logistic") -> float:
    r"""Return :math:`\max|1 + \eta\lambda|`, of simultaneous steps near the equilibrium.

    >>> round(factor_per_step(0.0, 0.2), 4), round(factor_per_step(1.0, 0.2), 4)
    (1.005, 0.9)
    """
    require_positive("rate", rate)
    return float(np.abs(1.0 + rate * eigenvalues(penalty, loss)).max())


def adversarial_steps(
    point: Float[np.ndarray, " members"],
    slope: Float[np.ndarray, " members"],
    rate: float,
    penalty: float,
    steps: int,
    loss: AdversarialLoss = "logistic",
) -> Float[np.ndarray, "time members 2"]:
    r"""Return the courses of :math:`(\theta, \psi)` under simultaneous steps of the full model.

    >>> adversarial_steps(np.ones(1), np.zeros(1), 0.2, 0.0, 1).round(2)[1].tolist()
    [[1.0, 0.1]]
    """
    constant = slope_at_zero(loss)
    courses = [np.stack([point, slope], axis=1)]
    for _ in range(steps):
        push = 1.0 / (1.0 + np.exp(point * slope)) if loss == "logistic" else constant
        point, slope = (
            point - rate * slope * push,
            slope + rate * (point * push - penalty * slope),
        )
        courses.append(np.stack([point, slope], axis=1))
    return np.stack(courses)
