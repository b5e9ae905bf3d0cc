"""Activations as plain data, and the functions that they stand for."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import jax
import jax.numpy as jnp
from jaxtyping import Array

from carnotlab.core.errors import require, require_positive
from carnotlab.networks.elementwise import Elementwise
from carnotlab.networks.pointwise import Pointwise

LARGEST_DEGREE = 64
"""Of a polynomial: the kernel of a higher one has terms beyond what float64 can hold."""


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
class Abs(Elementwise):
    r"""Absolute value :math:`\phi(z) = |z|`; at zero its slope counts as -1."""


@dataclass(frozen=True)
class Step(Elementwise):
    r"""Heaviside step: :math:`\phi(z) = 1` where :math:`z > 0`, else zero.

    Its derivative is zero almost everywhere, so no gradient passes it: of a tangent kernel only
    the layers behind the last step are left, in finite networks and in infinite ones.
    """


@dataclass(frozen=True)
class Sign(Elementwise):
    r"""Sign :math:`\phi(z) = z / |z|`, zero at zero; no gradient passes it, as with `Step`."""


@dataclass(frozen=True)
class Erf(Elementwise):
    r"""Error function :math:`\phi(z) = \mathrm{erf}(s z)` with ``scale`` :math:`s`."""

    scale: float = 1.0

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)


@dataclass(frozen=True)
class Gelu(Elementwise):
    r"""Gaussian error linear unit :math:`\phi(z) = z\,\Phi(z)`, exact (not its tanh fit)."""


@dataclass(frozen=True)
class Tanh(Elementwise):
    r"""Hyperbolic tangent :math:`\phi(z) = \tanh(z)`."""


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    r"""Logistic function :math:`\phi(z) = 1 / (1 + e^{-z})`."""


@dataclass(frozen=True)
class Softplus(Elementwise):
    r"""Smooth rectifier :math:`\phi(z) = \log(1 + e^z)`."""


@dataclass(frozen=True)
class Silu(Elementwise):
    r"""Sigmoid linear unit, or swish: :math:`\phi(z) = z / (1 + e^{-z})`."""


@dataclass(frozen=True)
class Sin(Elementwise):
    r"""Sine :math:`\phi(z) = \sin(\omega z + s)`, ``frequency`` :math:`\omega`, ``shift`` s."""

    frequency: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        require_positive("frequency", self.frequency)
        _require_finite("shift", self.shift)


@dataclass(frozen=True)
class Cos(Elementwise):
    r"""Cosine :math:`\phi(z) = \cos(\omega z)` with ``frequency`` :math:`\omega`."""

    frequency: float = 1.0

    def __post_init__(self) -> None:
        require_positive("frequency", self.frequency)


@dataclass(frozen=True)
class GaussianBell(Elementwise):
    r"""Bell curve :math:`\phi(z) = e^{-(z/w)^2}` with ``width`` :math:`w`."""

    width: float = 1.0

    def __post_init__(self) -> None:
        require_positive("width", self.width)


@dataclass(frozen=True)
class Exponential(Elementwise):
    r"""Exponential :math:`\phi(z) = e^{rz}` with ``rate`` :math:`r`.

    Its kernel is :math:`e^{2 r^2 a}` for equal samples of variance :math:`a`: infinite, as a float,
    from :math:`r^2 a \approx 355` on in float64, 44 in float32. Smaller weights keep it finite.
    """

    rate: float = 1.0

    def __post_init__(self) -> None:
        _require_finite("rate", self.rate)


@dataclass(frozen=True)
class Monomial(Elementwise):
    r"""Power :math:`\phi(z) = z^n` of ``degree`` :math:`n`, from 1 to `LARGEST_DEGREE`."""

    degree: int

    def __post_init__(self) -> None:
        _require_degree(self.degree)


@dataclass(frozen=True)
class Polynomial(Elementwise):
    r"""Polynomial :math:`\phi(z) = \sum_k c_k z^k`; ``coefficients`` start with the constant.

    >>> float(activation(Polynomial((1.0, 0.0, 2.0)))(jnp.array(3.0)))
    19.0
    """

    coefficients: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", tuple(float(c) for c in self.coefficients))
        for coefficient in self.coefficients:
            _require_finite("a coefficient", coefficient)
        _require_degree(len(self.coefficients) - 1)


@dataclass(frozen=True)
class Hermite(Elementwise):
    r"""Normalised Hermite polynomial :math:`\phi(z) = He_n(z) / \sqrt{n!}` of ``degree`` n.

    They are orthonormal under a standard normal :math:`z`: :math:`E[\phi_n \phi_m] = \delta_{nm}`.
    """

    degree: int

    def __post_init__(self) -> None:
        _require_degree(self.degree)


Activation: TypeAlias = (
    Linear
    | Relu
    | LeakyRelu
    | Abs
    | Step
    | Sign
    | Erf
    | Gelu
    | Tanh
    | Sigmoid
    | Softplus
    | Silu
    | Sin
    | Cos
    | GaussianBell
    | Exponential
    | Monomial
    | Polynomial
    | Hermite
    | Pointwise
)


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
        case Abs():
            # Not jnp.abs: at zero, all rectifiers have the slope of their negative side.
            return lambda z: jnp.where(z > 0, z, -z)
        case Step():
            return lambda z: jnp.where(z > 0, jnp.ones_like(z), jnp.zeros_like(z))
        case Sign():
            return jnp.sign
        case Erf(scale):
            return lambda z: jax.scipy.special.erf(scale * z)
        case Gelu():
            return lambda z: jax.nn.gelu(z, approximate=False)
        case Tanh():
            return jnp.tanh
        case Sigmoid():
            return jax.nn.sigmoid
        case Softplus():
            return jax.nn.softplus
        case Silu():
            return jax.nn.silu
        case Sin(frequency, shift):
            return lambda z: jnp.sin(frequency * z + shift)
        case Cos(frequency):
            return lambda z: jnp.cos(frequency * z)
        case GaussianBell(width):
            return lambda z: jnp.exp(-((z / width) ** 2))
        case Exponential(rate):
            return lambda z: jnp.exp(rate * z)
        case Monomial(degree):
            return lambda z: z**degree
        case Polynomial(coefficients):
            return lambda z: jnp.polyval(jnp.asarray(coefficients[::-1], z.dtype), z)
        case Hermite(degree):
            return lambda z: _hermite(z, degree)
        case Pointwise(function):
            return function
        case _:
            assert_never(layer)


def slopes(layer: Elementwise) -> tuple[float, float] | None:
    r"""Return the slopes left and right of zero, where these are all that there is to it.

    They are for positively homogeneous activations, :math:`\phi(tz) = t\phi(z)` at :math:`t > 0`;
    any other gives None. At zero, :math:`\phi'` is the slope on the left.

    >>> slopes(LeakyRelu(0.1)), slopes(Tanh())
    ((0.1, 1.0), None)
    """
    match layer:
        case Linear():
            return 1.0, 1.0
        case Relu():
            return 0.0, 1.0
        case LeakyRelu(slope):
            return slope, 1.0
        case Abs():
            return -1.0, 1.0
        case _:
            return None


def _hermite(z: Array, degree: int) -> Array:
    below, current = jnp.ones_like(z), z
    for k in range(1, degree):
        below, current = current, (z * current - math.sqrt(k) * below) / math.sqrt(k + 1)
    return current


def _require_degree(degree: int) -> None:
    require(
        1 <= degree <= LARGEST_DEGREE,
        f"a polynomial of degree {degree}",
        f"a degree from 1 to {LARGEST_DEGREE}",
        "give such a degree, or use Pointwise for other functions",
    )


def _require_finite(name: str, value: float) -> None:
    require(math.isfinite(value), f"{name} = {value!r}", "a finite number", f"give {name} one")
