r"""Norms of weights without scale: their exact course, effective rate, and where they settle.

The gradient is orthogonal to the weights, so without momentum

.. math:: |w'|^2 = (1 - \eta\lambda)^2 |w|^2 + \eta^2 |g|^2

exactly. With :math:`\bar g = |w| g`, the gradient at unit norm, and :math:`G = |w|^4/\eta^2`,

.. math:: G_t = e^{-4\eta\lambda t} G_0 + 2\int_0^t e^{-4\eta\lambda(t - s)} E|\bar g_s|^2\,ds

to leading order in :math:`\eta\lambda` and in the angle of a step; :math:`G^{-1/2} = \eta/|w|^2`
is the *effective rate*, the only rate that the function knows of. Where noise dominates gradients
it settles, with momentum :math:`\gamma`, at

.. math:: |w|^4 = \frac{\eta\,E|\bar g|^2}{\lambda\,(1 - \gamma)\,(2 - \eta\lambda/(1 + \gamma))},
          \qquad \text{angle a step} = \sqrt{\frac{2\eta\lambda}{1 + \gamma}},

whatever the network: the angle does not depend on the gradients at all, after a time of the order
of :math:`1/(\eta\lambda)`. The norm assumes successive gradients that are uncorrelated, and a mean
square that does not drift. The angle assumes less: where :math:`|w|^2` and :math:`|v|^2` do not
change on average, :math:`\langle w_t, v_t\rangle = \tfrac\eta2|v|^2` and :math:`\langle w_t,
v_{t-1}\rangle = -\tfrac\eta2|v|^2`, so that :math:`v_t = \gamma v_{t-1} + g_t + \lambda w_t` with
:math:`\langle w, g\rangle = 0` gives :math:`\tfrac\eta2(1+\gamma)|v|^2 = \lambda|w|^2` whatever the
gradients are (derived here). That the *function* itself settles as fast, in
:math:`O(1/\eta\lambda)` steps where classical mixing would take exponentially long, is a conjecture
of li2020b, not a theorem, and nothing here predicts it. Sources: vanlaarhoven2017, li2020b,
wan2021.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.errors import require, require_positive
from carnotlab.theories.scale_invariance.growing_rates import without_decay


class Equilibrium(NamedTuple):
    """Norm of the weights and angle of a step, in radians, once both have settled."""

    norm: float
    angle: float


def next_square_norm(
    square: Float[np.ndarray, "..."], rate: float, decay: float, gradient: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Return the squared norm behind a step without momentum, from the squared gradient.

    >>> next_square_norm(np.array(4.0), 0.5, 0.0, np.array(8.0)).item()
    6.0
    """
    return (1.0 - rate * decay) ** 2 * square + rate**2 * gradient


def effective_rate(norm: Float[np.ndarray, "..."], rate: float) -> Float[np.ndarray, "..."]:
    """Return the rate at which directions of weights move, rate over squared norm.

    >>> effective_rate(np.array(10.0), 0.1).round(6).item()
    0.001
    """
    return rate / norm**2


def norm_course(
    times: Int[np.ndarray, " time"],
    norm: float,
    rate: float,
    decay: float,
    gradient: float,
    momentum: float = 0.0,
) -> Float[np.ndarray, " time"]:
    r"""Return the norm over steps at a constant mean square ``gradient`` at unit norm.

    :math:`|w|^4` goes from its start to the equilibrium as :math:`A_t^4`, the scale by which decay
    shrinks weights (`without_decay`): :math:`e^{-4\eta\lambda t/(1-\gamma)}` but for a buffer that
    starts at zero and for terms of the order of :math:`\eta\lambda/(1-\gamma)^2`.

    >>> norm_course(np.array([0, 20_000]), 1.0, 0.1, 1e-3, 1.0).round(4).tolist()
    [1.0, 2.659]
    """
    end = equilibrium(rate, decay, gradient, momentum).norm ** 4
    at = np.asarray(times, dtype=np.int64)
    scale = without_decay(np.full(int(at.max()) + 1, rate), decay, momentum).log2_scale
    return (end + (norm**4 - end) * 2.0 ** (4.0 * scale[at])) ** 0.25


def equilibrium(rate: float, decay: float, gradient: float, momentum: float = 0.0) -> Equilibrium:
    r"""Return where norm and angle settle, for descent with momentum and coupled decay.

    ``gradient`` is :math:`E|\bar g|^2`, the mean square of gradients at unit norm.

    Raises:
        InputError: unless rate and decay are positive and their product is below 2(1 + momentum).

    >>> found = equilibrium(0.1, 1e-3, 1.0)
    >>> round(found.angle, 6), round(found.norm, 4)
    (0.014142, 2.6592)
    """
    require_positive("rate", rate)
    require_positive("decay", decay)
    product = rate * decay / (1.0 + momentum)
    require(product < 2.0, f"rate times decay = {rate * decay:g}", "far below 2", "lower one")
    fourth = rate * gradient / (decay * (1.0 - momentum) * (2.0 - product))
    return Equilibrium(fourth**0.25, sqrt(2.0 * product))


def adam_equilibrium_angle(rate: float, decay: float, b1: float = 0.9) -> float:
    r"""Return the angle of a step of AdamW, :math:`\sqrt{2\eta\lambda(1-\beta_1)/(1+\beta_1)}`.

    >>> round(adam_equilibrium_angle(1e-3, 0.1), 6)
    0.003244
    """
    return sqrt(2.0 * rate * decay * (1.0 - b1) / (1.0 + b1))


def relaxation_steps(rate: float, decay: float, momentum: float = 0.0) -> float:
    r"""Return :math:`(1 - \gamma)/(\eta\lambda)`, the order of the time to equilibrium in steps.

    >>> round(relaxation_steps(0.1, 1e-3))
    10000
    """
    return (1.0 - momentum) / (rate * decay)


def settling_step(norms: Float[np.ndarray, " time"], end: float, share: float = 0.05) -> float:
    """Return the first record from which norms stay within ``share`` of where they end.

    nan if they never do.

    >>> settling_step(np.array([3.0, 2.0, 1.02, 1.0]), 1.0)
    2.0
    """
    apart = np.flatnonzero(np.abs(norms / end - 1.0) > share)
    first = 0 if len(apart) == 0 else int(apart[-1]) + 1
    return float(first) if first < len(norms) else float("nan")
