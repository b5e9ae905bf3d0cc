"""Activations as plain data, and the functions that they stand for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array


class Elementwise:
    """What acts on every unit by itself; readings that only pass it by match on this class."""


@dataclass(frozen=True)
class Linear(Elementwise):
    """The identity activation: a deep network of these is a deep linear network."""


@dataclass(frozen=True)
class Relu(Elementwise):
    r"""Rectifier :math:`\phi(z) = \max(z, 0)`."""


@dataclass(frozen=True)
class LeakyRelu(Elementwise):
    r"""Leaky rectifier :math:`\phi(z) = \max(z, 0) + a \min(z, 0)` with ``slope`` :math:`a`."""

    slope: float = 0.01


@dataclass(frozen=True)
class Erf(Elementwise):
    r"""Error function :math:`\phi(z) = \mathrm{erf}(z)`."""


@dataclass(frozen=True)
class Tanh(Elementwise):
    r"""Hyperbolic tangent :math:`\phi(z) = \tanh(z)`."""


@dataclass(frozen=True)
class Gelu(Elementwise):
    r"""Gaussian error linear unit :math:`\phi(z) = z\,\Phi(z)`, exact (not its tanh fit)."""


@dataclass(frozen=True)
class Sin(Elementwise):
    r"""Sine :math:`\phi(z) = \sin(z)`."""


Activation: TypeAlias = Linear | Relu | LeakyRelu | Erf | Tanh | Gelu | Sin


def activation(layer: Activation) -> Callable[[Array], Array]:
    """Return the elementwise function of an activation layer.

    >>> float(activation(LeakyRelu(0.5))(jnp.array(-2.0)))
    -1.0
    """
    match layer:
        case Linear():
            return lambda z: z
        case Relu():
            return jax.nn.relu
        case LeakyRelu(slope):
            return lambda z: jnp.where(z > 0, z, slope * z)
        case Erf():
            return jax.scipy.special.erf
        case Tanh():
            return jnp.tanh
        case Gelu():
            return lambda z: jax.nn.gelu(z, approximate=False)
        case Sin():
            return jnp.sin
        case _:
            assert_never(layer)
