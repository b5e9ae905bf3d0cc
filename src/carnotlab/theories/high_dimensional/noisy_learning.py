r"""Generalization of deep linear networks over training on noisy tasks, and transfer between two.

From a small start aligned with the modes of the noisy correlation, each observed mode j is learned
on its own, to the strength :math:`c_j(t)`, strong ones first. A true mode's part in the error falls
until :math:`c_j` passes the best strength, the bulk of noise only adds:

.. math:: \|\hat W(t) - W\|_F^2 = \sum_j (s_j^2 + c_j^2 - 2 s_j c_j o_j)
    + (\min(N_1, N_3) - k)\,\langle c(t)^2\rangle_{\text{bulk}}.

Depth sets how far apart in time strong and weak modes are learned, hence how much early stopping
can leave out. Units as in `noisy_singular_values`; asymptotic in the sizes, corrections are of
order 1/N. Source: lampinen2019.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.high_dimensional.noisy_singular_values import (
    joint_strengths,
    least_strength,
    observed_strength,
    overlaps,
)

NODES = 400
"""Singular values that stand for the bulk; their rule converges exponentially."""

Course = Float[np.ndarray, " time"]


class Bulk(NamedTuple):
    """Singular values of noise and their shares, which add to 1."""

    strengths: Float[np.ndarray, " node"]
    shares: Float[np.ndarray, " node"]


@dataclass(frozen=True)
class Learner:
    """A linear network of ``depth`` layers, all modes at strength ``start`` at first.

    ``rate`` is the step of gradient descent in flow time, 0 for gradient flow.
    """

    depth: int = 2
    start: float = 1e-3
    rate: float = 0.0

    def learned(
        self, time: Course, strengths: Float[np.ndarray, " mode"]
    ) -> Float[np.ndarray, "time mode"]:
        """Return to what strengths observed modes are learned by flow times."""
        begun = np.full(len(strengths), self.start)
        return strength_at(time, self.depth, strengths, begun, np.ones(len(strengths)), self.rate)


def bulk(ratio: float) -> Bulk:
    r"""Return the singular values of noise alone, outputs over inputs being ``ratio`` A.

    :math:`\sqrt{1 + A + 2\sqrt A\cos\theta}`, from :math:`|1 - \sqrt A|` to :math:`1 + \sqrt A`,
    those that are always zero left out.

    >>> values, shares = bulk(0.25)
    >>> round(float(np.sum(shares * values**2)), 9)  # N_3 entries in all, over min(N_1, N_3)
    1.0
    """
    require_positive("ratio", ratio)
    angle = np.pi * (np.arange(NODES) + 0.5) / NODES
    squares = 1.0 + ratio + 2.0 * np.sqrt(ratio) * np.cos(angle)
    shares = np.sin(angle) ** 2 / squares
    return Bulk(np.sqrt(squares), shares / shares.sum())


def generalization_course(
    time: Course,
    strengths: Float[np.ndarray, " k"],
    inputs: int,
    outputs: int,
    learner: Learner,
) -> Course:
    r"""Return :math:`\|\hat W(t) - W\|_F^2` over flow time.

    Over N₁ ``inputs`` it is the mean squared error on new whitened inputs of unit length.

    Raises:
        InputError: for as many modes as there are inputs or outputs.

    >>> course = generalization_course(np.array([0.0, 1e3]), np.array([3.0]), 100, 100, Learner())
    >>> course.round(2).tolist()
    [8.99, 100.0]
    """
    return _course(time, strengths, np.ones(len(strengths)), inputs, outputs, 1.0, learner)


def transfer_course(
    time: Course,
    first: float,
    second: float,
    similarity: float,
    inputs: int,
    outputs: int,
    learner: Learner,
) -> Course:
    r"""Return the error on the first of two one-mode tasks learned together, over flow time.

    Both have N₃ ``outputs`` of their own and share their inputs; ``similarity`` as in
    `joint_strengths`. Against `generalization_course` of the task alone.

    >>> time, deep = np.linspace(0.0, 10.0, 200), Learner()
    >>> related, other = (transfer_course(time, 1.5, 3.0, q, 60, 60, deep).min() for q in (1, 0))
    >>> bool(related < generalization_course(time, np.array([1.5]), 60, 60, deep).min() < other)
    True
    """
    strengths, shares = joint_strengths(first, second, similarity)
    kept = strengths > 1e-9 * strengths[0]
    return _course(time, strengths[kept], shares[0, kept], inputs, 2 * outputs, 0.5, learner)


def _course(
    time: Course,
    strengths: Float[np.ndarray, " k"],
    shares: Float[np.ndarray, " k"],
    inputs: int,
    outputs: int,
    part: float,
    learner: Learner,
) -> Course:
    """Error in a ``part`` of the outputs, which holds ``shares`` of the true output directions."""
    modes = min(inputs, outputs)
    require(
        len(strengths) < modes,
        f"{len(strengths)} modes for {inputs} inputs and {outputs} outputs",
        "fewer modes than either",
        "enlarge the task",
    )
    ratio = outputs / inputs
    found = overlaps(strengths, ratio)
    learned = learner.learned(time, observed_strength(strengths, ratio))
    weight = found.outputs**2 * shares + (1.0 - found.outputs**2) * part
    gained = 2.0 * strengths * found.product * shares
    # A mode that is lost leaves its place to the bulk, at whose edge its formulas put it.
    lost = strengths <= least_strength(ratio)
    kept, k = np.where(lost, 0.0, 1.0), int(np.sum(~lost))
    # Learned to the end, the map is the noisy one, whose error is the noise's energy: what the
    # modes have of it the bulk lacks. Of order 1/N for each of its modes, it adds up over them.
    noise, ends = bulk(ratio), observed_strength(strengths, ratio)
    inside = kept * (strengths**2 * shares + ends**2 * weight - ends * gained)
    energy = outputs * part - float(np.sum(inside))
    scale = np.sqrt(energy / ((modes - k) * part * float(noise.shares @ noise.strengths**2)))
    square = learner.learned(time, scale * noise.strengths) ** 2 @ noise.shares
    rest = (modes - k) * part * square
    signal = (learned**2 * weight - learned * gained) @ kept
    return np.sum(strengths**2 * shares) + signal + rest
