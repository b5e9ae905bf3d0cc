"""A wide network's kernel for scikit-learn's Gaussian processes, its variances to be learned."""

from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require, require_positive
from carnotlab.estimators.kernel_blocks import Kind, require_kind
from carnotlab.estimators.rectifier_derivatives import WithSlopes, rectifier_kernels

Bounds = tuple[float, float] | str
"""Limits of a hyperparameter, or ``"fixed"``."""


class InfiniteNetworkCovariance(Kernel):
    r"""Kernel of an infinitely wide rectifying perceptron, with its slopes in closed form.

    For `GaussianProcessRegressor` and `GaussianProcessClassifier`, which maximise the marginal
    likelihood over ``weight_variance`` of the hidden layers and ``bias_variance`` of all; the last
    layer has weight variance 1, so that a factor in front is a `ConstantKernel` times this.
    It is `carnotlab.mlp` with ``depth`` hidden layers read at infinite width: ``kind="nngp"`` is
    the prior of such a network (lee2018), ``"ntk"`` its tangent kernel used as a covariance. Other
    networks: `InfiniteNetworkKernel`, or the estimators of this package.

    Raises:
        InputError: on calling, for another kind, a depth below 1, or variances that are not
            positive.

    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> x = np.linspace(-1, 1, 9)[:, None]
    >>> kernel = InfiniteNetworkCovariance(depth=1)
    >>> process = GaussianProcessRegressor(kernel, alpha=1e-2).fit(x, np.sin(3 * x).ravel() + 0.5)
    >>> bool(process.log_marginal_likelihood_value_ > process.log_marginal_likelihood(kernel.theta))
    True
    """

    def __init__(
        self,
        depth: int = 2,
        kind: Kind = "nngp",
        weight_variance: float = 2.0,
        bias_variance: float = 0.1,
        weight_variance_bounds: Bounds = (1e-2, 1e2),
        bias_variance_bounds: Bounds = (1e-4, 1e2),
    ) -> None:
        self.depth = depth
        self.kind: Kind = kind
        self.weight_variance = weight_variance
        self.bias_variance = bias_variance
        self.weight_variance_bounds = weight_variance_bounds
        self.bias_variance_bounds = bias_variance_bounds

    @property
    def hyperparameter_weight_variance(self) -> Hyperparameter:
        """Weight variance of hidden layers."""
        return Hyperparameter("weight_variance", "numeric", self.weight_variance_bounds)

    @property
    def hyperparameter_bias_variance(self) -> Hyperparameter:
        """Bias variance of all layers."""
        return Hyperparameter("bias_variance", "numeric", self.bias_variance_bounds)

    def __call__(
        self, X: RealArray, Y: RealArray | None = None, eval_gradient: bool = False
    ) -> Any:
        """Return the kernel ``[n, m]``; with ``eval_gradient`` also its slopes ``[n, n, free]``.

        Slopes are along the logarithms of the hyperparameters that are not fixed, as scikit-learn
        orders them: by name.
        """
        require(
            Y is None or not eval_gradient,
            "eval_gradient with two sets of samples",
            "one set",
            "leave Y out",
        )
        first = np.atleast_2d(X)
        found = self._kernel(first, first if Y is None else np.atleast_2d(Y))
        value = found.value if Y is not None else (found.value + found.value.T) / 2
        if not eval_gradient:
            return value
        by_name = {"bias_variance": found.slopes[1], "weight_variance": found.slopes[0]}
        free = [by_name[h.name] for h in self.hyperparameters if not h.fixed]
        slopes = np.stack(free, axis=-1) if free else np.empty((*value.shape, 0))
        return value, slopes

    def diag(self, X: RealArray) -> Any:
        """Return the kernel of each sample with itself."""
        rows = np.atleast_2d(X)
        return np.array([self._kernel(row[None], row[None]).value.item() for row in rows])

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(depth={self.depth}, kind={self.kind!r}, "
            f"weight_variance={self.weight_variance:.3g}, bias_variance={self.bias_variance:.3g})"
        )

    def is_stationary(self) -> Any:
        """Return False: the kernel depends on the size of samples, not on their distance alone."""
        return False

    def _kernel(self, x: RealArray, y: RealArray) -> WithSlopes:
        require_kind(self.kind)
        require(self.depth >= 1, f"depth = {self.depth}", "at least 1", "use depth=2")
        require_positive("weight_variance", self.weight_variance)
        require_positive("bias_variance", self.bias_variance)
        both = rectifier_kernels(x, y, self.depth, self.weight_variance, self.bias_variance)
        return both.ntk if self.kind == "ntk" else both.nngp
