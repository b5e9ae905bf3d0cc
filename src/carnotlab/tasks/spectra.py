"""Spectra of an input covariance, as plain data: a closed union with one reading."""

from dataclasses import dataclass
from typing import TypeAlias, assert_never

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require, require_not_negative, require_positive
from carnotlab.tasks.checking import require_numbers


@dataclass(frozen=True)
class Isotropic:
    """Every direction has the same variance: whitened inputs, where it is 1."""

    variance: float = 1.0

    def __post_init__(self) -> None:
        require_positive("variance", self.variance)


@dataclass(frozen=True)
class PowerLaw:
    r"""Eigenvalues :math:`\lambda_k \propto k^{-a}`, k = 1, 2, …, with mean ``variance``."""

    exponent: float
    variance: float = 1.0

    def __post_init__(self) -> None:
        require_not_negative("exponent", self.exponent)
        require_positive("variance", self.variance)


@dataclass(frozen=True)
class Geometric:
    """Eigenvalues evenly spaced in logarithm, the largest ``condition`` times the smallest.

    Their mean is ``variance``. One input has one eigenvalue, whatever the condition.
    """

    condition: float
    variance: float = 1.0

    def __post_init__(self) -> None:
        require(
            1.0 <= self.condition < float("inf"),
            f"condition = {self.condition!r}",
            "a finite ratio of largest to smallest eigenvalue, at least 1",
            "use 1.0 for whitened inputs",
        )
        require_positive("variance", self.variance)


@dataclass(frozen=True)
class Eigenvalues:
    """Eigenvalues as given, one for each input."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        require_numbers("values", self.values, above=0.0)


Spectrum: TypeAlias = Isotropic | PowerLaw | Geometric | Eigenvalues


def eigenvalues(spectrum: Spectrum, size: int) -> Float[np.ndarray, " size"]:
    """Return the ``size`` eigenvalues of a spectrum; all are above zero.

    Raises:
        InputError: if eigenvalues were given and their number is not ``size``.

    >>> eigenvalues(Geometric(4.0, variance=7.0), 3)
    array([12.,  6.,  3.])
    """
    match spectrum:
        case Isotropic(variance):
            return np.full(size, variance)
        case PowerLaw(exponent, variance):
            shape = np.arange(1, size + 1, dtype=np.float64) ** -exponent
            return variance * shape / shape.mean()
        case Geometric(condition, variance):
            shape = np.geomspace(condition, 1.0, size)
            return variance * shape / shape.mean()
        case Eigenvalues(values):
            require(
                len(values) == size,
                f"{len(values)} eigenvalues for {size} inputs",
                "one eigenvalue for each input",
                f"give {size} of them",
            )
            return np.asarray(values, dtype=np.float64)
        case _:
            assert_never(spectrum)
