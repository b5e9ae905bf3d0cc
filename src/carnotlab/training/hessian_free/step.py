r"""One Hessian-free step: a damped Gauss–Newton direction, and how much of it is taken."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, Key

from carnotlab.core.data import Batch
from carnotlab.core.errors import require, require_positive
from carnotlab.measures.curvature import gauss_newton_operator
from carnotlab.measures.sums_over_samples import summed_over_samples
from carnotlab.training.hessian_free.conjugate_gradients import Iterates, conjugate_gradients


@dataclass(frozen=True)
class HessianFree:
    r"""Hessian-free optimization, with the constants of its paper. Source: martens2010.

    Each step minimizes :math:`g^\top d + \tfrac12 d^\top(G + \lambda)d` by conjugate gradients, g
    the gradient on all samples, G the Gauss–Newton matrix on ``curvature_batch`` of them, drawn
    anew (all, if None). :math:`\lambda` starts at ``damping`` and grows by 3/2 where the loss
    falls by less than a quarter of what the quadratic without damping promised, and shrinks by
    2/3 above three quarters. The preconditioner is :math:`(\langle g_n^2\rangle + \lambda)^{3/4}`
    from the gradients of single samples.

    >>> HessianFree().most_steps
    250
    """

    damping: float = 45.0
    curvature_batch: int | None = None
    most_steps: int = 250
    progress: float = 5e-4
    warm_start: float = 0.95
    preconditioned: bool = True
    armijo: float = 1e-2
    shrink: float = 0.8

    def __post_init__(self) -> None:
        require_positive("damping", self.damping)
        require_positive("progress", self.progress)
        require_positive("most_steps", self.most_steps)
        if self.curvature_batch is not None:
            require_positive("curvature_batch", self.curvature_batch)
        require(
            0.0 <= self.warm_start <= 1.0,
            f"warm_start = {self.warm_start}",
            "between 0 and 1",
            "use 0.95",
        )
        for name, share in (("armijo", self.armijo), ("shrink", self.shrink)):
            require(0.0 < share < 1.0, f"{name} = {share}", "between 0 and 1", "use the default")


class Problem(NamedTuple):
    """What is minimized: outputs of flat weights on inputs, a loss of outputs, weight decay."""

    outputs: Callable[[Array, Array], Array]
    loss: Callable[[Array, Array], Array]
    decay: float = 0.0

    def value(self, flat: Float[Array, " p"], batch: Batch) -> Float[Array, ""]:
        """Return the loss on a batch, with decay."""
        found = self.loss(self.outputs(flat, jnp.asarray(batch.x)), jnp.asarray(batch.y))
        return found + 0.5 * self.decay * flat @ flat

    def curvature(
        self, flat: Float[Array, " p"], batch: Batch
    ) -> Callable[[Float[Array, " p"]], Float[Array, " p"]]:
        """Return products with the Gauss–Newton matrix on a batch, with decay."""
        x, y = jnp.asarray(batch.x), jnp.asarray(batch.y)
        times = gauss_newton_operator(lambda w: self.outputs(w, x), lambda f: self.loss(f, y), flat)
        return lambda vector: times(vector) + self.decay * vector

    def mean_square_gradient(self, flat: Float[Array, " p"], batch: Batch) -> Float[Array, " p"]:
        """Return the mean over samples of the squared entries of each sample's own gradient."""
        one = jax.grad(lambda w, x, y: self.loss(self.outputs(w, x[None]), y[None]))
        x, y = jnp.asarray(batch.x), jnp.asarray(batch.y)
        return summed_over_samples(lambda x, y: one(flat, x, y) ** 2, x, y) / batch.size


class Memory(NamedTuple):
    """What one step leaves for the next."""

    flat: Float[Array, " p"]
    direction: Float[Array, " p"]
    damping: Float[Array, ""]


class Taken(NamedTuple):
    """What a step did.

    ``loss`` is that in front of it; ``ratio`` the fall of the loss over the promised one; ``rate``
    the share of the direction taken, 0 for none; ``backtracked`` the iterates passed over.
    ``cost`` counts gradients on all samples that would take as many multiplications.
    """

    loss: Float[Array, ""]
    ratio: Float[Array, ""]
    rate: Float[Array, ""]
    steps: Int[Array, ""]
    backtracked: Int[Array, ""]
    cost: Float[Array, ""]


def begin(settings: HessianFree, flat: Float[Array, " p"]) -> Memory:
    """Return the memory in front of the first step."""
    return Memory(flat, jnp.zeros_like(flat), jnp.asarray(settings.damping, flat.dtype))


def step(
    settings: HessianFree, problem: Problem, memory: Memory, batch: Batch, key: Key[Array, ""]
) -> tuple[Memory, Taken]:
    """Take one step on all samples of a batch. Traceable."""
    flat, damping = memory.flat, memory.damping
    value = partial(problem.value, batch=batch)
    here, slope = jax.value_and_grad(value)(flat)
    part, share = _curvature_batch(settings, batch, key)
    undamped = problem.curvature(flat, part)
    diagonal = None
    if settings.preconditioned:
        squares = problem.mean_square_gradient(flat, part)
        diagonal = (squares + damping + problem.decay) ** 0.75
    found = conjugate_gradients(
        lambda v: undamped(v) + damping * v,
        -slope,
        settings.warm_start * memory.direction,
        most=settings.most_steps,
        progress=settings.progress,
        diagonal=diagonal,
    )
    chosen, there, passed = _best_kept(found, lambda d: value(flat + d))
    promised = slope @ chosen + 0.5 * chosen @ undamped(chosen)
    ratio = (there - here) / promised
    factor = jnp.where(ratio < 0.25, 1.5, jnp.where(ratio > 0.75, 2.0 / 3.0, 1.0))
    # A loss or a promise that is not finite is the least trustworthy of all.
    factor = jnp.where(jnp.isfinite(ratio), factor, 1.5).astype(damping.dtype)
    rate, tries = _line_search(settings, lambda r: value(flat + r * chosen), here, slope @ chosen)
    # Multiplications of a gradient are 3 forward passes', of a product 4 and of a loss 1.
    inner = share * (4.0 / 3.0 * (found.steps + 2) + (1.0 if settings.preconditioned else 0.0))
    cost = 1.0 + inner + (passed + 2 + tries) / 3.0
    moved = jnp.where(rate > 0.0, flat + rate * chosen, flat)
    taken = Taken(here, ratio, rate, found.steps, passed, cost)
    return Memory(moved, found.last, damping * factor), taken


def flattened(
    apply: Callable[[Any, Array], Array],
    loss: Callable[[Array, Array], Array],
    weights: Any,
    decay: float = 0.0,
) -> tuple[Problem, Float[Array, " p"], Callable[[Array], Any]]:
    """Return the problem in flat weights, the weights as such, and the way back."""
    flat, restore = ravel_pytree(weights)
    return Problem(lambda w, x: apply(restore(w), x), loss, decay), flat, restore


def _curvature_batch(
    settings: HessianFree, batch: Batch, key: Key[Array, ""]
) -> tuple[Batch, float]:
    size = settings.curvature_batch
    if size is None or size >= batch.size:
        return batch, 1.0
    rows = jax.random.choice(key, batch.size, (size,), replace=False)
    return Batch(jnp.asarray(batch.x)[rows], jnp.asarray(batch.y)[rows]), size / batch.size


def _best_kept(
    found: Iterates, value: Callable[[Array], Array]
) -> tuple[Float[Array, " p"], Float[Array, ""], Int[Array, ""]]:
    """Walk from the last iterate kept back to the first as long as the loss falls."""

    def improves(at: tuple[Array, Array, Array]) -> Array:
        slot, best, before = at
        return (slot > 0) & ((before <= best) | ~jnp.isfinite(best))

    def back(at: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        slot, _, before = at
        return slot - 1, before, value(found.kept[jnp.maximum(slot - 2, 0)])

    last = found.stored - 1
    begun = (last, value(found.kept[last]), value(found.kept[jnp.maximum(last - 1, 0)]))
    slot, best, _ = jax.lax.while_loop(improves, back, begun)
    return found.kept[slot], best, last - slot


def _line_search(
    settings: HessianFree, value: Callable[[Array], Array], here: Array, slope: Array
) -> tuple[Float[Array, ""], Int[Array, ""]]:
    """Shrink the step until the loss falls by a share of what its slope says; at last take none."""

    def falls_short(at: tuple[Array, Array]) -> Array:
        rate, tries = at
        # Written so that a loss that is not a number falls short.
        return ~(value(rate) <= here + settings.armijo * rate * slope) & (tries < MOST_TRIES)

    one = jnp.ones((), here.dtype)
    rate, tries = jax.lax.while_loop(
        falls_short,
        lambda at: (at[0] * settings.shrink, at[1] + 1),
        (one, jnp.zeros((), jnp.int32)),
    )
    return jnp.where(tries < MOST_TRIES, rate, 0.0), tries


MOST_TRIES = 60
"""Steps shrunk this often without success are not taken."""
