r"""A bound on the error of a network whose weights are shaken: few nats moved, little overfitting.

The stochastic network draws its weights from :math:`Q = N(w, s^2 D)` each time it is asked. With a
prior :math:`P = N(w_0, s^2 D)` whose centre knows nothing of the samples (the start, or zero),

.. math:: \mathrm{KL}(Q\|P) = \tfrac{1}{2 s^2} (w - w_0)^\top D^{-1} (w - w_0) \text{ nats},

whatever the number of weights: those that did not move cost nothing. With probability
:math:`1 - \delta` over n samples its true error e and its mean error :math:`\hat e` on them obey

.. math:: \mathrm{kl}(\hat e\,\|\,e) \le \frac{\mathrm{KL} + \ln(2\sqrt n\,G/\delta)}{n},

here for all of G widths s at once, so that the best can be chosen. The bound holds for the
stochastic network only: it says nothing of the one with weights w. Sources: mcallester1999,
maurer2004, langford2002, dziugaite2017.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq

from carnotlab.core.data import Batch
from carnotlab.core.errors import require, require_positive

Apply = Callable[[Any, Float[Array, "n *input"]], Float[Array, "n k"]]
TOGETHER = 50
"""Draws of the weights that are tried by one call of a compiled program."""
WIDTHS = tuple(float(s) for s in np.geomspace(0.02, 1.0, 10))


def binary_kl(q: float, p: float) -> float:
    r"""Return the divergence of coins, :math:`q\ln(q/p) + (1-q)\ln((1-q)/(1-p))`, in nats.

    >>> binary_kl(0.0, 0.5).__round__(6)
    0.693147
    """
    parts = ((q, p), (1.0 - q, 1.0 - p))
    return sum(a * math.log(a / b) if b > 0.0 else math.inf for a, b in parts if a > 0.0)


def kl_inverse(error: float, budget: float) -> float:
    r"""Return the largest p with :math:`\mathrm{kl}(\text{error}\|p) \le` ``budget``.

    Raises:
        InputError: for an error outside [0, 1].

    >>> kl_inverse(0.0, 0.1).__round__(6)  # 1 - exp(-0.1)
    0.095163
    """
    require(0.0 <= error <= 1.0, f"error = {error}", "between 0 and 1", "give a share")
    if budget <= 0.0:
        return error
    highest = 1.0 - 1e-15
    if error >= highest or binary_kl(error, highest) <= budget:
        return 1.0
    return float(brentq(lambda p: binary_kl(error, p) - budget, error, highest, xtol=1e-14))  # pyright: ignore


@dataclass(frozen=True)
class StochasticBound:
    """A bound on the true error of the stochastic network, and what it is made of.

    ``error_bound`` is that of the best ``width``, which holds with probability ``confidence``;
    ``train_error`` its mean error on the ``samples``, an estimate whose own uncertainty is in the
    bound; ``kl`` in nats. ``every_bound`` holds the bounds of all ``widths``.
    """

    error_bound: float
    train_error: float
    kl: float
    width: float
    samples: int
    confidence: float
    widths: tuple[float, ...]
    every_bound: tuple[float, ...]

    @property
    def bits_per_sample(self) -> float:
        """Divergence from the prior, in bits for each training sample."""
        return self.kl / math.log(2.0) / self.samples


def stochastic_bound(
    apply: Apply,
    weights: Any,
    reference: Any,
    batch: Batch,
    *,
    scales: Any = 1.0,
    widths: tuple[float, ...] = WIDTHS,
    confidence: float = 0.95,
    draws: int = 1000,
    per_draw: int = 50,
    seed: int = 0,
) -> StochasticBound:
    r"""Bound the error of a classifier whose weights are drawn around those that were trained.

    Half of :math:`\delta` pays for the estimate of the mean error on the samples: each draw of the
    weights is tried on ``per_draw`` samples of its own, and the draws' errors, independent and
    between 0 and 1, obey :math:`\mathrm{kl}(\hat e\|e) \le \ln(2G/\delta)/m`.

    Args:
        apply: ``(weights, x) -> outputs [n, k]``; the largest output is the class.
        weights: Trained weights, any tree of arrays.
        reference: Centre of the prior: the same tree, chosen without looking at the samples.
        batch: The samples trained on; targets are one-hot.
        scales: Spread of each weight relative to ``widths``: a number, or a tree of numbers or
            arrays that fit the weights. The start's standard deviations are a good choice.
        widths: s, chosen without looking at the samples; G of them.
        confidence: :math:`1 - \delta`.
        draws: m.
        per_draw: Samples for each draw.
        seed: Of the draws.

    Raises:
        InputError: for no widths, widths or scales that are not positive, a confidence outside
            (0, 1), or a reference of another shape.

    >>> x = jnp.array([[1.0], [-1.0]] * 100)
    >>> batch = Batch(x, jnp.concatenate([x > 0, x < 0], axis=1) * 1.0)
    >>> apply = lambda w, x: jnp.concatenate([w * x, -w * x], axis=1)
    >>> found = stochastic_bound(apply, jnp.array(1.0), jnp.array(0.0), batch, widths=(0.3,))
    >>> round(found.kl, 3), found.train_error < 0.01, 0.07 < found.error_bound < 0.12
    (5.556, True, True)
    """
    require(
        len(widths) > 0 and all(0.0 < s < math.inf for s in widths),
        f"widths = {widths}",
        "at least one, all above 0",
        "try (0.1, 0.3, 1.0)",
    )
    require(0.0 < confidence < 1.0, f"confidence = {confidence}", "between 0 and 1", "try 0.95")
    require_positive("draws", draws)
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (weights, reference)]
    require(
        shapes[0] == shapes[1],
        f"a centre of the prior of shapes {shapes[1]} for weights of shapes {shapes[0]}",
        "the same tree of weights",
        "use the weights at the start",
    )
    spread = _spread(scales, weights)
    positive = all(bool(np.all(np.asarray(s) > 0.0)) for s in jax.tree.leaves(spread))
    require(positive, "scales of 0 or below", "positive ones", "use scales=1.0")
    n, part = batch.size, 0.5 * (1.0 - confidence) / len(widths)
    steps = jax.tree.map(lambda w, v, s: jnp.sum(((w - v) / s) ** 2), weights, reference, spread)
    moved = float(sum(np.asarray(step, np.float64) for step in jax.tree.leaves(steps)))
    errors: list[float] = []
    divergences: list[float] = []
    bounds: list[float] = []
    for index, width in enumerate(widths):
        random = np.random.default_rng([seed, index])
        error = _mean_error(apply, weights, spread, width, batch, draws, per_draw, random)
        divergence = moved / (2.0 * width**2)
        on_samples = kl_inverse(error, math.log(1.0 / part) / draws)
        budget = (divergence + math.log(2.0 * math.sqrt(n) / part)) / n
        errors.append(error)
        divergences.append(divergence)
        bounds.append(kl_inverse(on_samples, budget))
    best = int(np.argmin(bounds))
    return StochasticBound(
        bounds[best], errors[best], divergences[best], widths[best], n, confidence, tuple(widths),
        tuple(bounds),
    )  # fmt: skip


def stochastic_error(
    apply: Apply,
    weights: Any,
    batch: Batch,
    width: float,
    *,
    scales: Any = 1.0,
    draws: int = 1000,
    per_draw: int = 50,
    seed: int = 1,
) -> float:
    """Return the mean error of the stochastic network on samples, held-out ones for instance."""
    spread, random = _spread(scales, weights), np.random.default_rng([seed])
    return _mean_error(apply, weights, spread, width, batch, draws, per_draw, random)


def _spread(scales: Any, weights: Any) -> Any:
    """Return the scale of each weight, from one number or a tree that broadcasts."""
    if isinstance(scales, int | float):
        return jax.tree.map(lambda w: jnp.full_like(w, scales), weights)
    return jax.tree.map(
        lambda w, s: jnp.broadcast_to(jnp.asarray(s, w.dtype), w.shape), weights, scales
    )


def _mean_error(
    apply: Apply,
    weights: Any,
    spread: Any,
    width: float,
    batch: Batch,
    draws: int,
    per_draw: int,
    random: np.random.Generator,
) -> float:
    """Return the mean error over draws of weights, each on samples of its own."""
    together, size = min(draws, TOGETHER), min(per_draw, batch.size)
    x, classes = np.asarray(batch.x), np.argmax(np.asarray(batch.y), axis=1)
    kind = jax.tree.leaves(weights)[0].dtype
    program, errors = _program(apply), []
    # Noise and samples are drawn outside, so that one program serves batches of any size.
    for _ in range(-(-draws // together)):
        drawn = jax.tree.map(
            lambda w, s: (
                np.asarray(w)
                + np.asarray(width * s, w.dtype)
                * random.standard_normal((together, *w.shape)).astype(w.dtype)
            ),
            weights,
            spread,
        )
        rows = random.integers(batch.size, size=(together, size))
        errors.append(np.asarray(program(drawn, x[rows].astype(kind), classes[rows])))
    return float(np.mean(np.concatenate(errors)[:draws], dtype=np.float64))


@lru_cache(maxsize=16)
def _program(apply: Apply) -> Callable[[Any, Any, Any], Float[Array, " draws"]]:
    """Return the function of weights, inputs and classes of some draws to each one's error."""

    @jax.jit
    def wrong(weights: Any, x: Array, classes: Array) -> Float[Array, " draws"]:
        outputs = jax.vmap(apply)(weights, x)
        return jnp.mean(jnp.argmax(outputs, axis=2) != classes, axis=1)

    return wrong
