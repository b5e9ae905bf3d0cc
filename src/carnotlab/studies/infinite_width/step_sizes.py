"""The curvature that learning rates are measured in: the largest eigenvalue of a kernel."""

from functools import lru_cache

import numpy as np

from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.tasks.base import Task


@lru_cache(maxsize=8)
def largest_eigenvalue(network: Network, task: Task) -> float:
    r"""Return the largest eigenvalue of :math:`\Theta_\infty(X, X) / n` on the training inputs.

    Gradient descent on the mean squared error is stable up to a learning rate of twice its
    inverse. With the `NTK` parameterization it depends on no width.

    >>> from carnotlab.networks.layers import Dense
    >>> from carnotlab.networks.parameterization import NTK
    >>> from carnotlab.tasks.digits import Digits
    >>> task = Digits(train_size=20, test_size=10)
    >>> x = task.data().train.x
    >>> expected = np.linalg.norm(x, 2) ** 2 / 64 / 20  # the kernel of one layer is x xᵀ / 64
    >>> bool(np.isclose(largest_eigenvalue(Network(64, (Dense(10),), NTK()), task), expected))
    True
    """
    x = task.data().train.x
    return float(np.linalg.eigvalsh(kernels(network, x).ntk)[-1]) / len(x)
