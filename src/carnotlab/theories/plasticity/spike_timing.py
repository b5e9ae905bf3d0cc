r"""Spike-timing plasticity under Poisson spikes: how fast weights drift, and which ones grow.

Each pair of spikes changes a weight by :math:`A_+ e^{-\Delta/\tau_+}` where the input spike came
first by :math:`\Delta`, by :math:`-A_- e^{-\Delta/\tau_-}` where it came after. Independent trains
of rates :math:`r_i, r` give the mean drift :math:`r_i\, r\,(A_+\tau_+ - A_-\tau_-)`. A linear
Poisson unit fires at :math:`r(t) = r_0 + \sum_j w_j \sum_{s < t} e^{-(t-s)/\tau_m}/\tau_m` over the
spikes s of its inputs; what an input spike causes comes after it, which adds

.. math:: \dot w_i = r_i\,r\,(A_+\tau_+ - A_-\tau_-)
          + \frac{A_+\tau_+}{\tau_+ + \tau_m} \sum_j C_{ij} w_j ,

with :math:`C_{ij}\,\delta(t)` the covariance of trains, :math:`r_i` on the diagonal and of the
rate of common spikes off it: inputs that fire together are strengthened together, Hebb's rule with
C. Exact for fixed weights; amplitudes are changes per pair, times in seconds, rates per second. All
pairs count. Sources: kempter1999, song2000.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from carnotlab.core.errors import require_positive


@dataclass(frozen=True)
class TimingRule:
    """Amplitudes and times of strengthening (input first) and weakening (input after)."""

    stronger: float = 0.01
    weaker: float = 0.0105
    stronger_time: float = 0.02
    weaker_time: float = 0.02

    def __post_init__(self) -> None:
        for name in ("stronger", "weaker", "stronger_time", "weaker_time"):
            require_positive(name, getattr(self, name))

    @property
    def area(self) -> float:
        r"""The integral of the window, :math:`A_+\tau_+ - A_-\tau_-`."""
        return self.stronger * self.stronger_time - self.weaker * self.weaker_time


def mean_drift(
    rule: TimingRule,
    weights: Float[np.ndarray, " inputs"],
    rates: Float[np.ndarray, " inputs"],
    covariance: Float[np.ndarray, "inputs inputs"],
    spontaneous: float,
    membrane_time: float,
) -> Float[np.ndarray, " inputs"]:
    """Return the mean drift of each weight per second, weights taken as fixed.

    >>> one = np.ones(1)
    >>> mean_drift(TimingRule(), 0 * one, 10 * one, 10 * np.eye(1), 5.0, 0.01).round(8).tolist()
    [-0.0005]
    """
    require_positive("membrane_time", membrane_time)
    output = spontaneous + weights @ rates
    caused = rule.stronger * rule.stronger_time / (rule.stronger_time + membrane_time)
    return rates * output * rule.area + caused * covariance @ weights


def shared_spikes(
    random: np.random.Generator,
    inputs: int,
    together: int,
    rate: float,
    share: float,
    seconds: float,
    bin_width: float,
) -> tuple[Bool[np.ndarray, "inputs bins"], Float[np.ndarray, "inputs inputs"]]:
    r"""Draw trains of equal ``rate``; the first ``together`` share a fraction of their spikes.

    A common train of that rate times ``share`` is part of each of them. Returned with the
    covariance of trains, per second; bins hold one spike at most, so rates times the bin's width
    should be small.

    >>> spikes, covariance = shared_spikes(np.random.default_rng(0), 3, 2, 10.0, 0.5, 9.0, 0.001)
    >>> spikes.shape, covariance[0].tolist()
    ((3, 9000), [10.0, 5.0, 0.0])
    """
    bins = round(seconds / bin_width)
    common = random.random(bins) < share * rate * bin_width
    own = np.where(np.arange(inputs) < together, 1.0 - share, 1.0) * rate * bin_width
    spikes = random.random((inputs, bins)) < own[:, None]
    spikes[:together] |= common
    covariance = rate * np.eye(inputs)
    block = covariance[:together, :together]
    block[~np.eye(together, dtype=bool)] = share * rate
    return spikes, covariance


def fire(
    random: np.random.Generator,
    spikes: Bool[np.ndarray, "inputs bins"],
    weights: Float[np.ndarray, " inputs"],
    spontaneous: float,
    membrane_time: float,
    bin_width: float,
) -> Bool[np.ndarray, " bins"]:
    """Return the spikes of a linear Poisson unit, driven by input spikes of earlier bins.

    >>> quiet = np.zeros((1, 100), bool)
    >>> int(fire(np.random.default_rng(0), quiet, np.ones(1), 0.0, 0.01, 0.001).sum())
    0
    """
    # Scaled so that what each spike adds sums to its weight in bins as it does in time.
    scale = float(np.expm1(bin_width / membrane_time)) / bin_width
    drive = scale * trace(weights @ spikes, membrane_time, bin_width)
    return random.random(spikes.shape[1]) < (spontaneous + drive) * bin_width


def measured_drift(
    rule: TimingRule,
    spikes: Bool[np.ndarray, "inputs bins"],
    output: Bool[np.ndarray, " bins"],
    bin_width: float,
) -> Float[np.ndarray, " inputs"]:
    """Sum the changes of all pairs of spikes, and return them per second.

    Pairs in one bin are left out.

    >>> one = np.zeros((1, 1000), bool)
    >>> one[0, 100] = True
    >>> later = np.roll(one[0], 20)
    >>> float(measured_drift(TimingRule(), one, later, 0.001).round(5).item())  # 0.01 / e
    0.00368
    """
    before = trace(spikes, rule.stronger_time, bin_width)
    after = trace(output, rule.weaker_time, bin_width)
    seconds = spikes.shape[1] * bin_width
    change = rule.stronger * before[:, output].sum(axis=1) - rule.weaker * spikes @ after
    return change / seconds


def trace(
    spikes: Float[np.ndarray, "*lead bins"], time: float, bin_width: float
) -> Float[np.ndarray, "*lead bins"]:
    """Return what is left in each bin of all earlier spikes, each fading from 1 over ``time``.

    >>> trace(np.array([1.0, 0.0, 0.0]), 1.0, 1.0).round(3).tolist()
    [0.0, 0.368, 0.135]
    """
    from scipy import signal  # here: it takes long to load  # pyright: ignore

    left = float(np.exp(-bin_width / time))
    return np.asarray(signal.lfilter([0.0, left], [1.0, -left], spikes, axis=-1))
