"""Classification by an infinitely wide network, trained on the squared error of one-hot targets."""

from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from carnotlab.core.errors import require
from carnotlab.estimators.base import InfiniteNetworkEstimator
from carnotlab.estimators.largest_output import probability_of_largest


class InfiniteNetworkClassifier(ClassifierMixin, InfiniteNetworkEstimator):
    """Predict the class whose output is largest in an infinitely wide network after training.

    The network has an output for each class and is trained on the squared error of one-hot
    targets, minus the share of each class if ``standardize``, else minus 1/k. Labels are of any
    kind. All parameters, and the attributes ``network_``, ``ridge_`` and ``leave_one_out_error_``,
    are those of `InfiniteNetworkRegressor`; leave-one-out chooses by the squared error.

    Probabilities are those of the theory, not of a calibration: outputs of a trained network are
    independent Gaussians with one variance, over random starts (``"ntk"``) or over the posterior
    (``"nngp"``), and `predict_proba` is the share of networks in which a class has the largest
    output. Noise in labels is not part of it.

    Attributes:
        classes_: labels, in the order of outputs and probabilities.

    Raises:
        InputError: from ``fit``, as in `InfiniteNetworkRegressor`, or for fewer than two classes.

    >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    >>> model = InfiniteNetworkClassifier(ridge=0.0).fit(x, ["odd", "odd", "even", "even"])
    >>> model.predict(x).tolist()
    ['odd', 'odd', 'even', 'even']
    """

    def fit(self, X: Any, y: Any) -> "InfiniteNetworkClassifier":
        """Fit to samples ``[n, *input]`` and labels ``[n]``."""
        x, labels = self._read(X, fitting=True, y=y)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        k = len(self.classes_)
        require(k >= 2, f"{k} class in y", "at least two classes", "add samples of another class")
        hot = np.eye(k)[codes]
        self._share = hot.mean(axis=0) if self.standardize else np.full(k, 1.0 / k)
        self._train(x, hot - self._share)
        require(
            self.network_.outputs in (1, k),
            f"a network of {self.network_.outputs} outputs for {k} classes",
            f"{k} outputs",
            f"build the network with outputs={k}",
        )
        return self

    def predict(self, X: Any) -> Any:
        """Return the label of the largest output's mean, ``[n]``."""
        largest = np.argmax(self.predict_outputs(X), axis=1)
        return self.classes_[largest]

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return the share of networks in which each class's output is the largest."""
        mean, variance = self._moments(X)
        return probability_of_largest(mean + self._share, np.sqrt(variance))

    def predict_std(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the standard deviation of every output, the same for all of a sample's."""
        return np.sqrt(self._moments(X)[1])

    def predict_outputs(self, X: Any) -> Float[np.ndarray, "n k"]:
        """Return the means of outputs, near 1 for the class and 0 for others."""
        return self._mean(X) + self._share
