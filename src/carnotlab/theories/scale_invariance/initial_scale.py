r"""Learning rate and initial scale are one number for a network without scale.

If :math:`L(cw) = L(w)`, training from :math:`c w_0` at rate :math:`c^2\eta` and decay
:math:`\lambda/c^2` takes the course of :math:`(w_0, \eta, \lambda)` with all weights c times as
large and the momentum buffer 1/c times. What counts is :math:`\eta/|w_0|^2` and
:math:`\eta\lambda`, of which the latter is left alone: a rate a hundredth of the usual one
throughout training, with a hundredfold decay, is the usual training from weights a tenth the size.
From the same start it only ends up there after the decay has had time, :math:`O(1/\eta\lambda)`, to
shrink the weights. Sources: vanlaarhoven2017, li2020, li2020b.
"""

from math import log
from typing import NamedTuple

from carnotlab.core.errors import require_positive


class AtScale(NamedTuple):
    """Rate and decay for weights of another scale, and the factor on momentum buffers."""

    rate: float
    decay: float
    buffer: float


def at_scale(factor: float, rate: float, decay: float) -> AtScale:
    """Return what goes with weights ``factor`` times as large, for the same course of the function.

    >>> at_scale(0.5, 0.1, 1e-3)
    AtScale(rate=0.025, decay=0.004, buffer=2.0)
    """
    require_positive("factor", factor)
    return AtScale(factor**2 * rate, decay / factor**2, 1.0 / factor)


def steps_of_shrinking(factor: float, rate: float, decay: float, momentum: float = 0.0) -> float:
    r"""Return how many steps decay alone takes to divide weights by ``factor``.

    :math:`(1 - \gamma)\ln f/(\eta\lambda)`, to leading order in :math:`\eta\lambda`: how much later
    training at a tiny rate from the usual start arrives where it does from weights scaled down.

    >>> round(steps_of_shrinking(10.0, 1e-3, 0.05))
    46052
    """
    return (1.0 - momentum) * log(factor) / (rate * decay)
