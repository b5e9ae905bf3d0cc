r"""The order of examples that differ in label noise: whether to begin with the easy ones.

A linear student meets each example once, :math:`x \sim N(0, I_N)`, labels :math:`w^*\cdot x` plus
noise whose variance :math:`\sigma^2(\alpha)` depends on when it comes, and steps by
:math:`w \leftarrow w + \frac{\eta}{N} x (y - w\cdot x)`. Its error :math:`e = |w - w^*|^2` obeys,
for N large and :math:`\alpha` examples per input,

.. math:: \frac{de}{d\alpha} = -\eta(2 - \eta)\,e + \eta^2 \sigma^2(\alpha).

What an example's noise leaves behind fades from then on, so that at a constant rate the noise met
last counts most, and the easy examples should come last.
"""

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive

Values = Float[np.ndarray, " steps"]


def error_course(
    rates: Values, noise_variances: Values, inputs: int, error: float = 1.0
) -> Float[np.ndarray, " after"]:
    r"""Return the mean error before the first example and after each, exact at every N.

    .. math:: e' = e\,\Bigl(1 - \frac{2\eta}{N} + \frac{\eta^2 (N+2)}{N^2}\Bigr)
              + \frac{\eta^2 \sigma^2}{N}

    Args:
        rates: :math:`\eta` of each step.
        noise_variances: :math:`\sigma^2` of each example, in the order they come.
        inputs: N.
        error: :math:`|w_0 - w^*|^2`.

    Raises:
        InputError: if the two differ in length.

    >>> error_course(np.array([1.0]), np.array([0.5]), 100).round(4).tolist()
    [1.0, 0.9952]
    """
    require(
        rates.shape == noise_variances.shape,
        f"{rates.shape} rates for {noise_variances.shape} examples",
        "one rate for each example",
        "repeat a constant rate",
    )
    require_positive("inputs", inputs)
    kept = 1.0 - 2.0 * rates / inputs + rates**2 * (inputs + 2.0) / inputs**2
    added = rates**2 * noise_variances / inputs
    course = [error]
    for share, more in zip(kept.tolist(), added.tolist(), strict=True):
        course.append(share * course[-1] + more)
    return np.array(course)


def influence(rates: Values, inputs: int) -> Values:
    r"""Return the weight with which each example's noise variance enters the error at the end.

    Where it rises along the course, noisy examples should come first; where it falls, last.

    >>> late = influence(np.full(4, 0.5), 4)
    >>> bool(np.all(np.diff(late) > 0))
    True
    """
    kept = 1.0 - 2.0 * rates / inputs + rates**2 * (inputs + 2.0) / inputs**2
    after = np.concatenate([np.cumprod(kept[:0:-1])[::-1], [1.0]])
    return rates**2 / inputs * after


def decaying_rates(first: float, decay: float, steps: int, inputs: int) -> Values:
    r"""Return :math:`\eta_k = \eta_0/(1 + \alpha/\tau)`, :math:`\alpha = k/N`, ``decay`` τ.

    An example's noise then enters with weight about :math:`(1 + \alpha/\tau)^{2(\eta_0\tau - 1)}`
    while rates are small: it fades if :math:`\eta_0\tau > 1` and lasts longer than what comes after
    if :math:`\eta_0\tau < 1`. At :math:`\eta_0\tau = 1` the student averages, and order is nothing.

    >>> decaying_rates(0.5, 2.0, 3, 1).round(3).tolist()
    [0.5, 0.333, 0.25]
    """
    require_positive("first", first)
    require_positive("decay", decay)
    return first / (1.0 + np.arange(steps) / inputs / decay)


def ordered(noise_variances: Values, order: str, seed: int = 0) -> Values:
    """Return examples from easy (little noise) to hard, from hard to easy, or in random order.

    Raises:
        InputError: for any other word.

    >>> ordered(np.array([1.0, 0.0]), "easy to hard").tolist()
    [0.0, 1.0]
    """
    rising = np.sort(noise_variances)
    match order:
        case "easy to hard":
            return rising
        case "hard to easy":
            return rising[::-1].copy()
        case "random":
            return np.random.default_rng([seed, 3]).permutation(rising)
        case _:
            require(
                False,
                f"order '{order}'",
                "'easy to hard', 'hard to easy' or 'random'",
                "check the spelling",
            )
            return rising
