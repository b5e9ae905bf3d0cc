r"""Moments of inputs that are left out at random, and of the weights trained on them.

One linear output :math:`w \cdot x` is trained by gradient descent on full batches, each input kept
with probability q and divided by it, anew for each sample and step; a weight left out
(DropConnect) is an input left out as far as one output is concerned. Write :math:`z = (w, -1)` and
:math:`\tilde a_i = (\tilde x_i, y_i)`, whose last entry is never left out. A step is
:math:`w \leftarrow w - \eta g`, :math:`g = \frac1n\sum_i \tilde x_i\, (\tilde a_i \cdot z)`, linear
in z with noise that is independent of it. Hence the first two moments of the weights obey closed
linear recursions, exact at every rate, size and number of samples. What they need are

.. math:: E[\tilde a_b \tilde a_c] = a_b a_c\, q^{-[b = c < p]}, \qquad
          E[\tilde a_b \tilde a_c \tilde a_d \tilde a_e] = a_b a_c a_d a_e\, q^{k - m},

with m of the four indices among the p inputs, k of them different.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError, require

Matrix = Float[np.ndarray, "size size"]
MOST_INPUTS = 32
"""Beyond, the fourth moments fill gigabytes."""


class Moments(NamedTuple):
    """Mean and second moment of :math:`z = (w, -1)` of one output: ``[p + 1]``, ``[p + 1, p + 1]``.

    From known weights the second is the square of the first.
    """

    mean: Float[np.ndarray, " size"]
    second: Matrix


class MaskNoise(NamedTuple):
    r"""What training with inputs left out does to moments, for one output.

    ``second`` is :math:`\frac1n\sum_i E[\tilde a_i \tilde a_i^\top]`, ``clean`` the same
    without noise, and ``spread`` the covariance of the gradient as a map of the second moments,
    ``[p, p, p + 1, p + 1]``.
    """

    second: Matrix
    clean: Matrix
    spread: Float[np.ndarray, "p p size size"]


def known(weights: Float[np.ndarray, " p"]) -> Moments:
    """Return the moments of weights that are known.

    >>> known(np.array([2.0])).second.tolist()
    [[4.0, -2.0], [-2.0, 1.0]]
    """
    z = np.append(weights, -1.0)
    return Moments(z, np.outer(z, z))


def mask_noise(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, " n"], keep: float) -> MaskNoise:
    """Return the moments of inputs ``x`` left out with probability ``1 - keep``, and targets.

    Raises:
        InputError: for a probability outside (0, 1].
        OutOfReachError: for more than 32 inputs.
    """
    require(0.0 < keep <= 1.0, f"keep = {keep}", "in (0, 1]", "use keep=0.5")
    n, p = x.shape
    if p > MOST_INPUTS:
        raise OutOfReachError(
            f"fourth moments of {p} inputs", f"at most {MOST_INPUTS}", "use the mean course alone"
        )
    a = np.column_stack([x, y])
    clean = a.T @ a / n
    pairs = (a[:, :, None] * a[:, None, :]).reshape(n, -1)
    fourth = (pairs.T @ pairs / n).reshape((p + 1,) * 4) * _fourth_factors(p, keep)
    factors = np.ones((p + 1, p + 1))
    factors[np.arange(p), np.arange(p)] /= keep
    # A sample's mean gradient squared: products of its own second moments.
    own = np.einsum("nb,nd,nc,ne,bd,ce->bcde", a, a, a, a, factors, factors, optimize=True) / n
    spread = (fourth - own)[:p, :p] / n
    return MaskNoise(clean * factors, clean, spread)


def step(noise: MaskNoise, moments: Moments, rate: float) -> Moments:
    r"""Return the moments after one step of gradient descent at ``rate`` :math:`\eta`, exactly.

    With :math:`T = I - \eta \bar A` on z (its last entry stays): :math:`E z' = T E z` and
    :math:`E z'z'^\top = T\,E[zz^\top]\,T^\top + \eta^2 S(E zz^\top)`, S the gradient's covariance.
    """
    p = len(moments.mean) - 1
    change = np.eye(p + 1)
    change[:p] -= rate * noise.second[:p]
    second = change @ moments.second @ change.T
    second[:p, :p] += rate**2 * np.einsum("bcde,de->bc", noise.spread, moments.second)
    return Moments(change @ moments.mean, second)


def stationary(noise: MaskNoise, rate: float) -> Moments:
    """Return the moments that steps no longer change.

    Raises:
        OutOfReachError: if there are none: the second moments grow at this rate.
    """
    p = len(noise.second) - 1
    mean = np.append(np.linalg.solve(noise.second[:p, :p], noise.second[:p, p]), -1.0)
    change = np.eye(p) - rate * noise.second[:p, :p]
    grown = np.kron(change, change) + rate**2 * noise.spread[..., :p, :p].reshape(p**2, p**2)
    radius = float(np.abs(np.linalg.eigvals(grown)).max())
    if radius >= 1.0:
        raise OutOfReachError(
            f"a learning rate of {rate:g}, at which second moments grow by {radius:.3g} a step",
            "a rate at which they shrink",
            "use a smaller rate",
        )
    # About the mean the terms that are linear in the deviation vanish.
    square = np.outer(mean, mean)
    driven = rate**2 * np.einsum("bcde,de->bc", noise.spread, square)
    deviation = np.linalg.solve(np.eye(p**2) - grown, driven.ravel()).reshape(p, p)
    square[:p, :p] += deviation
    return Moments(mean, square)


def loss(noise: MaskNoise, moments: Moments) -> float:
    r"""Return the mean loss without noise, :math:`\frac1{2n} E\sum_i (w\cdot x_i - y_i)^2`."""
    return 0.5 * float(np.sum(noise.clean * moments.second))


def noisy_loss(noise: MaskNoise, moments: Moments) -> float:
    """Return the mean loss with inputs left out, which is what training descends."""
    return 0.5 * float(np.sum(noise.second * moments.second))


def _fourth_factors(p: int, keep: float) -> Float[np.ndarray, "size size size size"]:
    index = np.indices((p + 1,) * 4).reshape(4, -1)
    ordered = np.sort(index, axis=0)
    inputs = ordered < p
    first = np.vstack([np.ones((1, ordered.shape[1]), bool), ordered[1:] != ordered[:-1]])
    different = np.sum(inputs & first, axis=0)
    return (keep ** (different - np.sum(inputs, axis=0).astype(float))).reshape((p + 1,) * 4)
