r"""Learning rules as plain data; optax or diffrax carries them out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import optax

from carnotlab.core.errors import require, require_positive
from carnotlab.networks.parameterization import RuleKind


@dataclass(frozen=True)
class GradientDescent:
    r"""Gradient descent, :math:`w \leftarrow w - \eta\, \partial L`, with momentum if any.

    With momentum: :math:`v \leftarrow \mu v + \partial L`, :math:`w \leftarrow w - \eta v`.

    >>> GradientDescent(0.1).momentum
    0.0
    """

    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        require(
            0.0 <= self.momentum < 1.0,
            f"momentum = {self.momentum}",
            "0 <= momentum < 1",
            "use 0.9, or 0 for none",
        )


@dataclass(frozen=True)
class Adam:
    """Adam, with optax's defaults for what is not given."""

    learning_rate: float = 1e-3
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)


@dataclass(frozen=True)
class OptaxRule:
    """Any other rule of optax: ``make(learning_rate, **options)``.

    ``kind`` says whether the rule normalizes the gradient, which decides how the mean-field
    parameterization scales its rate.

    >>> OptaxRule(optax.rmsprop, 1e-3, options=(("decay", 0.9),)).kind
    'adaptive'
    """

    make: Callable[..., optax.GradientTransformation]
    learning_rate: float
    options: tuple[tuple[str, Any], ...] = ()
    kind: RuleKind = "adaptive"

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)


@dataclass(frozen=True)
class GradientFlow:
    r"""Gradient flow :math:`\dot w = -\partial L`, solved adaptively; time is flow time.

    A step of gradient descent at rate :math:`\eta` is a flow time of :math:`\eta`.
    """

    rtol: float = 1e-8
    atol: float = 1e-10
    max_steps: int = 100_000

    def __post_init__(self) -> None:
        require_positive("rtol", self.rtol)
        require_positive("atol", self.atol)
        require_positive("max_steps", self.max_steps)


Rule: TypeAlias = GradientDescent | Adam | OptaxRule | GradientFlow


def rule_kind(rule: Rule) -> RuleKind:
    """Return whether a rule follows the gradient or normalizes it.

    >>> rule_kind(Adam())
    'adaptive'
    """
    match rule:
        case GradientDescent() | GradientFlow():
            return "gradient"
        case Adam():
            return "adaptive"
        case OptaxRule():
            return rule.kind
