r"""Conjugate gradients that stop on progress of the quadratic, and keep iterates on the way.

Minimizes :math:`q(x) = \tfrac12 x^\top A x - b^\top x` from a warm start. Residuals are the wrong
thing to stop on here: q may still fall a lot while they grow, so the rule looks at q itself.
Iterates are kept at steps 5, 6, 8, 10, … (a factor of 1.3 apart) for backtracking: what is best
for the quadratic need not be for the loss. Source: martens2010.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from carnotlab.core.errors import require

FIRST_KEPT, SPACING = 5, 1.3
LEAST_WINDOW, WINDOW = 10, 0.1


class Iterates(NamedTuple):
    """Where conjugate gradients went: ``kept[: stored]`` are iterates in order, the last last.

    ``values[i]`` is q at step i of ``steps``, not a number behind the last.
    """

    kept: Float[Array, "kept p"]
    stored: Int[Array, ""]
    values: Float[Array, " step"]
    steps: Int[Array, ""]

    @property
    def last(self) -> Float[Array, " p"]:
        """The iterate at which it stopped."""
        return self.kept[self.stored - 1]


def kept_steps(most: int) -> tuple[int, ...]:
    r"""Return the steps whose iterates are kept, :math:`\lfloor 5 \cdot 1.3^j \rfloor`.

    >>> kept_steps(20)
    (5, 6, 8, 10, 14, 18)
    """
    steps: list[int] = []
    power = float(FIRST_KEPT)
    while power <= most:
        steps.append(int(power))
        power *= SPACING
    return tuple(dict.fromkeys(steps))


def conjugate_gradients(
    product: Callable[[Float[Array, " p"]], Float[Array, " p"]],
    right: Float[Array, " p"],
    start: Float[Array, " p"],
    *,
    most: int = 250,
    progress: float = 5e-4,
    diagonal: Float[Array, " p"] | None = None,
) -> Iterates:
    r"""Minimize the quadratic of a positive definite ``product``, preconditioned by ``diagonal``.

    Stops behind step i > k if :math:`q_i < 0` and :math:`(q_i - q_{i-k})/q_i < k\,\epsilon`, with
    :math:`k = \max(10, 0.1\,i)` and ``progress`` :math:`\epsilon`, or after ``most`` steps, or
    where the residual is zero. Traceable.

    Raises:
        InputError: if ``most`` is below 1.

    >>> A = jnp.array([[2.0, 1.0], [1.0, 3.0]])
    >>> found = conjugate_gradients(lambda v: A @ v, jnp.array([3.0, 4.0]), jnp.zeros(2))
    >>> bool(jnp.allclose(found.last, 1.0, atol=1e-5))
    True
    """
    require(most >= 1, f"most = {most}", "at least 1", "try 250")
    marks = jnp.asarray((*kept_steps(most), most + 1), dtype=jnp.int32)
    inverse = 1.0 if diagonal is None else 1.0 / diagonal
    residual = right - product(start)
    towards = inverse * residual
    values = jnp.full((most + 1,), jnp.nan, right.dtype)
    values = values.at[0].set(-0.5 * start @ (right + residual))

    class Step(NamedTuple):
        taken: Array
        x: Array
        residual: Array
        direction: Array
        energy: Array
        values: Array
        kept: Array
        slot: Array
        over: Array

    def advance(at: Step) -> Step:
        moved = product(at.direction)
        bend = at.direction @ moved
        length = jnp.where(bend > 0.0, at.energy / jnp.where(bend > 0.0, bend, 1.0), 0.0)
        x, residual = at.x + length * at.direction, at.residual - length * moved
        towards = inverse * residual
        energy = residual @ towards
        ratio = energy / jnp.where(at.energy > 0.0, at.energy, 1.0)
        index = at.taken + 1
        value = -0.5 * x @ (right + residual)
        window = jnp.maximum(LEAST_WINDOW, jnp.ceil(WINDOW * index).astype(jnp.int32))
        earlier = at.values[jnp.maximum(index - window, 0)]
        slow = (index > window) & (value < 0.0) & ((value - earlier) / value < window * progress)
        row = jnp.where(index == marks[at.slot], x, at.kept[at.slot])
        return Step(
            index,
            x,
            residual,
            towards + ratio * at.direction,
            energy,
            at.values.at[index].set(value),
            at.kept.at[at.slot].set(row),
            at.slot + (index == marks[at.slot]).astype(jnp.int32),
            slow | (energy <= 0.0) | (bend <= 0.0),
        )

    zero = jnp.zeros((), jnp.int32)
    energy = residual @ towards
    kept = jnp.zeros((len(marks), right.size), right.dtype)
    begun = Step(zero, start, residual, towards, energy, values, kept, zero, energy <= 0.0)
    end = jax.lax.while_loop(lambda at: (at.taken < most) & ~at.over, advance, begun)
    # The last iterate is the last one kept, unless it has just been kept already.
    fresh = (end.slot == 0) | (end.taken != marks[jnp.maximum(end.slot - 1, 0)])
    slot = jnp.where(fresh, end.slot, end.slot - 1)
    return Iterates(end.kept.at[slot].set(end.x), slot + 1, end.values, end.taken)
