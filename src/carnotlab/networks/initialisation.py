"""Initialisations as plain data: where in weight space training starts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.descriptions import array_digest
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


@dataclass(frozen=True)
class LambdaBalanced:
    r"""Two layers of one chosen imbalance in all hidden directions: rich at 0, lazy far from it.

    :math:`W_2^\top W_2 - W_1 W_1^\top = \lambda I` with ``balance`` :math:`\lambda`, which gradient
    flow conserves. The end-to-end map is Gaussian with standard deviation ``scale`` per entry, cut
    to its strongest modes where hidden units are fewer. For :math:`\lambda > 0` the second layer
    fills every hidden direction, so there can be no more of them than outputs; for
    :math:`\lambda < 0`, than inputs. Sources: braun2022, domine2025.
    """

    balance: float = 1.0
    scale: float = 1e-3

    def __post_init__(self) -> None:
        require(
            abs(self.balance) < float("inf"),
            f"balance = {self.balance}",
            "a finite number",
            "use 0 for balanced layers",
        )
        require_positive("scale", self.scale)


@dataclass(frozen=True)
class Given:
    """Matrices as given, first layer first: knowledge from elsewhere; make one with `given`.

    ``matrices`` hold one ``[members, out, in]`` a layer, as they act on activity; the seed names
    the member. Biases, if any, are drawn as from any other start. Two are equal iff their entries
    are.
    """

    digests: tuple[str, ...]
    matrices: tuple[Float[np.ndarray, "members out in"], ...] = field(repr=False, compare=False)

    @property
    def members(self) -> int:
        """How many networks there are: seeds must be below."""
        return len(self.matrices[0])

    def __describe__(self) -> dict[str, Any]:
        """Name the content by its digests."""
        return {"kind": "Given", "sha256": self.digests}


def given(matrices: Sequence[Float[np.ndarray, "..."]]) -> Given:
    """Return the start from matrices ``[out, in]``, or ``[members, out, in]`` for an ensemble.

    Raises:
        InputError: if a layer is no matrix, has entries that are not finite, or other members.

    >>> given([np.eye(2), np.ones((1, 2))]).members
    1
    """
    require(len(matrices) > 0, "no matrices", "one for each layer", "give them first layer first")
    copies: list[Float[np.ndarray, "members out in"]] = []
    for matrix in matrices:
        array = np.array(matrix, dtype=np.float64)
        require(
            array.ndim in (2, 3) and bool(np.isfinite(array).all()),
            f"an array of shape {list(array.shape)}",
            "finite entries [out, in] or [members, out, in]",
            "give each layer's matrix",
        )
        array = array.reshape(-1, *array.shape[-2:])
        array.flags.writeable = False
        copies.append(array)
    members = {len(array) for array in copies}
    require(
        len(members) == 1, f"layers of {sorted(members)} members", "as many in each", "match them"
    )
    return Given(tuple(array_digest(array) for array in copies), tuple(copies))


Initialisation: TypeAlias = Gaussian | Orthogonal | Aligned | Balanced | LambdaBalanced | Given


def small(scale: float = 1e-2) -> Gaussian:
    """Return a Gaussian start near the origin: every weight ``scale`` times its usual size.

    >>> small(0.1)
    Gaussian(scale=0.1)
    """
    require(scale < 1.0, f"scale = {scale}", "a scale below 1", "use Gaussian(scale) instead")
    return Gaussian(scale)
