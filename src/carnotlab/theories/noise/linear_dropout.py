r"""Inputs or weights left out in one linear layer: ridge regression with a penalty for each input.

For a linear layer W on inputs of which each is kept with probability q and divided by it,

.. math:: E\,\tfrac12\langle|y - W\tilde x|^2\rangle = \tfrac12\langle|y - Wx|^2\rangle
          + \tfrac12 \frac{1-q}{q} \sum_j \langle x_j^2\rangle\, |W_j|^2,

W_j the column of input j: a strong penalty for inputs that are large on average, none at all for
how W is oriented otherwise. Weights left out (DropConnect) have the same mean loss; only the noise
of different outputs, common there, is then independent. Masks are independent of the weights they
meet, and a step is linear in W: gradient descent follows, on average, descent on the mean loss, at
any rate. Around it the noise leaves a loss of its own (`mask_moments`). Sources: srivastava2014,
wan2013.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.data import Data
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import TRAIN_LOSS, train_loss
from carnotlab.networks.finite import Weights
from carnotlab.networks.layers import Dense, DropConnect, Dropout
from carnotlab.networks.parameterization import Standard
from carnotlab.tasks.statistics import flattened
from carnotlab.theories.base import Theory, TheoryAssumption, require_start
from carnotlab.theories.noise.mask_moments import known, loss, mask_noise, step
from carnotlab.theories.regime import plain_learning_rate

LAYER_WEIGHTS = Quantity("layer_weights", ("output", "input"), "1", "weights of the only layer")


def dropout_penalty(x: Float[np.ndarray, "n p"], keep: float) -> Float[np.ndarray, " p"]:
    r"""Return the penalty of each input, :math:`\frac{1-q}{q}\langle x_j^2\rangle`.

    Raises:
        InputError: for a probability outside (0, 1].

    >>> dropout_penalty(np.array([[1.0, 3.0]]), keep=0.5).tolist()
    [1.0, 9.0]
    """
    require(0.0 < keep <= 1.0, f"keep = {keep}", "in (0, 1]", "use keep=0.5")
    return (1.0 - keep) / keep * np.mean(x**2, axis=0)


def penalized_minimum(
    x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n k"], penalty: Float[np.ndarray, " p"]
) -> Float[np.ndarray, "k p"]:
    r"""Return the minimum of the mean loss, :math:`W = \Sigma_{yx} (\Sigma_{xx} + D)^{-1}`.

    The smallest such W where there are many (no penalty, fewer samples than inputs).

    >>> penalized_minimum(np.eye(2), np.array([[1.0], [2.0]]), np.array([0.5, 0.0])).tolist()
    [[0.5, 2.0]]
    """
    second = x.T @ x / len(x) + np.diag(penalty)
    return (np.linalg.pinv(second, hermitian=True) @ (x.T @ y / len(x))).T


def mean_weights(
    x: Float[np.ndarray, "n p"],
    y: Float[np.ndarray, "n k"],
    penalty: Float[np.ndarray, " p"],
    start: Float[np.ndarray, "... k p"],
    rate: float,
    steps: Sequence[int] | Float[np.ndarray, " time"],
) -> Float[np.ndarray, "... time k p"]:
    r"""Return the mean weights after some ``steps`` of gradient descent, exactly.

    :math:`E W_t = W^* + (W_0 - W^*)(I - \eta (\Sigma_{xx} + D))^t`.

    >>> one = np.ones((1, 1))
    >>> mean_weights(one, one, np.array([1.0]), 0.0 * one, 0.25, [1, 2]).ravel().tolist()
    [0.25, 0.375]
    """
    values, basis = np.linalg.eigh(x.T @ x / len(x) + np.diag(penalty))
    end = penalized_minimum(x, y, penalty)
    left = (1.0 - rate * values) ** np.asarray(steps, dtype=np.float64)[:, None]
    gap = ((start - end) @ basis)[..., None, :, :]
    return end + (gap * left[:, None, :]) @ basis.T


@dataclass(frozen=True)
class LinearDropout(Theory):
    """Mean weights, and mean loss without noise, of one linear layer trained with dropout.

    For a network ``(Dropout(q), Dense(k))`` or ``(DropConnect(k, q),)``, gradient descent on full
    batches of squared error. Predicts, for each start, means over the noise. ``penalty`` replaces
    the right one by what it is not: the same for every input (``even``: their mean), or none; the
    loss then is that of the mean weights. Predicts ``layer_weights`` ``[seed, time, output,
    input]`` and ``train_loss`` ``[seed, time]``. Sources: srivastava2014, wan2013.

    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.description import Network
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> experiment = Experiment(
    ...     LinearMap(2, 1, (3.0,)),
    ...     Network(2, (Dropout(0.5), Dense(1)), Standard()),
    ...     Training(GradientDescent(0.1), 2000, record=At((2000,))),
    ... )
    >>> found = LinearDropout().predict(experiment, experiment.start((0,)))
    >>> float(np.linalg.norm(found["layer_weights"][0, -1]).round(6))
    1.5
    """

    penalty: Literal["per input", "even", "none"] = "per input"

    name: ClassVar[str] = "linear_dropout"
    claim: ClassVar[str] = "leaving inputs or weights out is ridge regression, input by input"
    references: ClassVar[tuple[str, ...]] = ("srivastava2014", "wan2013")
    predicts: ClassVar[tuple[Quantity, ...]] = (LAYER_WEIGHTS, TRAIN_LOSS)
    of_averages: ClassVar[bool] = True
    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        TheoryAssumption(
            "steps below the edge",
            "rate times the largest curvature of the mean loss, over 2: beyond 1 means over the "
            "noise are as predicted, but say nothing of single networks, which scatter without "
            "bound",
            1.0,
            lambda experiment, _: _share_of_edge(experiment),
        ),
    )

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict means over noise at the record times, for each start.

        Raises:
            OutOfReachError: for another network, rule, loss or batch.
        """
        keep, rate = _keep_and_rate(experiment)
        first = np.asarray(require_start(start)[0]["weight"], dtype=np.float64)
        x, y = flattened(experiment.task)
        penalty = dropout_penalty(x, keep)
        if self.penalty != "per input":
            penalty = np.full_like(penalty, penalty.mean() if self.penalty == "even" else 0.0)
        times = experiment.training.times
        weights = mean_weights(x, y, penalty, first, rate, times)
        losses = (
            _mean_losses(x, y, keep, first, rate, times.astype(int))
            if self.penalty == "per input"
            else 0.5 * np.mean(np.sum((x @ np.swapaxes(weights, -1, -2) - y) ** 2, -1), -1)
        )
        values = {LAYER_WEIGHTS: weights, TRAIN_LOSS: losses}
        return labelled(values, ("seed", "time"), {"time": times})

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the weights, and the loss without noise."""
        del experiment
        return (layer_weights, train_loss)


def _layer_weights(state: State, data: Data) -> Float[np.ndarray, "k p"]:
    del data
    return state.model.effective(state.weights)[0]  # pyright: ignore[reportReturnType]


layer_weights = Measure(LAYER_WEIGHTS, _layer_weights)  # pyright: ignore[reportArgumentType]
"""The matrix of a network's first layer, ``[outputs, inputs]``."""


def _mean_losses(
    x: Float[np.ndarray, "n p"],
    y: Float[np.ndarray, "n k"],
    keep: float,
    start: Float[np.ndarray, "seed k p"],
    rate: float,
    times: np.ndarray,
) -> Float[np.ndarray, "seed time"]:
    """Follow the second moments of every output, which add up, step by step."""
    found = np.zeros((len(start), len(times)))
    for output in range(y.shape[1]):
        noise = mask_noise(x, y[:, output], keep)
        for seed, weights in enumerate(start[:, output]):
            moments, now = known(weights), 0
            for place, time in enumerate(times.tolist()):
                while now < time:
                    moments, now = step(noise, moments, rate), now + 1
                found[seed, place] += loss(noise, moments)
    return found


def _share_of_edge(experiment: Experiment) -> float:
    keep, rate = _keep_and_rate(experiment)
    x, _ = flattened(experiment.task)
    curvature = np.linalg.eigvalsh(x.T @ x / len(x) + np.diag(dropout_penalty(x, keep)))
    return 0.5 * rate * float(curvature[-1])


def _keep_and_rate(experiment: Experiment) -> tuple[float, float]:
    """Return q and the learning rate of an experiment that the theory is about."""
    network, theory = experiment.network, "dropout in one linear layer"
    rate = plain_learning_rate(experiment, theory, noise=True)
    if network.parameterization != Standard():
        raise OutOfReachError(
            f"{network.parameterization} for {theory}",
            "what the theory was derived for",
            "use Standard()",
        )
    match network.layers:
        case (Dropout(keep), Dense(bias_variance=None)) | (DropConnect(_, keep, _, None),):
            return keep, rate
        case _:
            raise OutOfReachError(
                f"another network for {theory}",
                "(Dropout(q), Dense(k)) or (DropConnect(k, q),), no biases",
                "use such a network, or the expected loss of a nonlinear one",
            )
