r"""The largest curvature at which a rule still descends: the edge of stability.

Along an eigenvector of curvature h every rule here is a linear recursion, stable iff its largest
root is below 1 in size (`growth`). In closed form the limits are

=================  ==================================
gradient descent   :math:`2/\eta`
heavy ball         :math:`(2 + 2\beta)/\eta`
Nesterov           :math:`(2 + 2\beta)/\eta(1 + 2\beta)`
Adam               :math:`(2 + 2\beta_1)/\eta(1 - \beta_1)`
=================  ==================================

the last for the Hessian preconditioned by Adam's second moments, held fixed. Full-batch training
of networks drives the curvature up to the limit and holds it there: an observation, not a theorem.
Sources: cohen2021, cohen2022.
"""

from typing import TypeAlias, assert_never

import numpy as np

from carnotlab.core.errors import require_positive
from carnotlab.experiment.rules import Adam, GradientDescent

Stepped: TypeAlias = GradientDescent | Adam


def largest_stable_curvature(rule: Stepped) -> float:
    r"""Return the curvature above which steps along an eigenvector grow. Unit: 1/flow time.

    For `Adam`, of :math:`P^{-1/2} H P^{-1/2}` with P the diagonal of its preconditioner.

    >>> largest_stable_curvature(GradientDescent(0.1, momentum=0.5))
    30.0
    """
    eta = rule.learning_rate
    match rule:
        case GradientDescent(_, beta, True):
            return (2.0 + 2.0 * beta) / (eta * (1.0 + 2.0 * beta))
        case GradientDescent(_, beta, _):
            return (2.0 + 2.0 * beta) / eta
        case Adam(_, beta, _, _):
            return (2.0 + 2.0 * beta) / (eta * (1.0 - beta))
        case _:
            assert_never(rule)


def largest_stable_rate(rule: Stepped, curvature: float) -> float:
    """Return the rate above which a rule of these momenta grows at a given largest curvature.

    >>> largest_stable_rate(GradientDescent(1.0), 4.0)
    0.5
    """
    require_positive("curvature", curvature)
    return largest_stable_curvature(rule) * rule.learning_rate / curvature


def growth(rule: Stepped, curvature: float) -> float:
    r"""Return the factor by which steps along an eigenvector grow in the end: the largest root.

    From the matrix that takes weight and buffer from one step to the next.

    >>> round(growth(GradientDescent(0.1), 25.0), 6)
    1.5
    """
    eta = rule.learning_rate
    match rule:
        case GradientDescent(_, beta, nesterov):
            into = 1.0
        case Adam(_, beta, _, _):
            into, nesterov = 1.0 - beta, False
        case _:
            assert_never(rule)
    gradient = np.array([curvature, 0.0])
    buffer = into * gradient + np.array([0.0, beta])
    step = gradient + beta * buffer if nesterov else buffer
    weight = np.array([1.0, 0.0]) - eta * step
    return float(np.abs(np.linalg.eigvals(np.stack([weight, buffer]))).max())
