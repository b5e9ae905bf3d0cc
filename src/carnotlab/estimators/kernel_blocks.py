"""Kernels of a network between samples of any layout, flat or as images."""

from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels, nngp_diagonal

Kind: TypeAlias = Literal["ntk", "nngp"]
"""The tangent kernel, which trains all layers, or the covariance at the start."""

KINDS = ("ntk", "nngp")

DIAGONAL_BLOCK = 64
DIAGONAL_IMAGES = 8
"""Samples whose kernel is computed at a time where only its diagonal is wanted.

Few where samples have positions, whose pairs are dear; many where a block costs as an entry does.
"""


def require_kind(kind: str) -> None:
    """Raise `InputError` unless ``kind`` is one of the two kernels.

    >>> require_kind("ntk")
    """
    require(kind in KINDS, f"kernel {kind!r}", "'ntk' or 'nngp'", "use 'ntk'")


def as_samples(network: Network, x: RealArray) -> Float[np.ndarray, "n *input"]:
    """Return samples as float64 in the shape that the network takes; rows may be flat.

    Raises:
        InputError: if a sample has another number of entries than the network has inputs.

    >>> from carnotlab.networks.architectures import mlp
    >>> as_samples(mlp(4, (8,), 1), np.ones((3, 2, 2))).shape
    (3, 4)
    """
    given = np.asarray(x, dtype=np.float64)
    require(
        given.ndim >= 2 and given[0:1].size == network.input_size,
        f"samples of shape {given.shape[1:]}",
        f"the {network.shape} inputs of the network",
        "build the network for these samples",
    )
    return given.reshape(given.shape[0], *network.shape)


def kernel_block(
    network: Network, kind: Kind, x: RealArray, other: RealArray | None = None
) -> Float[np.ndarray, "n m"]:
    """Return one of the kernels between two sets of samples, or of one with itself.

    >>> from carnotlab.networks.architectures import mlp
    >>> kernel_block(mlp(2, (8,), 1), "nngp", np.eye(2)).shape
    (2, 2)
    """
    first = as_samples(network, x)
    both = kernels(network, first, None if other is None else as_samples(network, other))
    return both.ntk if kind == "ntk" else both.nngp


def kernel_diagonal(network: Network, kind: Kind, x: RealArray) -> Float[np.ndarray, " n"]:
    """Return the kernel of each sample with itself, without the whole matrix.

    >>> from carnotlab.networks.architectures import mlp
    >>> kernel_diagonal(mlp(2, (8,), 1), "nngp", np.ones((3, 2))).round(12).tolist()
    [1.0, 1.0, 1.0]
    """
    samples = as_samples(network, x)
    if kind == "nngp":
        return nngp_diagonal(network, samples)
    size = DIAGONAL_BLOCK if len(network.shape) == 1 else DIAGONAL_IMAGES
    blocks = [
        np.diagonal(kernel_block(network, kind, samples[i : i + size]))
        for i in range(0, len(samples), size)
    ]
    return np.concatenate(blocks)
