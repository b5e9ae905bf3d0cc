r"""Parameterizations: the only place that knows multipliers, initial variances and rate scaling.

With fan-in :math:`n` and stored weights :math:`w`, the effective weights are
:math:`W = m\,w`, :math:`w \sim N(0, s^2)` at the start, and the learning rate of :math:`w` is
multiplied by :math:`r`:

==============  ======================  ==================  =======================
kind            multiplier m            initial std s       rate r (gradient rules)
==============  ======================  ==================  =======================
standard        1                       sqrt(var_w / n)     1
NTK             sqrt(var_w / n)         1                   1
mean field      as NTK; output layer    1                   (richness)^2 N
                also / (richness sqrt N)
==============  ======================  ==================  =======================

:math:`N` is the width of the last hidden layer. The mean-field form equals muP for gradient
descent: pre-activations move by O(1) in a finite time at any width.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, assert_never

from carnotlab.core.errors import require_positive

Position: TypeAlias = Literal["input", "hidden", "output"]
RuleKind: TypeAlias = Literal["gradient", "adaptive"]


@dataclass(frozen=True)
class Standard:
    """Weights as they are trained in practice; the kernel grows with width."""


@dataclass(frozen=True)
class NTK:
    """Neural-tangent parameterization: a kernel limit at a width-independent rate (jacot2018)."""


@dataclass(frozen=True)
class MeanField:
    """Mean-field parameterization (muP for gradient descent): features move at any width.

    ``richness`` divides the output further, so that a smaller one is lazier. Source: yang2021.
    """

    richness: float = 1.0

    def __post_init__(self) -> None:
        require_positive("richness", self.richness)


Parameterization: TypeAlias = Standard | NTK | MeanField


class Place(NamedTuple):
    """Where a dense layer stands in its network."""

    fan_in: int
    position: Position
    width: int
    """Width of the last hidden layer (the number of inputs, without hidden layers)."""


class Scaling(NamedTuple):
    """Multipliers of stored weights and biases, and their initial standard deviations."""

    weight_multiplier: float
    weight_std: float
    bias_multiplier: float
    bias_std: float


def scaling(
    kind: Parameterization, place: Place, weight_variance: float, bias_variance: float
) -> Scaling:
    """Return multipliers and initial standard deviations of one dense layer.

    >>> scaling(Standard(), Place(4, "hidden", 4), 1.0, 0.0)
    Scaling(weight_multiplier=1.0, weight_std=0.5, bias_multiplier=1.0, bias_std=0.0)
    """
    spread = (weight_variance / place.fan_in) ** 0.5
    bias_spread = bias_variance**0.5
    match kind:
        case Standard():
            return Scaling(1.0, spread, 1.0, bias_spread)
        case NTK():
            return Scaling(spread, 1.0, bias_spread, 1.0)
        case MeanField(richness):
            damping = richness * place.width**0.5 if place.position == "output" else 1.0
            return Scaling(spread / damping, 1.0, bias_spread / damping, 1.0)
        case _:
            assert_never(kind)


def learning_rate_scale(kind: Parameterization, place: Place, rule: RuleKind) -> float:
    r"""Return the factor on the learning rate of one dense layer's stored weights.

    For rules that normalize the gradient (``adaptive``) the update of a stored weight has size
    :math:`\eta` whatever the gradient, so hidden layers need :math:`1/\sqrt{n}` where the
    multiplier is :math:`1/\sqrt n`.

    >>> learning_rate_scale(MeanField(), Place(64, "hidden", 64), "gradient")
    64.0
    """
    match kind:
        case Standard() | NTK():
            return 1.0
        case MeanField(richness):
            if rule == "gradient":
                return richness**2 * place.width
            return place.fan_in**-0.5 if place.position == "hidden" else 1.0
        case _:
            assert_never(kind)
