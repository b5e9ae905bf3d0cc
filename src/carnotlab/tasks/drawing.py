"""What synthetic tasks draw from: one seed, a separate stream of random numbers per purpose."""

import zlib

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Batch


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose under one seed; purposes never share random numbers.

    >>> bool(generator(0, "inputs").normal() == generator(0, "noise").normal())
    False
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def orthonormal_columns(
    random: np.random.Generator, size: int, count: int
) -> Float[np.ndarray, "size count"]:
    r"""Draw ``count <= size`` orthonormal vectors, uniformly (Haar): :math:`Q^\top Q = I`.

    The Q factor of a Gaussian matrix, columns signed by the diagonal of R.

    >>> Q = orthonormal_columns(generator(0, "example"), 5, 2)
    >>> bool(np.allclose(Q.T @ Q, np.eye(2)))
    True
    """
    Q, R = np.linalg.qr(random.standard_normal((size, count)))
    return Q * np.where(np.diag(R) < 0.0, -1.0, 1.0)


def sealed(x: np.ndarray, y: np.ndarray) -> Batch:
    """Return float64 arrays as a batch that cannot be written to, so that it can be shared.

    >>> sealed(np.zeros((3, 2)), np.zeros((3, 1))).x.flags.writeable
    False
    """
    arrays = [np.ascontiguousarray(array, dtype=np.float64).view() for array in (x, y)]
    for array in arrays:
        array.setflags(write=False)
    return Batch(arrays[0], arrays[1])
