r"""The end-to-end map of balanced deep linear networks moves by an equation of its own.

With :math:`N` balanced layers, :math:`W = W_N \cdots W_1` and any loss of W alone,

.. math:: \dot W = -\sum_{j=1}^N (WW^\top)^{(j-1)/N}\, \nabla L(W)\, (W^\top W)^{(N-j)/N},

for inputs of any covariance: no modes, no whitening. Source: arora2018.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, cast

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from carnotlab.core.assumptions import Assumption
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.layer_matrices import END_TO_END_MAP, end_to_end_matrix
from carnotlab.measures.losses import TRAIN_LOSS, TRAIN_PREDICTION, train_loss, train_prediction
from carnotlab.networks.finite import Weights
from carnotlab.tasks.statistics import (
    flattened,
    input_covariance,
    input_output_correlation,
)
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.deep_linear.factors import (
    end_to_end,
    require_equal_layers,
    starting_factors,
    worst_imbalance,
)
from carnotlab.theories.regime import plain_learning_rate

MAX_STEPS = 200_000


def end_to_end_velocity(
    matrix: Float[Array, "outputs inputs"],
    gradient: Float[Array, "outputs inputs"],
    layers: int,
    rank: Int[Array, ""] | int | None = None,
) -> Float[Array, "outputs inputs"]:
    r"""Return :math:`\dot W` from W, the gradient of the loss by it, and the number of layers.

    In the singular vectors of W it multiplies entry (a, b) of the gradient by
    :math:`\sum_j \sigma_a^{2(j-1)/N} \sigma_b^{2(N-j)/N}`, with :math:`0^0 = 1`. Only the
    ``rank`` largest singular values count: flow conserves the rank, and the fractional power of
    one that is zero but for rounding is not small (:math:`(10^{-17})^{2/4} = 3\cdot 10^{-9}`).
    By default those above rounding count. Traceable by JAX. Source: arora2018.

    >>> end_to_end_velocity(jnp.array([[4.0, 0.0]]), jnp.array([[1.0, 1.0]]), 2).tolist()
    [[-8.0, -4.0]]
    """
    if layers == 1:
        return -gradient
    left, values, right_t = jnp.linalg.svd(matrix, full_matrices=False)
    right = right_t.T
    if rank is None:
        rounding = max(matrix.shape) * jnp.finfo(values.dtype).eps
        kept = values > rounding * values[0]
    else:
        kept = jnp.arange(len(values)) < rank
    share = jnp.where(kept, values, 0.0) ** (2.0 / layers)
    factor = sum(
        (share[:, None] ** (j - 1) * share[None, :] ** (layers - j) for j in range(1, layers + 1)),
        jnp.zeros((len(values), len(values))),
    )
    along_left, along_right = left.T @ gradient, gradient @ right
    core = along_left @ right
    edge = share ** (layers - 1)
    # What lies outside the row or the column space of W is met by the first or last term alone.
    inside = left @ (factor * core) @ right_t
    below = ((along_right - left @ core) * edge) @ right_t
    beside = left @ (edge[:, None] * (along_left - core @ right_t))
    return -(inside + below + beside)


def end_to_end_course(
    start: Float[np.ndarray, "outputs inputs"],
    correlation: Float[np.ndarray, "outputs inputs"],
    covariance: Float[np.ndarray, "inputs inputs"],
    layers: int,
    times: Float[np.ndarray, " time"],
    *,
    rtol: float = 1e-10,
    atol: float = 1e-13,
) -> Float[np.ndarray, "time outputs inputs"]:
    r"""Integrate the end-to-end map under squared error: gradient :math:`W\Sigma_{xx}-\Sigma_{yx}`.

    Args:
        start: W at time zero. Its rank stays what it is: directions that balanced layers do not
            carry are never learned.
        correlation: :math:`\Sigma_{yx}`.
        covariance: :math:`\Sigma_{xx}`, of any rank.
        layers: Number of weight layers, N ≥ 1.
        times: Flow times from 0 on, increasing.
        rtol: Relative tolerance of the adaptive solver, in float64.
        atol: Absolute tolerance.

    Raises:
        InputError: for shapes that do not fit or fewer than one layer.
        OutOfReachError: if the solver gives up.

    >>> times = np.array([0.0, 50.0])
    >>> course = end_to_end_course(0.1 * np.eye(2), np.diag([2.0, 1.0]), np.eye(2), 2, times)
    >>> bool(np.abs(course[-1] - np.diag([2.0, 1.0])).max() < 1e-8)
    True
    """
    return _courses(
        np.asarray(start)[None], correlation, covariance, layers, times, rtol=rtol, atol=atol
    )[0]


@dataclass(frozen=True)
class EndToEndFlow(Theory):
    r"""Balanced layers' product follows an equation of its own, for inputs of any covariance.

    Predicts the map ``end_to_end_map: [seed, time, outputs, inputs]``, outputs and loss on the
    training samples. The start is read from the weights at time zero, of which only the product
    is used. Gradient descent is taken for gradient flow, an error of first order in the step.
    Source: arora2018.

    >>> from carnotlab.experiment.rules import GradientFlow
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.networks.initialisation import Balanced
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> from carnotlab.tasks.spectra import PowerLaw
    >>> task = LinearMap(4, 3, strengths=(2.0, 1.0), input_spectrum=PowerLaw(1.0))
    >>> network = deep_linear(4, (5,), 3, initialisation=Balanced(0.1))
    >>> experiment = Experiment(task, network, Training(GradientFlow(), duration=60.0))
    >>> predicted = EndToEndFlow().predict(experiment, experiment.start((0,)))
    >>> bool(predicted["train_loss"].isel(time=-1) < 1e-3)
    True
    """

    name: ClassVar[str] = "end_to_end_flow"
    claim: ClassVar[str] = "the end-to-end map of balanced layers has an equation of its own"
    references: ClassVar[tuple[str, ...]] = ("arora2018",)
    predicts: ClassVar[tuple[Quantity, ...]] = (END_TO_END_MAP, TRAIN_PREDICTION, TRAIN_LOSS)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict map, outputs and loss at the record times, for each seed of ``start``.

        Raises:
            InputError: if the weights at time zero were not given.
            OutOfReachError: for a nonlinear network, layers at different rates, another loss or
                rule, or weight decay.
        """
        plain_learning_rate(experiment, self.name)
        starts = starting_factors(experiment, start)
        require_equal_layers(experiment, self.name)
        x, y = flattened(experiment.task)
        courses = _courses(
            np.stack([end_to_end(factors) for factors in starts]),
            input_output_correlation(experiment.task),
            input_covariance(experiment.task),
            experiment.network.depth,
            experiment.training.flow_times,
        )
        outputs = np.einsum("stoi,ni->stno", courses, x)
        losses = 0.5 * np.mean(np.sum((y - outputs) ** 2, axis=-1), axis=-1)
        values = dict(zip(self.predicts, (courses, outputs, losses), strict=True))
        return labelled(values, ("seed", "time"), {"time": experiment.training.times})

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measures of map, outputs and loss."""
        del experiment
        return (end_to_end_matrix, train_prediction, train_loss)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "balanced start",
            "W'W of each layer equals WW' of the one before; |difference| over the sum of the two "
            "layers' squared norms",
            0.01,
            lambda experiment, start: worst_imbalance(starting_factors(experiment, start)),
        ),
        Assumption(
            "small steps",
            "learning rate times a bound on the largest curvature, N |Sxx| |W|^(2-2/N), |W| the "
            "larger of start and least-squares map",
            0.02,
            lambda experiment, start: _step_size(experiment, start),
        ),
    )


def _courses(
    starts: Float[np.ndarray, "seed outputs inputs"],
    correlation: Float[np.ndarray, "outputs inputs"],
    covariance: Float[np.ndarray, "inputs inputs"],
    layers: int,
    times: Float[np.ndarray, " time"],
    *,
    rtol: float = 1e-10,
    atol: float = 1e-13,
) -> Float[np.ndarray, "seed time outputs inputs"]:
    require(layers >= 1, f"layers = {layers}", "at least 1", "count the weight matrices")
    shapes = (np.shape(correlation), np.shape(covariance))
    outputs, inputs = starts.shape[1:]
    require(
        shapes == ((outputs, inputs), (inputs, inputs)),
        f"a correlation and a covariance of shapes {shapes[0]} and {shapes[1]}",
        f"{(outputs, inputs)} and {(inputs, inputs)}, as the start has",
        "take them from one task",
    )
    values = np.linalg.svd(starts, compute_uv=False)
    rounding = layers * max(outputs, inputs) * float(np.finfo(np.float64).eps)
    ranks = np.sum(values > rounding * values[:, :1], axis=1)
    with precision("float64"):
        found = _solve(starts, ranks, correlation, covariance, times, rtol, atol, layers=layers)
        found = np.asarray(found)
    if not np.isfinite(found).all():
        raise OutOfReachError(
            f"an end-to-end flow up to time {times[-1]:g}",
            f"one that takes fewer than {MAX_STEPS} steps of the solver",
            "shorten the time, or loosen rtol",
        )
    return found


@partial(jax.jit, static_argnames=("layers",))
def _solve(
    starts: Any,
    ranks: Any,
    correlation: Any,
    covariance: Any,
    times: Any,
    rtol: Any,
    atol: Any,
    *,
    layers: int,
) -> Array:
    def one(start: Array, rank: Array) -> Array:
        def velocity(_t: Any, matrix: Array, _args: Any) -> Array:
            return end_to_end_velocity(matrix, matrix @ covariance - correlation, layers, rank)

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(cast("Any", velocity)),
            diffrax.Dopri8(),
            t0=0.0,
            t1=jnp.maximum(times[-1], 1e-300),
            dt0=None,
            y0=start,
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
            max_steps=MAX_STEPS,
            throw=False,
        )
        return cast("Array", solution.ys)

    return jax.vmap(one)(starts, ranks)


def _step_size(experiment: Experiment, start: Weights) -> float:
    rate = plain_learning_rate(experiment, EndToEndFlow.name)
    covariance = input_covariance(experiment.task)
    solution = input_output_correlation(experiment.task) @ np.linalg.pinv(covariance)
    maps = [solution, *(end_to_end(factors) for factors in starting_factors(experiment, start))]
    largest = max(float(np.linalg.norm(matrix, 2)) for matrix in maps)
    depth = experiment.network.depth
    return rate * depth * float(np.linalg.norm(covariance, 2)) * largest ** (2.0 - 2.0 / depth)
