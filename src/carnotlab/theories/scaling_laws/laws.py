"""Laws of how loss falls with size: a power with an offset, and plain alternatives."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import require

Form: TypeAlias = Literal["power", "exponential", "logarithmic"]
FORMS: tuple[Form, ...] = ("power", "exponential", "logarithmic")


@dataclass(frozen=True)
class Law:
    r"""Loss as a function of one size :math:`n`, in one of three forms.

    - ``power``: :math:`L = E + A\,n^{-\alpha}`, Hestness and others' form (hestness2017).
    - ``exponential``: :math:`L = E + A\,e^{-\alpha n / n_0}`, :math:`n_0` the ``unit``.
    - ``logarithmic``: :math:`L = E - A \log n`, which has no floor; ``exponent`` is not used.

    ``floor`` is :math:`E`, ``amplitude`` :math:`A`, ``exponent`` :math:`\alpha`.

    >>> float(Law("power", 1.0, 2.0, 0.5)(np.array([4.0]))[0])
    2.0
    """

    form: Form
    floor: float
    amplitude: float
    exponent: float
    unit: float = 1.0

    def __call__(self, n: Float[np.ndarray, " sizes"]) -> Float[np.ndarray, " sizes"]:
        """Return the loss at each size."""
        falling = basis(self.form, np.asarray(n, dtype=np.float64) / self.unit, self.exponent)
        return self.floor + self.amplitude * falling

    @property
    def parameters(self) -> int:
        """How many numbers were fitted."""
        return 2 if self.form == "logarithmic" else 3


def basis(form: Form, n: Float[np.ndarray, " sizes"], exponent: float) -> np.ndarray:
    """Return what the amplitude of a law multiplies.

    >>> basis("power", np.array([4.0]), 0.5)
    array([0.5])
    """
    require(form in FORMS, f"form = {form!r}", " or ".join(map(repr, FORMS)), "use 'power'")
    if form == "power":
        return n**-exponent
    return np.exp(-exponent * n) if form == "exponential" else -np.log(n)


@dataclass(frozen=True)
class JointLaw:
    r"""Loss by size :math:`N` and data :math:`D`: :math:`L = E + A\,N^{-\alpha} + B\,D^{-\beta}`.

    Of two scarce things each adds its own part; Kaplan and others' form couples them instead.
    Sources: hoffmann2022, kaplan2020.

    >>> float(JointLaw(1.0, 2.0, 0.5, 3.0, 1.0)(np.array([4.0]), np.array([3.0]))[0])
    3.0
    """

    floor: float
    size_amplitude: float
    size_exponent: float
    data_amplitude: float
    data_exponent: float

    def __call__(
        self, n: Float[np.ndarray, " points"], d: Float[np.ndarray, " points"]
    ) -> Float[np.ndarray, " points"]:
        """Return the loss at each pair of size and data."""
        size = self.size_amplitude * np.asarray(n, dtype=np.float64) ** -self.size_exponent
        data = self.data_amplitude * np.asarray(d, dtype=np.float64) ** -self.data_exponent
        return self.floor + size + data
