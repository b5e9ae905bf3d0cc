"""Initialisations as plain data: where in weight space training starts."""

from dataclasses import dataclass
from typing import TypeAlias

from carnotlab.core.errors import require, require_positive


@dataclass(frozen=True)
class Gaussian:
    """Independent Gaussian weights at the parameterization's variance, times ``scale``.

    ``scale`` multiplies every weight of every layer; a small one starts near the origin, the
    rich regime.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)


@dataclass(frozen=True)
class Orthogonal:
    """Every weight matrix has singular values ``gain`` and random singular vectors."""

    gain: float = 1.0

    def __post_init__(self) -> None:
        require_positive("gain", self.gain)


@dataclass(frozen=True)
class Aligned:
    r"""Layers aligned with the task's modes and balanced, the decoupled case of deep linear nets.

    :math:`W_l = R_{l+1} A_l R_l^\top` with :math:`R_1 = V`, :math:`R_{D+1} = U` of
    :math:`\Sigma_{yx} = U S V^\top`, random orthogonal :math:`R` between, and
    :math:`A_l = \mathrm{diag}(u_0^{1/D})`: the end-to-end strength of every mode is ``strength``.
    Needs the task's modes. Source: saxe2014.
    """

    strength: float = 1e-3

    def __post_init__(self) -> None:
        require_positive("strength", self.strength)


@dataclass(frozen=True)
class Balanced:
    r"""A random end-to-end map, shared equally by all layers.

    :math:`W_{l+1}^\top W_{l+1} = W_l W_l^\top`, which gradient flow conserves.

    The end-to-end map is Gaussian with standard deviation ``scale`` per entry. Source: arora2018.
    """

    scale: float = 1e-3

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)


Initialisation: TypeAlias = Gaussian | Orthogonal | Aligned | Balanced


def small(scale: float = 1e-2) -> Gaussian:
    """Return a Gaussian start near the origin: every weight ``scale`` times its usual size.

    >>> small(0.1)
    Gaussian(scale=0.1)
    """
    require(scale < 1.0, f"scale = {scale}", "a scale below 1", "use Gaussian(scale) instead")
    return Gaussian(scale)
