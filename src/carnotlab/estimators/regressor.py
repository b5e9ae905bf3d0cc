"""Regression by an infinitely wide network."""

from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import RegressorMixin

from carnotlab.core.errors import require
from carnotlab.estimators.base import (
    InfiniteNetworkEstimator,
    Standardisation,
    standardisation_over,
)


class InfiniteNetworkRegressor(RegressorMixin, InfiniteNetworkEstimator):
    r"""Predict as an infinitely wide network does after training by gradient descent.

    With ``kernel="ntk"`` the mean and spread of an ensemble of networks with random starts, all
    layers trained on the squared error (jacot2018, lee2019); with ``"nngp"`` the posterior of the
    Gaussian process at the start, the ridge being the variance of noise (lee2018).

    Args:
        network: a `Network`; a function of the inputs (their number, or the shape of images) and
            the number of outputs that returns one; or None, a rectifying perceptron of ``depth``
            hidden layers. Samples are ``[n, features]``, or ``[n, *input]`` for images.
        depth: hidden layers of the default network.
        kernel: ``"ntk"`` or ``"nngp"``.
        ridge: :math:`\kappa \ge 0`, added to the diagonal of the kernel of standardized samples:
            weight decay :math:`\kappa/n` toward the start. Several, or ``"leave-one-out"`` (15
            from :math:`10^{-6}` to 10 times the kernel's mean diagonal): that of the smallest
            squared error on samples left out in turn, the standardization being kept.
        time: flow time of training, or steps if there is a ``learning_rate``; None is its end.
            The loss is the mean over samples of half the squared error.
        learning_rate: step of gradient descent, if any. Diverging rates are refused.
        solver: ``"exact"``; ``"nystrom"`` (500 landmarks) for more samples than fit in a matrix;
            ``"conjugate-gradients"``; or `Nystrom` and `ConjugateGradients` with their settings.
            The last warns if it does not converge, and spreads cost it a system for each sample.
        standardize: center and scale features (channels, if samples or the network have several
            axes) and targets by statistics of the training data; predictions are in the units of
            the targets either way.
        random_state: for landmarks drawn uniformly; nothing else is random.

    Attributes:
        network_: the network fitted.
        ridge_: the ridge used.
        leave_one_out_error_: mean squared error, in standardized units, that chose it, or None.
        n_features_in_, input_shape_: entries of a sample, and its shape.

    Raises:
        InputError: from ``fit``, for settings that exclude each other, a network of other inputs,
            or a kernel that is singular where it must be inverted.

    >>> x = np.linspace(-1, 1, 12)[:, None]
    >>> model = InfiniteNetworkRegressor(ridge=1e-6).fit(x, np.abs(x).ravel())
    >>> bool(np.abs(model.predict([[0.25]]) - 0.25)[0] < 0.05)
    True
    """

    def fit(self, X: Any, y: Any) -> "InfiniteNetworkRegressor":
        """Fit to samples ``[n, *input]`` and targets ``[n]`` or ``[n, outputs]``."""
        x, targets = self._read(X, fitting=True, y=y, multi_output=True, y_numeric=True)
        columns = np.asarray(targets, dtype=np.float64).reshape(len(x), -1)
        self._one_output = np.ndim(targets) == 1
        k = columns.shape[1]
        self._outputs = (
            standardisation_over(columns, (0,))
            if self.standardize
            else Standardisation(np.zeros(k), np.ones(k))
        )
        self._train(x, self._outputs.apply(columns))
        require(
            self.network_.outputs in (1, k),
            f"a network of {self.network_.outputs} outputs for {k} targets",
            f"{k} outputs",
            f"build the network with outputs={k}",
        )
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return predictions ``[n]`` or ``[n, outputs]``; with ``return_std`` their spread too."""
        if not return_std:
            return self._in_units(self._mean(X))
        mean, variance = self._moments(X)
        return self._in_units(mean), self._spread(variance)

    def predict_std(self, X: Any) -> Float[np.ndarray, "n *outputs"]:
        """Return the standard deviation of predictions, without noise, in units of the targets."""
        return self._spread(self._moments(X)[1])

    def _in_units(self, columns: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n *outputs"]:
        return self._shaped(columns * self._outputs.scale + self._outputs.mean)

    def _spread(self, variance: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n *outputs"]:
        return self._shaped(np.sqrt(variance)[:, None] * self._outputs.scale)

    def _shaped(self, columns: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n *outputs"]:
        return columns[:, 0] if self._one_output else columns

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = True
        tags.target_tags.multi_output = True
        return tags
