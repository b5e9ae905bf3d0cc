"""Test error over a size, of networks or of samples, for several draws: what such runs share."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.estimators.linear_baseline import baseline_errors
from carnotlab.runs.run import RunResult
from carnotlab.tasks.drawing import generator, sealed
from carnotlab.tasks.label_noise import partly_wrong
from carnotlab.tasks.splitting import validation_and_test

Curves: TypeAlias = Float[np.ndarray, "seed size"]

TEST_ERROR = Quantity("test_error", ("size",), "1", "share wrong, or squared error, of new samples")
TRAIN_ERROR = Quantity("train_error", ("size",), "1", "the same of the samples trained on")
CHOSEN_ERROR = Quantity(
    "regularized_error", ("size",), "1", "error on new samples, regularized as validation chose"
)
BASELINE = Quantity(
    "linear_baseline", ("kind",), "1", "error on new samples of regularized linear models"
)


def by_size(sizes: tuple[int, ...], variables: Mapping[Quantity, Curves]) -> xr.Dataset:
    """Return curves ``[seed, size]``, and what else is given, as one labelled array each."""
    members = range(len(next(iter(variables.values()))))
    return labelled(variables, ("seed",), {"size": list(sizes), "seed": list(members)})


def curves(result: RunResult, quantity: Quantity = TEST_ERROR) -> Curves:
    """Return the curves of a run, one row a seed."""
    return np.asarray(result.observation[quantity.name].values, dtype=np.float64)


def expected(result: RunResult, quantity: Quantity = TEST_ERROR) -> Float[np.ndarray, " size"]:
    """Return the curve that theory expects."""
    return np.asarray(result.prediction[quantity.name].values, dtype=np.float64)


def sizes_of(result: RunResult) -> Float[np.ndarray, " size"]:
    """Return the sizes of a run."""
    return np.asarray(result.observation["size"].values, dtype=np.float64)


def with_wrong_labels(data: Data, share: float, seed: int) -> Data:
    """Return data whose training labels, and those of the first half held out, are partly wrong.

    Exactly the share, rounded, of each is replaced by another class at random. The first half of
    the held-out samples is for validation, drawn as the training samples are; the second half, for
    the test, keeps its labels.

    >>> from carnotlab.core.data import Batch
    >>> hot = Batch(np.zeros((10, 1)), np.eye(2)[[0] * 10])
    >>> noisy = with_wrong_labels(Data(hot, hot), 0.4, 0)
    >>> [int(part[:, 1].sum()) for part in (noisy.train.y, noisy.test.y[:5], noisy.test.y[5:])]
    [4, 2, 0]
    """
    random = generator(seed, "wrong labels")

    validation, test = validation_and_test(data.test)
    mixed = np.concatenate([partly_wrong(validation.y, share, random), np.asarray(test.y)])
    y = partly_wrong(data.train.y, share, random)
    return Data(sealed(np.asarray(data.train.x), y), sealed(np.asarray(data.test.x), mixed))


def least_norm_and_ridge(
    x: Float[np.ndarray, "n features"], y: Float[np.ndarray, " n"], penalty: float
) -> tuple[Float[np.ndarray, " features"], Float[np.ndarray, " features"]]:
    r"""Return the least-squares weights of least norm, and those under a penalty.

    The latter minimize :math:`|y - Xw|^2 + \lambda|w|^2`.

    >>> least_norm_and_ridge(np.eye(2), np.array([1.0, 2.0]), 1.0)
    (array([1., 2.]), array([0.5, 1. ]))
    """
    left, singular, right = np.linalg.svd(x, full_matrices=False)
    projected = left.T @ y
    plain = right.T @ (projected / singular)
    return plain, right.T @ (projected * singular / (singular**2 + penalty))


def baselines(data: Data) -> Float[np.ndarray, " kind"]:
    """Return the errors of regularized ridge and logistic regression on the second half."""
    return baseline_errors(Data(data.train, validation_and_test(data.test)[1]))
