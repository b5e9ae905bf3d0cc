"""Samples and the structure they carry, as plain arrays shared by every layer above."""

from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.errors import require

RealArray: TypeAlias = Float[Array, "..."] | Float[np.ndarray, "..."]


def require_finite(name: str, values: Float[np.ndarray, "..."], instead: str) -> None:
    """Raise `InputError` unless all entries are finite numbers.

    >>> require_finite("targets", np.ones(2), "drop those samples")
    """
    require(
        bool(np.isfinite(values).all()),
        f"{name} with entries that are not finite",
        "finite numbers",
        instead,
    )


class Batch(NamedTuple):
    """Inputs ``x: [n, *input]`` with targets ``y: [n, k]`` (one-hot for classes)."""

    x: RealArray
    y: RealArray

    @property
    def size(self) -> int:
        """Number of samples."""
        return int(self.x.shape[0])


class Data(NamedTuple):
    """The samples trained on and the samples held out."""

    train: Batch
    test: Batch


class Modes(NamedTuple):
    r"""Input–output modes :math:`\Sigma_{yx} = U S V^\top`, strongest first.

    ``left: [outputs, k]``, ``strengths: [k]``, ``right: [inputs, k]``.
    """

    left: RealArray
    strengths: RealArray
    right: RealArray
