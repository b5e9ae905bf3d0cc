"""Learning-rate schedules as plain data: factors on the rule's learning rate over steps."""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from carnotlab.core.errors import require, require_not_negative, require_positive


@dataclass(frozen=True)
class Constant:
    """The learning rate as given, throughout."""


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up over ``warmup`` steps, then half a cosine down to ``final`` of the rate."""

    warmup: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        require_not_negative("warmup", self.warmup)
        require_not_negative("final", self.final)


@dataclass(frozen=True)
class Piecewise:
    """The rate is multiplied by ``factor`` at each step in ``drops``."""

    drops: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        require(
            list(self.drops) == sorted(set(self.drops)),
            f"drops = {self.drops}",
            "increasing step numbers",
            "sort them",
        )
        require_positive("factor", self.factor)


@dataclass(frozen=True)
class InverseTime:
    r"""The rate falls as :math:`1/(1 + t/\tau)` with ``steps`` :math:`\tau`."""

    steps: float

    def __post_init__(self) -> None:
        require_positive("steps", self.steps)


@dataclass(frozen=True)
class Exponential:
    r"""The rate is multiplied by ``factor`` at every step; above 1 it grows."""

    factor: float

    def __post_init__(self) -> None:
        require_positive("factor", self.factor)


Schedule: TypeAlias = Constant | Cosine | Piecewise | InverseTime | Exponential


def rate_factor(schedule: Schedule, step: Int[Array, ""] | int, steps: int) -> Float[Array, ""]:
    """Return the factor on the learning rate at ``step`` of ``steps``.

    >>> float(rate_factor(Piecewise((10,), 0.5), 10, 20))
    0.5
    """
    match schedule:
        case Constant():
            return jnp.ones(())
        case Cosine(warmup, final):
            curve = optax.schedules.warmup_cosine_decay_schedule(
                0.0 if warmup else 1.0, 1.0, warmup, max(steps, warmup + 1), final
            )
            # As a float of the precision in use: optax would compute with int32 in single.
            return jnp.asarray(curve(step * jnp.ones(())))
        case Piecewise(drops, factor):
            passed = jnp.sum(jnp.asarray(step) >= jnp.asarray(drops, dtype=jnp.int32))
            return jnp.power(factor * jnp.ones(()), passed)
        case InverseTime(time):
            return 1.0 / (1.0 + jnp.asarray(step) / time)
        case Exponential(factor):
            return jnp.power(factor * jnp.ones(()), jnp.asarray(step))
        case _:
            assert_never(schedule)
