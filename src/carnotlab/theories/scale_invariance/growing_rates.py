r"""Weight decay traded for a growing learning rate, exactly and for any schedule.

Let the loss not depend on the scale of the weights, :math:`L(cw) = L(w)`, so that
:math:`g(cw) = g(w)/c`. Descent with momentum and decay, :math:`v \leftarrow \gamma v + g +
\lambda_t w`, :math:`w \leftarrow w - \eta_t v`, from a zero buffer, then takes the same course as
descent without decay at rates :math:`\tilde\eta_t`,

.. math:: w_t = A_t \tilde w_t, \quad A_{t+1} = \alpha_t A_t, \quad A_0 = 1, \quad
          \tilde\eta_t = \frac{\eta_t}{A_t^2 \alpha_t},

.. math:: \alpha_t = 1 - \lambda_t \eta_t + \gamma \frac{\eta_t}{\eta_{t-1}}
          \Bigl(1 - \frac{1}{\alpha_{t-1}}\Bigr), \quad \alpha_{-1} = 1,

for any :math:`\eta_t, \lambda_t`, not for the fixed point of this recursion alone (which
`fixed_root` is). :math:`A_t` falls geometrically, so rates grow beyond all bounds; multiplying
weights by :math:`2^k`, the buffer by :math:`2^{-k}` and the rate by :math:`2^{2k}` changes no bit
of anything else, and keeps all numbers within bounds. Parameters on whose scale the loss does
depend keep their rate and their decay. Source: li2020, whose fixed root this replaces.
"""

from math import frexp
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from carnotlab.core.errors import require
from carnotlab.experiment.schedules import Tabulated, tabulated


class WithoutDecay(NamedTuple):
    r"""Rates without decay, with :math:`A_t` as ``mantissas`` times two to the ``exponents``.

    ``rates`` are those of weights kept in units of two to the exponent,
    :math:`\eta_t / (m_t^2 \alpha_t)` with the mantissas m, so that they stay within bounds.
    """

    alphas: Float[np.ndarray, " steps"]
    rates: Float[np.ndarray, " steps"]
    mantissas: Float[np.ndarray, " times"]
    exponents: Int[np.ndarray, " times"]

    @property
    def log2_scale(self) -> Float[np.ndarray, " times"]:
        r"""Logarithm to base 2 of :math:`A_t`, at times 0 to steps."""
        return np.log2(self.mantissas) + self.exponents

    @property
    def log2_rates(self) -> Float[np.ndarray, " steps"]:
        r"""Logarithm to base 2 of :math:`\tilde\eta_t` for weights that are never rescaled."""
        return np.log2(self.rates) - 2.0 * self.exponents[:-1]


def without_decay(
    rates: Float[np.ndarray, " steps"], decays: Float[np.ndarray, " steps"] | float, momentum: float
) -> WithoutDecay:
    r"""Return the growing rates of a schedule of rates and decays; exact for any.

    Raises:
        InputError: for rates that are not positive, or where some :math:`\alpha_t \le 0`: decay and
            momentum then turn weights around, which no positive rate can follow.

    >>> found = without_decay(np.full(3, 0.1), 0.1, 0.0)
    >>> found.alphas.round(6).tolist(), (0.1 / (0.99 * 0.99**4)).__round__(6)
    ([0.99, 0.99, 0.99], 0.105154)
    >>> (2.0 ** found.log2_rates[2]).round(6).item()
    0.105154
    """
    every = np.asarray(rates, dtype=np.float64)
    decay = np.broadcast_to(np.asarray(decays, dtype=np.float64), every.shape)
    require(bool((every > 0.0).all()), "rates that are not positive", "rates above 0", "drop them")
    alphas = np.empty(len(every))
    alpha, before = 1.0, every[0]
    for t, (rate, strength) in enumerate(zip(every, decay, strict=True)):
        alpha = 1.0 - strength * rate + momentum * (rate / before) * (1.0 - 1.0 / alpha)
        before = rate
        require(
            alpha > 0.0,
            f"alpha = {alpha:.3g} at step {t}",
            "a rate times decay small enough that weights keep their sign",
            "lower the decay, or the drop of the rate",
        )
        alphas[t] = alpha
    mantissas, exponents = running_product(alphas)
    return WithoutDecay(alphas, every / (mantissas[:-1] ** 2 * alphas), mantissas, exponents)


def running_product(
    factors: Float[np.ndarray, " steps"],
) -> tuple[Float[np.ndarray, " times"], Int[np.ndarray, " times"]]:
    """Return products of the first factors as mantissas in [1/2, 1] and exponents of two.

    >>> running_product(np.array([0.5, 0.75]))[0].tolist()
    [1.0, 0.5, 0.75]
    """
    mantissas, exponents = np.empty(len(factors) + 1), np.zeros(len(factors) + 1, dtype=np.int64)
    mantissas[0] = 1.0
    for t, factor in enumerate(factors):
        mantissas[t + 1], more = frexp(mantissas[t] * factor)
        exponents[t + 1] = exponents[t] + more
    return mantissas, exponents


def growing_schedule(
    course: WithoutDecay,
    rates: Float[np.ndarray, " steps"],
    invariant: tuple[bool, ...],
    *,
    every: int | None = None,
) -> Tabulated:
    r"""Return the schedule of an experiment at ``rates[0]`` that trains without decay.

    Linear maps that are not ``invariant`` keep the ``rates`` (and must keep their decay, by
    ``weight_decay`` of `Training`). With ``every`` weights are rescaled by powers of two at
    multiples of so many steps, without it never.

    Raises:
        InputError: where rates overflow without rescaling.

    >>> rates = np.full(4, 0.1)
    >>> growing_schedule(without_decay(rates, 0.1, 0.9), rates, (True, False)).rates.shape
    (4, 2)
    """
    steps = len(course.rates)
    units = held(course.exponents[:-1], every)
    with np.errstate(over="ignore"):  # which `tabulated` refuses
        grown = np.ldexp(course.rates, 2 * (units - course.exponents[:-1])) / rates[0]
    shifts = np.diff(units, prepend=0)
    columns: Bool[np.ndarray, " maps"] = np.array(invariant)
    table = np.where(columns, grown[:, None], (rates / rates[0])[:, None])
    moved = np.where(columns, shifts[:, None], 0)
    one = np.ones((steps, len(invariant)))
    return tabulated(table, np.ldexp(one, moved), np.ldexp(one, -moved))


def held(exponents: Int[np.ndarray, " steps"], every: int | None) -> Int[np.ndarray, " steps"]:
    """Return the exponents at the last multiple of ``every`` steps; zeros where it is none.

    >>> held(np.array([0, -1, -2, -3]), 2).tolist()
    [0, 0, -2, -2]
    """
    if every is None:
        return np.zeros_like(exponents)
    at = np.arange(len(exponents))
    return exponents[at - at % every]
