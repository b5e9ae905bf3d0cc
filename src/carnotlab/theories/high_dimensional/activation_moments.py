r"""How an activation splits at Gaussian arguments: mean, linear part, and what is nonlinear.

:math:`\sigma(g) = \mu_0 + \mu_1 g + \mu_* \cdot(\ldots)` for a standard normal g, the parts
uncorrelated. In high dimension the nonlinear part of a random feature acts as independent noise.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.networks.activations import Activation, activation
from carnotlab.networks.pointwise import Pointwise

REACH = 13.0
"""The panels end where the normal density, even times a steep function, is below rounding."""

NODES = 40
"""Of a Gauss–Legendre rule on each panel of unit length; panels also end at kinks."""


class ActivationMoments(NamedTuple):
    r"""Size of the parts of an activation, in units of its output.

    ``mean`` is :math:`\mu_0 = E[\sigma]`, ``linear`` :math:`\mu_1 = E[g\,\sigma]`, ``nonlinear``
    :math:`\mu_* = \sqrt{E[\sigma^2] - \mu_0^2 - \mu_1^2}`.
    """

    mean: float
    linear: float
    nonlinear: float

    @property
    def ratio(self) -> float:
        r""":math:`\zeta = |\mu_1|/\mu_*`, infinite for a linear activation."""
        return abs(self.linear) / self.nonlinear if self.nonlinear > 0.0 else float("inf")


def activation_moments(layer: Activation) -> ActivationMoments:
    """Return the moments by quadrature, to about 1e-13 of the activation's mean square.

    Raises:
        OutOfReachError: if the activation grows so fast that a moment is not finite here.

    >>> from carnotlab.networks.activations import Relu
    >>> [round(part, 6) for part in activation_moments(Relu())]
    [0.398942, 0.5, 0.301405]
    """
    kinks = layer.kinks if isinstance(layer, Pointwise) else ()
    nodes, weights = _rule(kinks)
    with precision("float64"):
        values = np.asarray(activation(layer)(jnp.asarray(nodes)), dtype=np.float64)
    mean, linear = float(weights @ values), float(weights @ (nodes * values))
    rest = float(weights @ (values - mean - linear * nodes) ** 2)
    if not np.isfinite(rest):
        raise OutOfReachError(
            f"{layer}, whose mean square under a standard normal is not finite in float64",
            "an activation that grows slower",
            "lower its rate or degree",
        )
    return ActivationMoments(mean, linear, float(np.sqrt(rest)))


def _rule(
    kinks: tuple[float, ...],
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    inside = [kink for kink in kinks if abs(kink) < REACH]
    ends = np.unique(np.concatenate([np.arange(-REACH, REACH + 1.0), inside]))
    at, weight = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(ends)[:, None] / 2.0
    nodes = ((ends[:-1] + ends[1:])[:, None] / 2.0 + half * at).ravel()
    density = np.exp(-(nodes**2) / 2.0) / np.sqrt(2.0 * np.pi)
    return nodes, (half * weight).ravel() * density
