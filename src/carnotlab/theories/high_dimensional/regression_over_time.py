"""Losses of a linear network over time on noisy Gaussian data, from their description alone."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from carnotlab.core.assumptions import Assumption
from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.measures.base import Measure
from carnotlab.measures.losses import TEST_LOSS, TRAIN_LOSS, test_loss, train_loss
from carnotlab.networks.finite import Weights
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.statistics import input_spectrum
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.high_dimensional.population import spectrum_gap
from carnotlab.theories.high_dimensional.regression_course import course_shares
from carnotlab.theories.regime import full_batch_rule


@dataclass(frozen=True)
class RegressionOverTime(Theory):
    r"""Training and test loss of a linear network over time, from spectrum, teacher and noise.

    One layer of weights, squared error, gradient flow or descent with any weight decay: the
    contour integrals of `regression_course` on the variances of the inputs, the teacher and the
    weights at time zero. It does not see the samples; predictions are means over them, which single
    draws scatter around by about :math:`1/\sqrt N`. Without decay a start that knows something of
    the teacher is counted exactly, with it as one that does not. Predicts ``train_loss`` and
    ``test_loss``, ``[seed, time]``. Sources: advani2020, bordelon2020.

    >>> from carnotlab.experiment.rules import GradientFlow
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.networks.initialisation import Gaussian
    >>> experiment = Experiment(
    ...     GaussianRegression(100, 200, noise_variance=0.5),
    ...     deep_linear(100, (), 1, initialisation=Gaussian(1e-6)),
    ...     Training(GradientFlow(), duration=1e6),
    ... )
    >>> predicted = RegressionOverTime().predict(experiment, experiment.start((0,)))
    >>> [round(float(predicted[name][0, -1]), 4) for name in ("train_loss", "test_loss")]
    [0.125, 0.5]
    """

    name: ClassVar[str] = "regression_over_time"
    claim: ClassVar[str] = "random matrices say how test error moves with time, samples and noise"
    references: ClassVar[tuple[str, ...]] = ("advani2020", "bordelon2020")
    predicts: ClassVar[tuple[Quantity, ...]] = (TRAIN_LOSS, TEST_LOSS)
    of_averages: ClassVar[bool] = True

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict both losses at the record times.

        Raises:
            OutOfReachError: unless a network of one linear layer learns a `GaussianRegression` by
                gradient flow or descent on full batches.
            InputError: if the weights at time zero were not given.
        """
        task, rate = _within_reach(experiment)
        if start is None:
            raise InputError("no weights at time zero", "those of each seed", "pass start")
        decay = experiment.training.common_decay
        (weights,) = experiment.model.factors(start)
        teacher, noise = task.teacher, task.noise_variance * task.outputs
        times = experiment.training.flow_times
        shares = course_shares(times, task.variances, task.samples, decay=decay, rate=rate)
        held_out = noise if task.noisy_held_out else 0.0
        losses: list[np.ndarray] = []
        for w in np.asarray(weights, np.float64):
            # Without decay learning depends on the gap alone, whatever the start knows.
            power = np.sum((teacher if decay else teacher - w) ** 2, axis=0)
            start_power = np.sum(w**2, axis=0) if decay else np.zeros(task.inputs)
            train = shares.train_missed @ power + shares.train_kept @ start_power
            test = shares.missed @ power + shares.kept @ start_power
            train, test = train + noise * shares.train_variance, test + noise * shares.variance
            losses.append(0.5 * np.stack([np.maximum(train, 0.0), test + held_out]))
        values = dict(zip(self.predicts, np.stack(losses, axis=1), strict=True))
        return labelled(values, ("seed", "time"), {"time": experiment.training.times})

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the two losses."""
        del experiment
        return (train_loss, test_loss)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "spectrum as described",
            "the training inputs have the covariance described: the largest difference, over all "
            "ridges, of the share of directions that is learned",
            0.02,
            lambda experiment, _: _spectrum_gap(experiment),
        ),
        Assumption(
            "noise independent of inputs",
            "labels scatter around the teacher by the same amount for large and for small inputs: "
            "relative excess of the noise weighted by squared input, in standard errors of it",
            4.0,
            lambda experiment, _: _uneven_noise(experiment),
        ),
        Assumption(
            "many inputs and samples",
            "fluctuations and corrections are of the order of one over the smaller number",
            0.01,
            lambda experiment, _: 1.0 / min(_task(experiment).inputs, _task(experiment).samples),
        ),
    )


def _task(experiment: Experiment) -> GaussianRegression:
    if isinstance(experiment.task, GaussianRegression):
        return experiment.task
    raise OutOfReachError(
        f"a {type(experiment.task).__name__}, whose covariance and teacher are not described",
        "a GaussianRegression",
        "estimate both with population_of() and use regression_course()",
    )


def _within_reach(experiment: Experiment) -> tuple[GaussianRegression, float]:
    """Return the task and the rate, 0 for gradient flow."""
    task = _task(experiment)
    rule = full_batch_rule(experiment, RegressionOverTime.name)
    if experiment.network.depth != 1:
        raise OutOfReachError(
            f"{experiment.network.depth} layers of weights for {RegressionOverTime.name}",
            "one",
            "use deep_linear(inputs, (), outputs)",
        )
    if not isinstance(rule, GradientDescent):
        return task, 0.0
    if rule.momentum:
        raise OutOfReachError(
            f"momentum = {rule.momentum} for {RegressionOverTime.name}", "none", "set momentum=0"
        )
    return task, rule.learning_rate


def _spectrum_gap(experiment: Experiment) -> float:
    task = _task(experiment)
    return spectrum_gap(input_spectrum(task), task.variances, task.samples)


def _uneven_noise(experiment: Experiment) -> float:
    task = _task(experiment)
    if task.noise_variance == 0.0:
        return 0.0
    batch = task.data().train
    x, y = np.asarray(batch.x, np.float64), np.asarray(batch.y, np.float64)
    noise = np.mean((y - x @ task.teacher.T) ** 2, axis=1)
    size = np.sum(x**2, axis=1)
    weight = size / size.mean() - 1.0
    terms = weight * (noise / noise.mean() - 1.0)
    return abs(float(terms.mean())) / float(terms.std() / np.sqrt(len(terms)))
