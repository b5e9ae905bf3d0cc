r"""Linear readouts from a code that drifts: how long they last, and which last longest.

Two stimuli drive n units to :math:`\pm a`, with Gaussian noise of covariance :math:`\Sigma` from
trial to trial; a itself wanders, by steps of covariance :math:`\Omega` per unit of time. A readout
:math:`\mathrm{sign}(u\cdot r)` fixed at time zero is right, on average over drifts, with
probability

.. math:: p(t) = \Phi\Bigl(\frac{u\cdot a}{\sqrt{u^\top\Sigma u + t\,u^\top\Omega u}}\Bigr),

exactly, Φ the normal distribution: to a readout that does not follow it, drift is noise that grows.
It falls to a level p* > 1/2 at

.. math:: t^* = \frac{(u\cdot a)^2/z^2 - u^\top\Sigma u}{u^\top\Omega u}, \qquad z = \Phi^{-1}(p^*).

So what a readout trained against trial noise gains against drift depends on :math:`\Omega` alone.
Where noise and drift enter at one place, upstream of a common map M (noise in what M is fed, drift
in the weights before it), both covariances are proportional to :math:`MM^\top`, and the best
readout against trial noise, :math:`u \propto \Sigma^{-1}a`, lasts longest of all. Where drift is
confined to directions free of trial noise it is the worst: it leans on just those. Derived here;
that readouts may outlast drift so, as a question: rule2020.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from carnotlab.core.errors import require

Vector = Float[np.ndarray, " units"]
Covariance = Float[np.ndarray, "units units"]


@dataclass(frozen=True, eq=False)
class DriftingCode:
    """Mean response to one of two opposite stimuli, covariances of trials and of unit drift."""

    response: Vector
    noise: Covariance
    drift: Covariance


def upstream_covariance(
    common_map: Float[np.ndarray, "units hidden"], variance: float
) -> Covariance:
    r"""Return :math:`\sigma^2 MM^\top`: what independent changes of the hidden layer look like.

    Of trial noise of ``variance`` in each hidden unit; or of a drift of weights into it, with the
    weights' variance per unit of time times the square of what they are fed.

    >>> upstream_covariance(np.array([[2.0], [1.0]]), 0.5).tolist()
    [[2.0, 1.0], [1.0, 0.5]]
    """
    return variance * common_map @ common_map.T


def best_readout(response: Vector, covariance: Covariance) -> Vector:
    r"""Return :math:`u \propto \Sigma^{-1}a` with :math:`u\cdot a = 1`: least noise of all such.

    >>> best_readout(np.ones(2), np.diag([1.0, 3.0])).tolist()
    [0.75, 0.25]
    """
    towards = np.linalg.solve(covariance, response)
    return towards / (towards @ response)


def share_right(
    code: DriftingCode, readout: Vector, times: Float[np.ndarray, " time"]
) -> Float[np.ndarray, " time"]:
    """Return the probability of a right answer over ``times``, on average over drifts.

    >>> code = DriftingCode(np.ones(1), np.eye(1), np.eye(1))
    >>> share_right(code, np.ones(1), np.array([0.0, 3.0])).round(4).tolist()
    [0.8413, 0.6915]
    """
    noise, drift = readout @ code.noise @ readout, readout @ code.drift @ readout
    return np.asarray(ndtr(readout @ code.response / np.sqrt(noise + times * drift)))


def lifetime(code: DriftingCode, readout: Vector, level: float) -> float:
    """Return when the share of right answers falls to ``level``; 0 if it never is as high.

    >>> code = DriftingCode(np.ones(1), np.eye(1), np.eye(1))
    >>> round(lifetime(code, np.ones(1), 0.6915), 2)
    3.0
    """
    require(0.5 < level < 1.0, f"level = {level:g}", "above 1/2 and below 1", "try 0.75")
    noise, drift = readout @ code.noise @ readout, readout @ code.drift @ readout
    room = (readout @ code.response / ndtri(level)) ** 2 - noise
    if drift <= 0.0:
        return float("inf") if room > 0.0 else 0.0
    return max(float(room / drift), 0.0)


def simulated_share_right(
    random: np.random.Generator,
    code: DriftingCode,
    readout: Vector,
    times: Float[np.ndarray, " time"],
    drifts: int,
    trials: int,
) -> Float[np.ndarray, " time"]:
    """Let the code wander, present stimuli, count right answers; ``drifts`` paths of ``trials``.

    >>> code = DriftingCode(np.ones(1), 0.01 * np.eye(1), np.eye(1))
    >>> random = np.random.default_rng(0)
    >>> simulated_share_right(random, code, np.ones(1), np.zeros(1), 2, 50).item()
    1.0
    """
    noise_root, drift_root = _root(code.noise), _root(code.drift)
    n = len(readout)
    steps = np.diff(times, prepend=0.0)
    wandered = np.zeros((drifts, n))
    found: list[float] = []
    for step in steps:
        wandered = wandered + np.sqrt(step) * random.standard_normal((drifts, n)) @ drift_root.T
        signs = random.choice([-1.0, 1.0], size=(drifts, trials))
        means = signs[..., None] * (code.response + wandered)[:, None, :]
        responses = means + random.standard_normal((drifts, trials, n)) @ noise_root.T
        found.append(float(np.mean(np.sign(responses @ readout) == signs)))
    return np.array(found)


def _root(covariance: Covariance) -> Covariance:
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0.0))
