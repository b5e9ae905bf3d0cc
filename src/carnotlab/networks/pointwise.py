"""Any elementwise function as an activation, told from others by what it computes."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from carnotlab.core.errors import InputError, require
from carnotlab.core.precision import precision
from carnotlab.networks.elementwise import Elementwise

MOST_KINKS = 16
"""Each adds panels to a two-dimensional rule, whose cost is the square of their number."""

PROBES = np.array([-1.7, -0.4, 0.3, 1.1, 2.6])
"""Where a function is tried on all units at once and on one at a time."""


@dataclass(frozen=True, repr=False)
class Pointwise(Elementwise):
    r"""Activation :math:`\phi` by any JAX ``function`` that acts on every unit by itself.

    Its kernels at infinite width are integrals by quadrature. ``kinks`` are the points where
    :math:`\phi` or its slope jumps: quadrature must know them. Left undeclared they make it
    inaccurate, which the estimated error then says. A jump adds nothing to :math:`\phi'`, as in
    automatic differentiation.

    Two are equal if their function is the same object; `carnotlab.core.descriptions.describe`
    tells them apart by a digest of what the function and its derivative compute.

    Raises:
        InputError: if JAX cannot trace the function, or it is not elementwise.

    >>> Pointwise(lambda z: jnp.clip(z, -1, 1), kinks=(-1.0, 1.0)).kinks
    (-1.0, 1.0)
    """

    function: Callable[[Array], Array]
    kinks: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        kinks = tuple(sorted({float(kink) for kink in self.kinks}))
        object.__setattr__(self, "kinks", kinks)
        require(
            all(math.isfinite(kink) for kink in kinks) and len(kinks) <= MOST_KINKS,
            f"kinks = {kinks}",
            f"at most {MOST_KINKS} finite numbers",
            "leave out those that no unit reaches",
        )
        _refuse_unless_elementwise(self.function, self.name)

    @property
    def name(self) -> str:
        """Name of the function, for people: different ones may share it."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def __repr__(self) -> str:
        return f"Pointwise({self.name}, kinks={self.kinks})"

    def __describe__(self) -> dict[str, object]:
        return {
            "kind": "Pointwise",
            "function": self.name,
            "sha256": program_digest(self.function),
            "kinks": self.kinks,
        }


def program_digest(function: Callable[[Array], Array]) -> str:
    """Return a SHA-256 of the program that JAX makes of a function and its derivative.

    Constants that the function closes over are part of the program; names are not. Equal in every
    process with the same version of JAX, whatever the device and the precision in use.

    >>> program_digest(jnp.tanh) == program_digest(lambda z: jnp.tanh(z))
    True
    """

    def both(z: Array) -> tuple[Array, Array]:
        return jax.jvp(function, (z,), (jnp.ones_like(z),))

    with precision("float64"):
        traced = jax.jit(both).trace(jax.ShapeDtypeStruct((), np.float64))
        text = traced.lower(lowering_platforms=("cpu",)).as_text()
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_unless_elementwise(function: Callable[[Array], Array], name: str) -> None:
    try:
        with precision("float64"):
            together = jax.jit(function)(jnp.asarray(PROBES))
            alone = jax.jit(jax.vmap(function))(jnp.asarray(PROBES)[:, None])
        hash(function)
    except Exception as error:  # whatever the user's function raises
        raise _failure(name, error) from error
    require(
        together.shape == PROBES.shape
        and bool(np.allclose(together, alone.reshape(-1), rtol=1e-9, atol=1e-12, equal_nan=True)),
        f"{name}, which does not act on every unit by itself",
        "a function of one unit at a time",
        "leave out what mixes units, such as means and maxima over an axis",
    )
    try:
        program_digest(function)
    except Exception as error:  # whatever JAX says of functions that it cannot differentiate
        raise _failure(name, error) from error


def _failure(name: str, error: Exception) -> InputError:
    first = (str(error).splitlines() or [""])[0]
    return InputError(
        f"{name}, which fails under JAX ({type(error).__name__}: {first})",
        "a hashable function of one array that JAX can trace and differentiate",
        "use jax.numpy in it, and jnp.where for cases",
    )
