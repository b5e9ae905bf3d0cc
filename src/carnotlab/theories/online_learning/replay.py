r"""Examples seen again and again: how much replay gains over meeting each once, and when it hurts.

The student of `online_regression` on P = αN examples. Replay in full batches of rate
:math:`\eta` (the summed loss) leaves :math:`(1-\eta\lambda)^k` of a mode after k epochs: regression
over time, where noise is fitted last, and all of it in the end. Shuffled replay, one example a
step, follows the same course while :math:`\eta` is small: what it adds is of the order of
:math:`\eta` times the error on the examples. Source of the errors over time: advani2020.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_positive
from carnotlab.theories.high_dimensional.isotropic_regression import (
    isotropic_course,
    optimal_stopping,
)
from carnotlab.theories.high_dimensional.ridgeless_regression import ridgeless_excess
from carnotlab.theories.online_learning.online_regression import annealed_excess

MOST_EPOCHS = 1_000_000
"""Beyond which more epochs are not searched for the best number."""


class ReplayGain(NamedTuple):
    """Excess errors on fresh inputs after one pass and after replay; all in teacher variances.

    ``once`` meets each example once at the best rates, ``stopped`` replays to the best time and
    ``unlimited`` for ever; ``time`` is the best time, rate times epochs (infinite without noise).
    """

    once: float
    stopped: float
    unlimited: float
    time: float

    @property
    def gain(self) -> float:
        """What stopped replay gains over one pass; negative if it loses."""
        return self.once - self.stopped


class BestEpochs(NamedTuple):
    """The number of epochs with the least excess, and that excess."""

    epochs: int
    excess: float


def replay_excess(
    epochs: Float[np.ndarray, " k"],
    ratio: float,
    rate: float,
    *,
    noise_variance: float = 0.0,
    start_excess: float = 1.0,
) -> Float[np.ndarray, " k"]:
    r"""Return the excess after full-batch epochs on :math:`\alpha` examples per input.

    Raises:
        OutOfReachError: for rates at which descent diverges.

    >>> replay_excess(np.array([0.0, 1e6]), 0.5, 0.3, noise_variance=0.25).round(6).tolist()
    [1.0, 0.75]
    """
    time = rate * np.asarray(epochs, dtype=np.float64)
    return isotropic_course(
        time, ratio, teacher_variance=start_excess, noise_variance=noise_variance, rate=rate
    ).excess


def best_epochs(
    ratio: float, rate: float, *, noise_variance: float, start_excess: float = 1.0
) -> BestEpochs:
    """Return the optimal amount of replay at a rate; 0 epochs where noise drowns the teacher.

    Raises:
        InputError: without noise, where more is never worse.

    >>> best_epochs(0.9, 0.1, noise_variance=1.0).epochs
    6
    """
    require_positive("noise_variance", noise_variance)
    about = optimal_stopping(ratio, teacher_variance=start_excess, noise_variance=noise_variance)
    middle = about.at / rate
    low = int(max(np.floor(0.5 * middle) - 2, 0))
    high = int(min(np.ceil(1.5 * middle) + 2, MOST_EPOCHS))
    epochs = np.unique(np.linspace(low, high, 4001).astype(np.int64)).astype(np.float64)
    errors = replay_excess(
        epochs, ratio, rate, noise_variance=noise_variance, start_excess=start_excess
    )
    best = int(np.argmin(errors))
    return BestEpochs(int(epochs[best]), float(errors[best]))


def replay_gain(ratio: float, signal_to_noise: float) -> ReplayGain:
    r"""Return what replay gains at :math:`\alpha` examples per input of a rule so reliable.

    ``signal_to_noise`` is :math:`\sigma_w^2/\sigma_e^2`, infinite for a rule without exceptions.
    Replay is the flow, that is full batches at small rates, stopped at the best time.

    Raises:
        InputError: for a ratio or reliability that is not above 0.

    >>> found = replay_gain(0.9, 1.0)
    >>> round(found.once, 3), round(found.stopped, 3), round(found.unlimited, 1)
    (0.668, 0.653, 9.1)
    """
    require_positive("ratio", ratio)
    require(
        signal_to_noise > 0.0,
        f"signal_to_noise = {signal_to_noise!r}",
        "a number above 0",
        "use float('inf') for no noise",
    )
    noise = 1.0 / signal_to_noise
    best = optimal_stopping(ratio, noise_variance=noise)
    return ReplayGain(
        float(annealed_excess(ratio, noise_variance=noise)),
        best.error,
        float(ridgeless_excess(ratio, noise_variance=noise)),
        best.at,
    )


def replay_gains(
    ratios: Float[np.ndarray, " ratio"], signal_to_noise: Float[np.ndarray, " snr"]
) -> Float[np.ndarray, "snr ratio"]:
    """Return the gain of replay over examples per input and reliability of the rule.

    >>> replay_gains(np.array([0.5, 1.0]), np.array([np.inf])).round(3).tolist()
    [[0.107, 0.368]]
    """
    return np.array(
        [[replay_gain(float(a), float(s)).gain for a in ratios] for s in signal_to_noise]
    )
