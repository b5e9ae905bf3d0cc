"""Classes by regression on one-hot targets, for samples of growing size within one matrix."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.theories.kernel_regression.cholesky import cholesky_factor


def accuracy_by_samples(
    train: RealArray,
    across: RealArray,
    y_train: RealArray,
    y_test: RealArray,
    sizes: Sequence[int],
    *,
    ridge: float = 1e-6,
) -> Float[np.ndarray, " sizes"]:
    r"""Return the fraction of held-out samples classified right, for the first ``n`` to train on.

    :math:`f = K_{xX} (K_{XX} + \kappa \bar k)^{-1} (Y - 1/c)`, the class being the largest of
    its c entries; :math:`\bar k` is the mean diagonal entry, so ``ridge`` :math:`\kappa` has no
    unit. ``train: [n, n]``, ``across: [m, n]``, ``y_train: [n, c]``, ``y_test: [m, c]`` one-hot.
    With a tangent kernel this is the network of infinite width trained to the end without noise
    from its start, with a prior covariance the one whose last layer alone is trained (jacot2018,
    lee2019).

    Raises:
        InputError: if a size is beyond the samples, or a matrix is not positive definite.

    >>> K, y = np.eye(2), np.eye(2)
    >>> accuracy_by_samples(K, K, y, y, [2]).tolist()
    [1.0]
    """
    kernel, cross = np.asarray(train), np.asarray(across)
    targets, truth = np.asarray(y_train), np.argmax(np.asarray(y_test), axis=1)
    found: list[float] = []
    for n in sizes:
        require(
            1 <= n <= len(kernel),
            f"{n} of {len(kernel)} training samples",
            f"from 1 to {len(kernel)}",
            "use a smaller size",
        )
        part = kernel[:n, :n]
        factor = cholesky_factor(part, ridge * float(np.mean(np.diagonal(part))))
        outputs = cross[:, :n] @ factor.solve(targets[:n] - 1.0 / targets.shape[1])
        found.append(float(np.mean(np.argmax(outputs, axis=1) == truth)))
    return np.array(found)


def rounding_gain(train: RealArray, *, ridge: float = 1e-6) -> float:
    r"""Return :math:`\epsilon\,(\lambda_{\max} + \kappa) / (\lambda_{\min} + \kappa)`.

    How far rounding of the kernel in single precision, :math:`\epsilon = 10^{-7}`, moves a fit,
    relative to it; infinite for a singular kernel. ``ridge`` as in `accuracy_by_samples`.

    >>> rounding_gain(np.eye(3), ridge=0.0) == float(np.finfo(np.float32).eps)
    True
    """
    kernel = np.asarray(train)
    shift = ridge * float(np.mean(np.diagonal(kernel)))
    values = np.linalg.eigvalsh(kernel) + shift
    if values[0] <= 0.0:
        return float("inf")
    return float(np.finfo(np.float32).eps) * float(values[-1] / values[0])
