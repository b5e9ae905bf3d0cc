r"""Wide networks, neural-tangent parameterization: learning as a linear model of a kernel."""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.data import Batch, RealArray
from carnotlab.core.errors import OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent, GradientFlow, rule_kind
from carnotlab.measures.base import Measure
from carnotlab.measures.losses import (
    TEST_LOSS,
    TEST_PREDICTION,
    TRAIN_LOSS,
    TRAIN_PREDICTION,
    test_loss,
    test_prediction,
    train_loss,
    train_prediction,
)
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Weights
from carnotlab.networks.infinite.kernels import kernels, nngp_diagonal
from carnotlab.tasks.base import Task
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.kernel_dynamics import (
    KernelSystem,
    course,
    expected_loss,
    kernel_system,
    mean_and_variance,
    outputs,
)
from carnotlab.theories.laziness import kernel_displacement, kernel_gap
from carnotlab.theories.regime import full_batch_rule

TRAIN_VARIANCE = Quantity(
    "train_prediction_variance", ("train_sample",), "1", "variance over starts of each output"
)
TEST_VARIANCE = Quantity(
    "test_prediction_variance", ("test_sample",), "1", "variance over starts of each output"
)
FROM_START = Quantity(
    "test_prediction_from_start",
    ("test_sample", "output"),
    "1",
    "outputs on held-out samples that follow from the outputs at time zero",
)


@dataclass(frozen=True)
class LazyKernel(Theory):
    r"""Outputs follow :math:`f_t = f_0 + \Theta_{xX}\,\varphi_t(\Theta_{XX})\,(y - f_0(X))`.

    :math:`\Theta` is the tangent kernel at infinite width and :math:`\varphi_t` the rule's own
    course in each of its eigendirections, for gradient flow and for discrete gradient descent (see
    `kernel_dynamics`). Over starts the outputs are Gaussian; mean and variance are predicted on
    training and held-out samples, and the losses averaged over starts. Given the starting weights
    it also predicts each member from its own outputs at time zero
    (``test_prediction_from_start``).

    Weight decay toward the start (``decay_to_start``) is ridge regression and is predicted;
    decay toward zero is not. Sources: jacot2018, lee2019.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> task = GaussianRegression(3, samples=8)
    >>> experiment = Experiment(task, mlp(3, (64,), 1), Training(GradientDescent(0.5), 10_000))
    >>> loss = LazyKernel().predict(experiment)["train_loss"]
    >>> bool(loss[-1] < 0.01 * loss[0])
    True
    """

    name: ClassVar[str] = "lazy_kernel"
    claim: ClassVar[str] = "a wide network learns as a linear model of its kernel at the start"
    references: ClassVar[tuple[str, ...]] = ("jacot2018", "lee2019", "chizat2019")
    of_averages: ClassVar[bool] = True
    predicts: ClassVar[tuple[Quantity, ...]] = (
        TRAIN_PREDICTION,
        TEST_PREDICTION,
        TRAIN_VARIANCE,
        TEST_VARIANCE,
        TRAIN_LOSS,
        TEST_LOSS,
        FROM_START,
    )

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict at the record times.

        Raises:
            OutOfReachError: for another loss or rule, decay toward zero, or a network without
                an infinitely wide reading.
        """
        return self.predict_at(experiment, experiment.training.times, start)

    def predict_at(
        self, experiment: Experiment, times: RealArray, start: Weights | None = None
    ) -> xr.Dataset:
        """Predict at any times (steps, or flow time under gradient flow); infinity is allowed."""
        rule, ridge = _rule_and_ridge(experiment)
        system = _system(experiment.task, experiment.network)
        moments = mean_and_variance(system, rule, times, ridge)
        data = experiment.task.data()
        parts = [
            TRAIN_PREDICTION.label(moments.train_mean, ("time",)),
            TEST_PREDICTION.label(moments.test_mean, ("time",)),
            TRAIN_VARIANCE.label(moments.train_variance, ("time",)),
            TEST_VARIANCE.label(moments.test_variance, ("time",)),
            TRAIN_LOSS.label(
                expected_loss(data.train.y, moments.train_mean, moments.train_variance), ("time",)
            ),
            TEST_LOSS.label(
                expected_loss(data.test.y, moments.test_mean, moments.test_variance), ("time",)
            ),
        ]
        if start is not None:
            follow = outputs(
                system,
                rule,
                times,
                _outputs_at_start(experiment, start, data.train),
                _outputs_at_start(experiment, start, data.test),
                ridge,
            )
            # Single precision is far finer than the error of the theory and halves the store.
            parts.append(FROM_START.label(follow.test.astype(np.float32), ("seed", "time")))
        return xr.merge(parts).assign_coords(time=np.asarray(times, dtype=np.float64))

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measures of outputs and losses."""
        del experiment
        return (train_prediction, test_prediction, train_loss, test_loss)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "kernel at its limit",
            "the tangent kernel of the starting weights is that of infinite width; "
            "|K - K_inf| / |K_inf| on a few training inputs, mean over seeds",
            0.1,
            lambda experiment, start: kernel_gap(experiment, start),
        ),
        Assumption(
            "kernel stays put",
            "weights moved as far as the linear model needs change the kernel little; "
            "|K(w + dw) - K(w)| / |K(w)| on a few training inputs, mean over seeds",
            0.1,
            lambda experiment, start: kernel_displacement(
                experiment, start, _coefficients(experiment, start)
            ),
        ),
        Assumption(
            "stable steps",
            "learning rate times the largest kernel eigenvalue over samples is below 2",
            2.0,
            lambda experiment, _: _largest_step(experiment),
        ),
    )


def _rule_and_ridge(experiment: Experiment) -> tuple[GradientDescent | GradientFlow, float]:
    rule = full_batch_rule(experiment, LazyKernel.name)
    training = experiment.training
    if training.weight_decay and not training.decay_to_start:
        raise OutOfReachError(
            "weight decay toward zero for lazy_kernel",
            "none, or decay toward the start, which is ridge regression",
            "set decay_to_start=True",
        )
    scale = experiment.model.rate_scales(rule_kind(rule))[-1]
    return rule, scale * training.common_decay


@lru_cache(maxsize=4)
def _system(task: Task, network: Network) -> KernelSystem:
    data = task.data()
    seen = kernels(network, data.train.x)
    across = kernels(network, data.test.x, data.train.x)
    return kernel_system(
        ntk_train=seen.ntk,
        ntk_test=across.ntk,
        nngp_train=seen.nngp,
        nngp_test=across.nngp,
        nngp_test_variance=nngp_diagonal(network, data.test.x),
        targets=data.train.y,
    )


def _outputs_at_start(
    experiment: Experiment, start: Weights, batch: Batch
) -> Float[np.ndarray, "seed n k"]:
    with precision(experiment.training.precision):
        x = jnp.asarray(batch.x, dtype=experiment.training.precision)
        apply = jax.jit(lambda weights: experiment.model.apply(weights, x))
        # One member at a time: the hidden layers of all together would not fit for wide networks.
        seeds = len(jax.tree.leaves(start)[0])
        members = [jax.tree.map(lambda leaf, i=i: leaf[i], start) for i in range(seeds)]
        return np.stack([np.asarray(apply(one), dtype=np.float64) for one in members])


def _coefficients(experiment: Experiment, start: Weights) -> Float[np.ndarray, "seed n k"]:
    r"""Return :math:`\varphi_T(\Theta)(y - f_0)`: the weights move by J' times these in the end."""
    rule, ridge = _rule_and_ridge(experiment)
    system = _system(experiment.task, experiment.network)
    end = course(system, rule, experiment.training.times[-1:], ridge).learned[0]
    train = experiment.task.data().train
    missing = np.asarray(train.y) - _outputs_at_start(experiment, start, train)
    v = system.eigenvectors
    return v @ (end[:, None] * (v.T @ missing))


def _largest_step(experiment: Experiment) -> float:
    rule, ridge = _rule_and_ridge(experiment)
    system = _system(experiment.task, experiment.network)
    rate = 0.0 if isinstance(rule, GradientFlow) else rule.learning_rate
    return rate * (float(system.eigenvalues.max()) / len(system.eigenvalues) + ridge)
