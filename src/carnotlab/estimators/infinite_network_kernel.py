"""The kernel of an infinitely wide network as scikit-learn's kernel methods take one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.estimators.kernel_blocks import (
    Kind,
    kernel_block,
    kernel_diagonal,
    require_kind,
)
from carnotlab.networks.description import Network


@dataclass(frozen=True)
class InfiniteNetworkKernel:
    r"""A function of two sets of samples that returns their kernel, for `SVC` and others.

    ``SVC(kernel=InfiniteNetworkKernel(network))`` and, for methods that take a matrix,
    ``kernel="precomputed"`` with `matrix`. `KernelRidge` calls a kernel once for every pair of
    samples, which is slow: give it a matrix.

    ``kind`` is ``"ntk"`` (jacot2018) or ``"nngp"`` (lee2018). Samples are ``[n, *input]`` or flat.

    Raises:
        InputError: for another kind; on calling, if samples do not fit the network.
        OutOfReachError: on calling, if the network has no infinitely wide limit.

    >>> from sklearn.svm import SVC
    >>> from carnotlab.networks.architectures import mlp
    >>> x, y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.2, 0.1]]), [0, 0, 1, 1]
    >>> kernel = InfiniteNetworkKernel(mlp(2, (8, 8), 1, bias_variance=1.0))
    >>> SVC(kernel=kernel, C=100.0).fit(x, y).predict(x).tolist()
    [0, 0, 1, 1]
    """

    network: Network
    kind: Kind = "ntk"

    def __post_init__(self) -> None:
        require_kind(self.kind)

    def __call__(
        self, x: RealArray, y: RealArray | None = None
    ) -> Float[np.ndarray, "n m"] | float:
        """Return the matrix between samples, or the number for two, as `KernelRidge` asks."""
        if np.ndim(x) == 1 and y is not None and np.ndim(y) == 1:
            return self.matrix(np.asarray(x)[None], np.asarray(y)[None]).item()
        return self.matrix(x, y)

    def matrix(self, x: RealArray, y: RealArray | None = None) -> Float[np.ndarray, "n m"]:
        """Return the kernel between two sets of samples; without ``y``, of ``x`` with itself."""
        return kernel_block(self.network, self.kind, x, y)

    def diagonal(self, x: RealArray) -> Float[np.ndarray, " n"]:
        """Return the kernel of each sample with itself."""
        return kernel_diagonal(self.network, self.kind, x)
