r"""What a two-layer linear network keeps of its start where samples say nothing, and how soon.

N inputs of variance 1/N, P < N samples without noise, one output, a teacher with weights of
variance 1. Samples span P directions; along the others the first layer never moves. A start that
is small learns the map inside the span through one hidden direction, in which the second layer
ends with squared length equal to the map's, :math:`|w_\parallel| = \sqrt{\alpha N}`. What the first
layer holds outside the span at the start, of variance v an entry, is read out by it for good.
Sources: advani2020, saxe2014.
"""

import numpy as np

from carnotlab.core.errors import require, require_positive


def frozen_error(inputs: int, samples: int, weight_variance: float) -> float:
    r"""Return the excess error that the frozen start adds, :math:`(1-\alpha)\sqrt{\alpha N}\,v`.

    For small v: the second layer is balanced with the first once it has learned. In a shallow
    network it would be :math:`(1-\alpha)v`: depth multiplies it by the squared second layer.

    Raises:
        InputError: unless samples are fewer than inputs.

    >>> round(frozen_error(100, 50, 0.01), 6)
    0.035355
    """
    alpha = _ratio(inputs, samples)
    require_positive("weight_variance", weight_variance)
    return (1.0 - alpha) * float(np.sqrt(alpha * inputs)) * weight_variance


def time_per_e_fold(inputs: int, samples: int) -> float:
    r"""Return by how much a start smaller by a factor e is later, in flow time of the mean loss.

    Both layers grow at rate :math:`s = |\Sigma_{yx}|`, of mean square :math:`(1+1/\alpha)/N`:
    the time is :math:`1/s`.

    >>> round(time_per_e_fold(100, 50), 6)
    5.773503
    """
    return float(np.sqrt(inputs / (1.0 + 1.0 / _ratio(inputs, samples))))


def _ratio(inputs: int, samples: int) -> float:
    require(
        0 < samples < inputs,
        f"{samples} samples for {inputs} inputs",
        "fewer samples than inputs, at least one",
        "with more, no direction is frozen",
    )
    return samples / inputs
