"""How far a fitted law carries: prediction beyond the sizes measured, with an interval."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import fdtrc

from carnotlab.core.errors import require
from carnotlab.theories.scaling_laws.fitting import fit_law, predictions_of_refits
from carnotlab.theories.scaling_laws.laws import FORMS, Form, Law

MISFIT = 0.01
"""Probability, were the law true, of residuals as large as seen, below which it is refused."""


@dataclass(frozen=True)
class Extrapolation:
    """What a law fitted to smaller sizes says of the mean loss at a larger one.

    ``low`` and ``high`` bound the mean over as many seeds, at the level asked for, if the law
    holds. ``probability`` is that of residuals as large as those of the fit, were the law true
    and seeds all that scatters; below ``MISFIT`` the law is refused and the interval says nothing.
    """

    law: Law
    value: float
    low: float
    high: float
    probability: float

    @property
    def refused(self) -> bool:
        """Whether the sizes fitted already contradict the law."""
        return self.probability < MISFIT

    def covers(self, loss: float) -> bool:
        """Return whether a measured mean loss is as predicted, by a law that is not refused."""
        return not self.refused and self.low <= loss <= self.high


def extrapolate(
    n: Float[np.ndarray, " sizes"],
    losses: Float[np.ndarray, "seeds sizes"],
    beyond: float,
    form: Form = "power",
    *,
    level: float = 0.95,
    draws: int = 500,
    seed: int = 0,
) -> Extrapolation:
    r"""Return what the law fitted at sizes ``n`` predicts for the mean over seeds at ``beyond``.

    Logarithms of losses scatter with a common variance, estimated from all sizes together
    (degrees of freedom: sizes times seeds less one). The interval is that of a parametric
    bootstrap: ``draws`` times the variance is drawn from what it may be, means are drawn about
    the fitted law, the law is fitted anew, and a mean is drawn about its prediction. The misfit
    is judged by the F ratio of residuals of means to the scatter of seeds.

    Raises:
        InputError: for fewer than two seeds, no more sizes than the law has parameters, or a
            ``level`` outside (0, 1).

    >>> n = np.array([1e2, 2e2, 4e2, 8e2, 16e2])
    >>> noise = 1e-3 * np.random.default_rng(0).normal(size=(3, 5))
    >>> found = extrapolate(n, (1.0 + 9.0 * n**-0.5) * np.exp(noise), 3200.0)
    >>> found.covers(1.0 + 9.0 * 3200.0**-0.5)
    True
    """
    values = np.asarray(losses, dtype=np.float64)
    sizes = np.asarray(n, dtype=np.float64)
    parameters = 2 if form == "logarithmic" else 3
    require(0.0 < level < 1.0, f"level = {level}", "a number between 0 and 1", "use 0.95")
    require(
        values.ndim == 2 and values.shape[0] >= 2 and values.shape[1] == len(sizes),
        f"losses of shape {values.shape} at {len(sizes)} sizes",
        "[seeds, sizes] with at least two seeds, without which scatter is unknown",
        "train from more seeds",
    )
    require(
        len(sizes) > parameters,
        f"{len(sizes)} sizes for a {form} law of {parameters} parameters",
        f"at least {parameters + 1}, or nothing could contradict it",
        "measure at more sizes",
    )
    seeds = len(values)
    logs = np.log(values)
    means = logs.mean(axis=0)
    freedom = len(sizes) * (seeds - 1)
    variance = float(np.sum((logs - means) ** 2)) / freedom
    law = fit_law(sizes, np.exp(means), form)
    left = len(sizes) - parameters
    gap = float(np.sum((means - np.log(law(sizes))) ** 2)) * seeds / left
    probability = float(fdtrc(left, freedom, gap / max(variance, 1e-300)))
    random = np.random.default_rng(seed)
    predicted = np.log(law(np.array([*sizes, beyond])))
    spread = np.sqrt(variance * freedom / random.chisquare(freedom, (draws, 1)) / seeds)
    again = np.exp(predicted[:-1] + spread * random.normal(size=(draws, len(sizes))))
    at = np.log(np.maximum(predictions_of_refits(law, sizes, again, beyond), 1e-300))
    # What a refit misses the law by, the fit may miss the truth by, the other way.
    drawn = 2.0 * predicted[-1] - at + spread[:, 0] * random.normal(size=draws)
    low, high = np.exp(np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]))
    return Extrapolation(law, float(np.exp(predicted[-1])), float(low), float(high), probability)


def information_criteria(
    n: Float[np.ndarray, " sizes"], losses: Float[np.ndarray, "seeds sizes"]
) -> dict[Form, float]:
    r"""Return Akaike's criterion of each form of law; the lowest is best, by 10 clearly so.

    :math:`m \log(R / m) + 2(k + 1)` with R the sum of squared residuals of m logarithms of losses
    and k the law's parameters. Source: akaike1974.

    >>> n = np.array([1e2, 2e2, 4e2, 8e2, 16e2])
    >>> noise = 1e-3 * np.random.default_rng(0).normal(size=(3, 5))
    >>> found = information_criteria(n, (1.0 + 9.0 * n**-0.5) * np.exp(noise))
    >>> min(found, key=found.__getitem__)
    'power'
    """
    values = np.asarray(losses, dtype=np.float64)
    sizes = np.broadcast_to(np.asarray(n, dtype=np.float64), values.shape).ravel()
    found: dict[Form, float] = {}
    for form in FORMS:
        law = fit_law(sizes, values.ravel(), form)
        fitted = np.maximum(law(sizes), 1e-12)
        squares = float(np.sum((np.log(values.ravel()) - np.log(fitted)) ** 2))
        count = values.size
        found[form] = count * float(np.log(squares / count)) + 2.0 * (law.parameters + 1)
    return found
