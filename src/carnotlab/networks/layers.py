"""Layers as plain data: what a network is made of, a closed union that every reading matches on."""

from dataclasses import dataclass
from typing import TypeAlias

from carnotlab.core.errors import require, require_not_negative, require_positive
from carnotlab.networks.activations import Activation


@dataclass(frozen=True)
class Dense:
    r"""Fully connected layer :math:`z = W x + b` with ``units`` outputs.

    ``weight_variance`` is :math:`\sigma_w^2` and ``bias_variance`` is :math:`\sigma_b^2`; how they
    enter is the parameterization's business. ``bias_variance=None`` means no bias at all.

    >>> Dense(10).bias_variance is None
    True
    """

    units: int
    weight_variance: float = 1.0
    bias_variance: float | None = None

    def __post_init__(self) -> None:
        require(self.units >= 1, f"units = {self.units}", "at least 1", "give the layer a size")
        require_positive("weight_variance", self.weight_variance)
        if self.bias_variance is not None:
            require_not_negative("bias_variance", self.bias_variance)


@dataclass(frozen=True)
class Residual:
    """A block with a skip connection: :math:`x + f(x)`, ``f`` the layers inside."""

    layers: tuple["Layer", ...]

    def __post_init__(self) -> None:
        require(
            len(self.layers) > 0, "an empty residual block", "at least one layer", "add a layer"
        )


Layer: TypeAlias = Dense | Activation | Residual
