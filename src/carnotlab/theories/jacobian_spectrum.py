r"""Free probability of deep networks: how much the singular values of the Jacobian spread."""

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.jacobian import (
    JACOBIAN_MEAN,
    JACOBIAN_SPREAD,
    jacobian_mean_at,
    jacobian_spread_at,
)
from carnotlab.networks.activations import Activation, Linear, activation
from carnotlab.networks.description import Network
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.finite import Weights
from carnotlab.networks.initialisation import Gaussian, Orthogonal
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import Standard
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.correlation_map import length_map


class Derivatives(NamedTuple):
    r""":math:`\mu_1 = E[\phi'^2]` and :math:`\mu_2 = E[\phi'^4]`."""

    second: float
    fourth: float


@dataclass(frozen=True)
class JacobianSpectrum(Theory):
    r"""Squared singular values of :math:`J = \partial f/\partial x` have a known mean and spread.

    As the width of square layers grows, weights and derivatives of units become free, so that each
    layer multiplies the mean by :math:`\sigma_w^2 \mu_1` and adds to the relative variance:

    .. math::
        \frac{m_2}{m_1^2} - 1 = \sum_l \left(\frac{\mu_2}{\mu_1^2} - 1\right)
        + \begin{cases} D & \text{Gaussian weights} \\ 0 & \text{orthogonal weights,} \end{cases}

    with D weight layers and :math:`\mu_k = E[\phi'(\sqrt{q_l} z)^{2k}]` at the length
    :math:`q_l` the first training input has in layer l. At the start; equal at all times, which
    training makes wrong. For chains of square `Dense` layers without biases in the standard
    parameterization. Corrections are of order depth squared over width. Source: pennington2017.

    >>> JacobianSpectrum().name
    'jacobian_spectrum'
    """

    name: ClassVar[str] = "jacobian_spectrum"
    claim: ClassVar[str] = "weights and units add their own spread to the Jacobian's spectrum"
    references: ClassVar[tuple[str, ...]] = ("pennington2017", "saxe2014")
    predicts: ClassVar[tuple[Quantity, ...]] = (JACOBIAN_MEAN, JACOBIAN_SPREAD)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Return mean and spread at the start, the same at all record times.

        Raises:
            OutOfReachError: for other layers, parameterizations or starts.
        """
        del start
        network, times = experiment.network, experiment.training.times
        gains, units = _square_layers(network)
        x = _input(experiment)
        length = gains[0] * float(np.mean(x**2))
        mean, spread = gains[0], 0.0
        for gain, unit in zip(gains[1:], units, strict=True):
            slopes = derivative_moments(unit, length)
            mean *= gain * slopes.second
            spread += slopes.fourth / slopes.second**2 - 1.0
            length = length_map(unit, gain, 0.0, length)
        if isinstance(network.initialisation, Gaussian):
            spread += len(gains)
        parts = [
            quantity.label(np.full(len(times), value), ("time",), {"time": times})
            for quantity, value in ((JACOBIAN_MEAN, mean), (JACOBIAN_SPREAD, spread))
        ]
        return xr.merge(parts)

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measures of both at the first training input."""
        x = _input(experiment)
        return (jacobian_mean_at(x), jacobian_spread_at(x))

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "wide compared with depth squared",
            "weight layers squared over the width",
            4.0,
            lambda experiment, _: experiment.network.depth**2 / experiment.network.input_size,
        ),
    )


def largest_squared_singular_value(depth: int) -> float:
    r"""Return :math:`(D+1)^{D+1}/D^D`, the edge of the spectrum of D square Gaussian layers.

    Of weight variance 1 over the width and without activations, at infinite width: about
    :math:`e D`, where the mean stays 1. Source: pennington2017.

    >>> largest_squared_singular_value(1)
    4.0
    """
    require(depth >= 1, f"depth = {depth}", "at least 1", "count the weight layers")
    return math.exp((depth + 1) * math.log(depth + 1.0) - depth * math.log(depth))


@cache
def derivative_moments(layer: Activation, length: float) -> Derivatives:
    r"""Return :math:`E[\phi'(\sqrt q z)^2]` and :math:`E[\phi'(\sqrt q z)^4]`, standard normal z.

    By Gauss and Legendre's rule on either side of zero, so that a kink there does no harm.

    >>> from carnotlab.networks.activations import Relu
    >>> moments = derivative_moments(Relu(), 3.0)
    >>> round(moments.second, 12), round(moments.fourth, 12)
    (0.5, 0.5)
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)
    z = 6.5 * (nodes + 1.0)
    density = 6.5 * weights * np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)
    squares = _slopes(layer, math.sqrt(length) * np.concatenate([-z[::-1], z])) ** 2
    both = np.concatenate([density[::-1], density])
    return Derivatives(float(both @ squares), float(both @ squares**2))


def _slopes(layer: Activation, z: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    with precision("float64"):
        fn = activation(layer)
        at = jnp.asarray(z, dtype=jnp.float64)
        return np.asarray(jax.jvp(fn, (at,), (jnp.ones_like(at),))[1])


def _input(experiment: Experiment) -> Float[np.ndarray, " inputs"]:
    return np.asarray(experiment.task.data().train.x[0], dtype=np.float64).ravel()


def _square_layers(network: Network) -> tuple[list[float], list[Activation]]:
    """Return the squared gain of every weight layer, and the units between them."""
    matrices: list[Dense] = []
    units: list[Activation] = []
    for layer in network.layers:
        match layer:
            case Dense(bias_variance=None):
                if len(units) < len(matrices):
                    units.append(Linear())
                matrices.append(layer)
            case Elementwise() if len(units) == len(matrices) - 1:
                units.append(layer)
            case _:
                raise OutOfReachError(
                    f"a {type(layer).__name__} at this place in the Jacobian's spectrum",
                    "Dense layers without biases, at most one activation between any two",
                    "use mlp() or deep_linear() without bias_variance",
                )
    if len(units) == len(matrices):
        raise OutOfReachError(
            f"a network that ends in {type(network.layers[-1]).__name__}",
            "a Dense layer at the end, for the Jacobian's spectrum",
            "add one",
        )
    return _gains(network, matrices), units


def _gains(network: Network, matrices: list[Dense]) -> list[float]:
    size = network.input_size
    if any(layer.units != size for layer in matrices):
        raise OutOfReachError(
            f"layers of {sorted({layer.units for layer in matrices})} units on {size} inputs "
            "in the Jacobian's spectrum",
            "square layers",
            f"give every layer {size} units",
        )
    match network.parameterization, network.initialisation:
        case Standard(), Gaussian(scale):
            return [scale**2 * layer.weight_variance for layer in matrices]
        case Standard(), Orthogonal(gain):
            return [gain**2] * len(matrices)
        case kind, start:
            raise OutOfReachError(
                f"{type(kind).__name__} from {type(start).__name__} in the Jacobian's spectrum",
                "the standard parameterization, Gaussian or orthogonal weights",
                "use Standard() with Gaussian() or Orthogonal()",
            )
