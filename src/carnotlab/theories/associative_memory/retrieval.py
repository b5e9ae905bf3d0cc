r"""How well a Hopfield network of many units recalls: the replica-symmetric equations.

For :math:`P = \alpha N` random patterns, N large, Hebb's weights and temperature T = 1/β the
overlap m with the pattern being recalled solves, over a unit Gaussian z,

.. math:: m = \langle\tanh\beta(m + \sqrt{\alpha r}\,z)\rangle, \quad
          q = \langle\tanh^2\beta(m + \sqrt{\alpha r}\,z)\rangle, \quad
          r = q\,[1 - \beta(1 - q)]^{-2} .

Without noise m = erf(y), with :math:`\sqrt{2\alpha} = \mathrm{erf}(y)/y - \frac{2}{\sqrt\pi}
e^{-y^2}`, solvable up to :math:`\alpha_c = 0.137906`, where m is still 0.967 and from where memory
is lost at once. Breaking replica symmetry moves :math:`\alpha_c` by less than 1 %. One update of
all units from a pattern itself has the overlap :math:`\mathrm{erf}(1/\sqrt{2\alpha})`, which has no
such limit. Source: amit1987.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import optimize, special  # pyright: ignore[reportMissingTypeStubs]

from carnotlab.core.errors import require_not_negative, require_positive

NODES = 4001
LARGEST = 12.0
"""Beyond this y the overlap is 1 to double precision."""


class Capacity(NamedTuple):
    """The largest load at which patterns are recalled without noise, and the overlap there."""

    load: float
    overlap: float


def critical_load() -> Capacity:
    """Return the capacity per unit of a network with Hebb's weights.

    >>> [round(value, 5) for value in critical_load()]
    [0.13791, 0.96742]
    """
    y = _best()
    return Capacity(_root_load(y) ** 2 / 2.0, float(special.erf(y)))


def recalled_overlap(load: float, temperature: float = 0.0) -> float:
    """Return the overlap at which recall from a pattern ends; 0 where memory is lost.

    Raises:
        InputError: for a load that is not positive or a negative temperature.

    >>> round(recalled_overlap(0.1), 4), recalled_overlap(0.15)
    (0.998, 0.0)
    >>> round(recalled_overlap(0.05, 0.3), 4)
    0.9912
    """
    require_positive("load", load)
    require_not_negative("temperature", temperature)
    if temperature > 0.0:
        return _with_noise(load, 1.0 / temperature)
    best = _best()
    if _root_load(best) < np.sqrt(2.0 * load):
        return 0.0

    def gap(y: float) -> float:
        return _root_load(y) - float(np.sqrt(2.0 * load))

    if gap(LARGEST) > 0.0:
        return 1.0
    return float(special.erf(optimize.brentq(gap, best, LARGEST, xtol=1e-13)))


def first_overlap(load: float) -> float:
    """Return the overlap after one update of all units from a pattern, in a large network.

    >>> round(first_overlap(0.1), 4)
    0.9984
    """
    require_positive("load", load)
    return float(special.erf(1.0 / np.sqrt(2.0 * load)))


def _root_load(y: float) -> float:
    return float(special.erf(y) / y - 2.0 / np.sqrt(np.pi) * np.exp(-(y**2)))


def _best() -> float:
    found = optimize.minimize_scalar(
        lambda y: -_root_load(y), bounds=(0.5, 3.0), method="bounded", options={"xatol": 1e-10}
    )
    return float(found.x)


def _with_noise(load: float, sharpness: float) -> float:
    # An even grid: at low temperature the integrand is a step, which Gauss's few nodes miss.
    nodes = np.linspace(-9.0, 9.0, NODES)
    weights = np.exp(-(nodes**2) / 2.0)
    weights /= weights.sum()
    m = r = 1.0
    for _ in range(20_000):
        inside: Float[np.ndarray, " z"] = np.tanh(sharpness * (m + np.sqrt(load * r) * nodes))
        found, square = float(weights @ inside), float(weights @ inside**2)
        stiff = 1.0 - sharpness * (1.0 - square)
        # Beyond stiffness 0 the state without memory orders by itself: no such solution.
        wanted = square / stiff**2 if stiff > 0.0 else np.inf
        if not np.isfinite(wanted):
            return 0.0
        change = abs(found - m) + abs(wanted - r)
        m, r = found, 0.5 * r + 0.5 * wanted
        if change < 1e-13:
            break
    return m if m > 1e-6 else 0.0
