"""What each linear map multiplies by, from the parameterization's multipliers and spreads."""

from typing import NamedTuple, assert_never

from carnotlab.core.errors import OutOfReachError
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model, scalings
from carnotlab.networks.initialisation import (
    Aligned,
    Balanced,
    Gaussian,
    Given,
    LambdaBalanced,
    Orthogonal,
)


class Gain(NamedTuple):
    """What a linear map multiplies by: covariances forward, gradients to its own parameters."""

    weight: float
    bias: float
    weight_gradient: float
    bias_gradient: float


def gains(network: Network) -> tuple[Gain, ...]:
    """Return the gain of every linear map, in order of the forward pass.

    >>> from carnotlab.networks.architectures import mlp
    >>> [round(number, 6) for number in gains(mlp(2, (8,), 1))[0]]
    [2.0, 0.0, 2.0, 0.0]
    """
    scale = gaussian_scale(network)
    rates = Model(network).rate_scales("gradient")
    found: list[Gain] = []
    for layer, its, rate in zip(network.maps, scalings(network), rates, strict=True):
        weight = its.weight_multiplier**2 * layer.fan_in
        bias = 0.0 if layer.bias_variance is None else its.bias_multiplier**2
        found.append(
            Gain(
                weight=weight * (scale * its.weight_std) ** 2,
                bias=bias * its.bias_std**2,
                weight_gradient=rate * weight,
                bias_gradient=rate * bias,
            )
        )
    return tuple(found)


def gaussian_scale(network: Network) -> float:
    """Return the factor on every initial weight; only Gaussian weights have the limit.

    >>> from carnotlab.networks.layers import Dense
    >>> gaussian_scale(Network(2, (Dense(1),), initialisation=Gaussian(0.5)))
    0.5
    """
    match network.initialisation:
        case Gaussian(scale):
            return scale
        case Orthogonal() | Aligned() | Balanced() | LambdaBalanced() | Given():
            raise OutOfReachError(
                f"the initialisation {type(network.initialisation).__name__} in the "
                "infinite-width reading",
                "independent Gaussian weights",
                "use Gaussian()",
            )
        case _:
            assert_never(network.initialisation)
