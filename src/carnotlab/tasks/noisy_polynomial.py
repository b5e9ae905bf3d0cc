"""A noisy polynomial on an interval, in a chosen basis: which interpolator depends on the basis."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, assert_never

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import require_not_negative
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_choice, require_numbers, require_whole
from carnotlab.tasks.drawing import generator, sealed

PolynomialBasis: TypeAlias = Literal["monomial", "legendre", "chebyshev", "damped legendre"]
Spacing: TypeAlias = Literal["equispaced", "random"]


@dataclass(frozen=True)
class NoisyPolynomial(Task):
    r"""Targets :math:`y = \sum_j c_j t^j + \varepsilon` on [−1, 1]; inputs are basis features of t.

    ``coefficients`` c are those of the powers of t, constant first. An input is the vector
    :math:`(\varphi_0(t), …, \varphi_d(t))` for ``degree`` d in the ``basis``, see `features`; a
    linear model on it is a polynomial of degree d. ``samples`` points t are equispaced (ends
    included) or uniformly random; ``noise`` is the standard deviation of :math:`\varepsilon`, in
    target units. ``held_out`` points are uniformly random, with noise unless ``noisy_held_out``
    is false.

    Raises:
        InputError: for an unknown basis or spacing, a negative degree or noise.

    >>> line = NoisyPolynomial(coefficients=(0.0, 1.0), degree=50, samples=10, noise=0.1)
    >>> line.data().train.x.shape
    (10, 51)
    """

    coefficients: tuple[float, ...]
    degree: int
    samples: int
    noise: float = 0.0
    basis: PolynomialBasis = "legendre"
    spacing: Spacing = "equispaced"
    held_out: int = 1024
    noisy_held_out: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        require_numbers("coefficients", self.coefficients)
        require_whole("degree", self.degree, 0)
        require_whole("samples", self.samples, 1)
        require_whole("held_out", self.held_out, 1)
        require_whole("seed", self.seed, 0)
        require_not_negative("noise", self.noise)
        names = ("monomial", "legendre", "chebyshev", "damped legendre")
        require_choice("basis", self.basis, names)
        require_choice("spacing", self.spacing, ("equispaced", "random"))

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(degree + 1,)``."""
        return (self.degree + 1,)

    @property
    def output_size(self) -> int:
        """One output."""
        return 1

    def data(self) -> Data:
        """Return ``samples`` points to train on and ``held_out`` more, read-only float64."""
        return _data(self)


def features(
    t: Float[np.ndarray, " n"], basis: PolynomialBasis, degree: int
) -> Float[np.ndarray, "n degree+1"]:
    r"""Return the basis functions 0 … ``degree`` at points t in [−1, 1], float64.

    - ``"monomial"``: :math:`t^k`.
    - ``"legendre"``: :math:`\sqrt{2k+1}\,P_k(t)`, orthonormal for t uniform on [−1, 1]
      (so that :math:`\Sigma_{xx} = I` in the population).
    - ``"chebyshev"``: :math:`T_k(t)`.
    - ``"damped legendre"``: the orthonormal Legendre functions divided by 1 + k.

    >>> features(np.array([1.0]), "legendre", 2).round(4)
    array([[1.    , 1.7321, 2.2361]])
    """
    k = np.arange(degree + 1)
    match basis:
        case "monomial":
            return np.vander(t, degree + 1, increasing=True)
        case "legendre":
            return np.polynomial.legendre.legvander(t, degree) * np.sqrt(2 * k + 1)
        case "chebyshev":
            return np.polynomial.chebyshev.chebvander(t, degree)
        case "damped legendre":
            return features(t, "legendre", degree) / (1 + k)
        case _:
            assert_never(basis)


@lru_cache(maxsize=8)
def _data(task: NoisyPolynomial) -> Data:
    def observe(t: Float[np.ndarray, " n"], random: np.random.Generator, noise: float) -> Batch:
        rule = np.polynomial.polynomial.polyval(t, task.coefficients)
        y = rule + noise * random.standard_normal(t.shape)
        return sealed(features(t, task.basis, task.degree), y[:, None])

    for_train, for_test = generator(task.seed, "train"), generator(task.seed, "test")
    train = (
        np.linspace(-1.0, 1.0, task.samples)
        if task.spacing == "equispaced"
        else for_train.uniform(-1.0, 1.0, task.samples)
    )
    test = for_test.uniform(-1.0, 1.0, task.held_out)
    noise = task.noise if task.noisy_held_out else 0.0
    return Data(observe(train, for_train, task.noise), observe(test, for_test, noise))
