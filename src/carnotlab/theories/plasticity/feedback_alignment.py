r"""Error fed back through fixed random weights: exact results for two linear layers.

Descent on :math:`\tfrac12\langle|y - W_2W_1x|^2\rangle` sends the error back through
:math:`W_2^\top`. Feedback alignment sends it through a fixed B instead: with
:math:`E = \Sigma_{yx} - W_2W_1\Sigma_{xx}`

.. math:: \dot W_1 = B E, \qquad \dot W_2 = E\,W_1^\top ,

so that :math:`B W_2 + W_2^\top B^\top - W_1W_1^\top` is conserved. From zero weights it is zero,
hence :math:`\mathrm{tr}\,BW_2 = \tfrac12|W_1|^2 > 0`: forward weights come to agree with the
feedback.

*Wide, whitened, from zero, B of orthogonal columns of length b*: modes of :math:`\Sigma_{yx} =
USV^\top` do not mix, and a mode of strength s is learned up to the share :math:`x^3` at

.. math:: t = \frac{2}{(2bs)^{2/3}}\Bigl[\tfrac16\ln\frac{1 + x + x^2}{(1-x)^2}
          + \tfrac1{\sqrt3}\bigl(\arctan\tfrac{2x+1}{\sqrt3} - \tfrac\pi6\bigr)\Bigr],

derived here: no plateau at zero, where gradient descent has its saddle, and times that go as
:math:`s^{-2/3}` rather than 1/s, so that modes come less far apart.

*Narrow, from zero*: all rows of :math:`W_1` stay among those of :math:`B\Sigma_{yx}` (whitened),
and every fixed point that learned has them at :math:`B\Sigma_{yx}\Sigma_{xx}^{-1}`: a random part
of the best map, not its strongest modes, which gradient descent finds. Source: lillicrap2016.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require_positive

First = Float[np.ndarray, "hidden inputs"]
Second = Float[np.ndarray, "outputs hidden"]
Cross = Float[np.ndarray, "outputs inputs"]
Moment = Float[np.ndarray, "inputs inputs"]
Feedback = Float[np.ndarray, "hidden outputs"]


class TwoLayerCourse(NamedTuple):
    """Both layers' weights over the recorded steps."""

    first: Float[np.ndarray, "time hidden inputs"]
    second: Float[np.ndarray, "time outputs hidden"]

    @property
    def product(self) -> Float[np.ndarray, "time outputs inputs"]:
        """The map of the whole network."""
        return self.second @ self.first


def learn(
    first: First,
    second: Second,
    cross: Cross,
    moment: Moment,
    rate: float,
    steps: int,
    feedback: Feedback | None = None,
    every: int = 1,
) -> TwoLayerCourse:
    """Take full-batch steps, errors fed back through ``feedback``, or by gradient descent if None.

    >>> one = np.ones((1, 1))
    >>> learn(0.1 * one, 0.1 * one, one, one, 0.1, 400).product[-1].round(6).item()
    1.0
    """
    require_positive("rate", rate)
    firsts, seconds = [first], [second]
    for step in range(1, steps + 1):
        error = cross - second @ (first @ moment)
        back = second.T if feedback is None else feedback
        first, second = first + rate * back @ error, second + rate * error @ first.T
        if step % every == 0:
            firsts.append(first)
            seconds.append(second)
    return TwoLayerCourse(np.stack(firsts), np.stack(seconds))


def conserved_form(
    first: First, second: Second, feedback: Feedback
) -> Float[np.ndarray, "hidden hidden"]:
    r"""Return :math:`B W_2 + W_2^\top B^\top - W_1W_1^\top`, which the flow conserves.

    >>> one = np.ones((1, 1))
    >>> conserved_form(one, one, 0.5 * one).item()
    0.0
    """
    product = feedback @ second
    return product + product.T - first @ first.T


def feedback_mode(
    strength: float, length: float, times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, " time"]:
    """Return the strength learned of one mode of ``strength`` s, feedback of ``length`` b, from 0.

    >>> feedback_mode(2.0, 1.0, np.array([0.0, 1.0, 9.0])).round(3).tolist()
    [0.0, 1.511, 2.0]
    """
    require_positive("strength", strength)
    require_positive("length", length)
    wanted = np.asarray(times) * (2.0 * length * strength) ** (2.0 / 3.0) / 2.0
    # Bisect in -log(1 - x), in which the clock is nearly linear.
    low, high = np.zeros_like(wanted), np.full_like(wanted, 40.0)
    for _ in range(100):
        middle = 0.5 * (low + high)
        late = _clock(middle) > wanted
        low, high = np.where(late, low, middle), np.where(late, middle, high)
    return strength * (-np.expm1(-high)) ** 3


def feedback_half_time(strength: float, length: float) -> float:
    """Return when half of a mode is learned.

    >>> round(feedback_half_time(2.0, 1.0), 3)
    0.744
    """
    x = np.array([-np.log1p(-(0.5 ** (1.0 / 3.0)))])
    return float(2.0 * _clock(x)[0] / (2.0 * length * strength) ** (2.0 / 3.0))


def subspace_error(
    directions: Float[np.ndarray, "hidden inputs"], cross: Cross, moment: Moment
) -> float:
    r"""Return the loss above the best linear map if only ``directions`` of the inputs are read.

    With :math:`W_1` given the best second layer leaves half of
    :math:`|(M - W_2W_1)\Sigma_{xx}^{1/2}|^2`, :math:`M = \Sigma_{yx}\Sigma_{xx}^{-1}`.

    >>> subspace_error(np.array([[1.0, 0.0]]), np.diag([2.0, 1.0]), np.eye(2))
    0.5
    """
    read = directions @ moment @ directions.T
    kept = cross @ directions.T
    best = float(np.sum(cross * np.linalg.solve(moment, cross.T).T))
    return 0.5 * (best - float(np.sum(kept * np.linalg.solve(read, kept.T).T)))


def feedback_directions(feedback: Feedback, cross: Cross, moment: Moment) -> First:
    r"""Return :math:`B\Sigma_{yx}\Sigma_{xx}^{-1}`, what feedback alignment's narrow layer reads.

    >>> feedback_directions(np.ones((1, 2)), np.diag([2.0, 1.0]), np.eye(2)).tolist()
    [[2.0, 1.0]]
    """
    return feedback @ np.linalg.solve(moment, cross.T).T


def best_directions(hidden: int, cross: Cross, moment: Moment) -> First:
    """Return what the narrow layer of gradient descent reads: the strongest modes of the task.

    >>> abs(best_directions(1, np.diag([2.0, 1.0]), np.eye(2))).tolist()
    [[1.0, 0.0]]
    """
    root = np.linalg.cholesky(moment)
    _, _, rows = np.linalg.svd(np.linalg.solve(root, cross.T).T, full_matrices=False)
    return np.linalg.solve(root.T, rows[:hidden].T).T


def _clock(y: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    x = -np.expm1(-y)
    turn = np.arctan((2.0 * x + 1.0) / np.sqrt(3.0)) - np.pi / 6.0
    return (np.log1p(x + x**2) + 2.0 * y) / 6.0 + turn / np.sqrt(3.0)
