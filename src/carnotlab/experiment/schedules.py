"""Learning-rate schedules as plain data: factors on the rule's learning rate over steps."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias, assert_never

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from carnotlab.core.descriptions import describe
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


@dataclass(frozen=True, eq=False)
class Tabulated:
    r"""Factors written out step by step, for all linear maps or each; make one with `tabulated`.

    The learning rate of map i at step t is multiplied by ``rates[t, i]``. In front of step t its
    stored weights are multiplied by ``weights[t, i]`` and its momentum buffer by ``buffers[t, i]``,
    where these are given; the buffer starts as ``first_buffers[i]`` times the weights. Networks
    that do not depend on the scale of their weights so stay the same function at another scale.
    Two tables are equal iff their numbers are; in sweeps they are numbers, as rates are.
    """

    rates: Float[np.ndarray, "steps maps"] = field(repr=False)
    weights: Float[np.ndarray, "steps maps"] | None = field(default=None, repr=False)
    buffers: Float[np.ndarray, "steps maps"] | None = field(default=None, repr=False)
    first_buffers: Float[np.ndarray, " maps"] | None = field(default=None, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tabulated) and describe(self) == describe(other)

    def __hash__(self) -> int:
        return hash(self.rates.tobytes())

    @property
    def rescales(self) -> bool:
        """Whether it acts on weights or momentum buffers, not on the rate alone."""
        return not (self.weights is None and self.buffers is None and self.first_buffers is None)

    @property
    def maps(self) -> int:
        """For how many linear maps it has columns; 1 stands for any number."""
        return self.rates.shape[1]


def tabulated(
    rates: Float[np.ndarray, "steps *maps"],
    weights: Float[np.ndarray, "steps *maps"] | None = None,
    buffers: Float[np.ndarray, "steps *maps"] | None = None,
    first_buffers: Float[np.ndarray, " *maps"] | float | None = None,
) -> Tabulated:
    """Return a schedule from factors ``[steps]``, or ``[steps, maps]`` with a column for each map.

    Raises:
        InputError: for factors that are not finite, or tables of different shapes.

    >>> tabulated(np.array([1.0, 0.5])).rates.tolist()
    [[1.0], [0.5]]
    """
    every = _table(rates)
    require(
        every.ndim in (1, 2) and len(every) > 0,
        f"factors of shape {list(every.shape)}",
        "[steps] or [steps, maps]",
        "give one row a step",
    )
    shape = (len(every), 1) if every.ndim == 1 else every.shape

    def fitted(given: Any, wanted: tuple[int, ...]) -> np.ndarray[Any, Any] | None:
        if given is None:
            return None
        table = _table(given)
        require(
            table.size in (1, int(np.prod(wanted))),
            f"tables of shapes {list(every.shape)} and {list(table.shape)}",
            "equal shapes",
            "give each a row for every step",
        )
        return np.full(wanted, table) if table.size == 1 else table.reshape(wanted)

    return Tabulated(
        every.reshape(shape),
        fitted(weights, shape),
        fitted(buffers, shape),
        fitted(first_buffers, shape[1:]),
    )


def _table(factors: Any) -> np.ndarray[Any, Any]:
    """Return a copy of factors, float64 and read-only.

    Raises:
        InputError: for factors that are not finite.
    """
    table = np.array(factors, dtype=np.float64)
    require(
        bool(np.isfinite(table).all()),
        "factors that are not finite",
        "finite numbers",
        "rescale weights on the way, so that rates stay within bounds",
    )
    table.flags.writeable = False
    return table


Schedule: TypeAlias = Constant | Cosine | Piecewise | InverseTime | Exponential | Tabulated


def rate_factor(
    schedule: Schedule, step: Int[Array, ""] | int, steps: int
) -> Float[Array, ""] | Float[Array, " maps"]:
    """Return the factor on the learning rate at ``step`` of ``steps``; a table's has one per map.

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
        case Tabulated():
            row = jnp.asarray(schedule.rates, dtype=jnp.result_type(float))[step]
            return row[0] if schedule.maps == 1 else row
        case _:
            assert_never(schedule)
