r"""The course of every weight of a deep linear network that starts aligned with its task.

Where :math:`W_l(0) = R_{l+1} A_l(0) R_l^\top` with orthonormal columns, :math:`R_1 = V`,
:math:`R_{D+1} = U` and diagonal :math:`A_l`, the bases never move and each mode is a chain of one
number a layer,

.. math:: \dot a_l = \Big(s - d \prod_m a_m\Big) \prod_{m \ne l} a_m,

from which all weights follow by the inverse change of variables. Sources: saxe2014.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, cast

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from carnotlab.core.assumptions import Assumption
from carnotlab.core.data import Modes
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.core.precision import precision
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.layer_matrices import EVERY_WEIGHT, every_weight
from carnotlab.networks.finite import Weights
from carnotlab.tasks.statistics import input_output_modes, input_power_along, mode_alignment
from carnotlab.theories.base import Theory, TheoryAssumption
from carnotlab.theories.deep_linear.factors import (
    Factors,
    require_equal_layers,
    starting_factors,
)
from carnotlab.theories.deep_linear.mode_dynamics import strength_at
from carnotlab.theories.regime import plain_learning_rate

MAX_STEPS = 200_000


class Chains(NamedTuple):
    """Aligned layers taken apart: a number for each layer and mode, and the bases between layers.

    ``strengths: [layer, mode]``; ``bases``: one more than layers, each ``[units, mode]``, the
    first V and the last U; ``remainder``: the largest share of a layer that this leaves out.
    """

    strengths: Float[np.ndarray, "layer mode"]
    bases: tuple[Float[np.ndarray, "units mode"], ...]
    remainder: float


def chains_of(factors: Sequence[Float[np.ndarray, "out in"]], modes: Modes) -> Chains:
    r"""Follow each mode through the layers: :math:`R_{l+1} A_l = W_l R_l`, from V on.

    Strengths are positive but for the last layer's, which has the sign that U asks for.

    >>> modes = Modes(np.eye(2), np.ones(2), np.eye(2))
    >>> chains_of([np.diag([1.0, 2.0]), np.diag([3.0, -4.0])], modes).strengths
    array([[ 1.,  2.],
           [ 3., -4.]])
    """
    bases = [np.asarray(modes.right, dtype=np.float64)]
    strengths: list[Float[np.ndarray, " mode"]] = []
    for factor in factors[:-1]:
        image = factor @ bases[-1]
        size = np.linalg.norm(image, axis=0)
        strengths.append(size)
        bases.append(image / np.where(size > 0.0, size, 1.0))
    left = np.asarray(modes.left, dtype=np.float64)
    strengths.append(np.sum(left * (factors[-1] @ bases[-1]), axis=0))
    bases.append(left)
    rebuilt = [
        (after * strength) @ before.T
        for strength, before, after in zip(strengths, bases[:-1], bases[1:], strict=True)
    ]
    misfits = [
        np.linalg.norm(factor - whole) / np.linalg.norm(factor)
        for factor, whole in zip(factors, rebuilt, strict=True)
    ]
    # Layers can be rebuilt from bases that are not orthonormal, but modes then interact.
    slant = [np.linalg.norm(basis.T @ basis - np.eye(basis.shape[1])) for basis in bases]
    return Chains(np.stack(strengths), tuple(bases), float(np.max([*misfits, *slant])))


def chain_courses(
    start: Float[np.ndarray, "layer mode"],
    correlation: Float[np.ndarray, " mode"],
    power: Float[np.ndarray, " mode"],
    times: Float[np.ndarray, " time"],
    rate: float = 0.0,
) -> Float[np.ndarray, "time layer mode"]:
    r"""Return the strength of each layer along each mode, from any start, signs included.

    Flow of balanced positive chains has a closed form (`strength_at`); other flow is integrated.
    With a learning ``rate`` the chain makes the very steps of gradient descent, so that nothing
    is approximated however large they are; ``times`` are then multiples of the rate.

    >>> chain_courses(np.full((2, 1), 0.1), np.ones(1), np.ones(1), np.array([0.0, 20.0]))[-1]
    array([[1.],
           [1.]])
    """
    start = np.asarray(start, dtype=np.float64)
    s, d, t = (np.asarray(v, dtype=np.float64) for v in (correlation, power, times))
    layers = len(start)
    balanced = bool(np.all(start > 0.0) and np.ptp(start, axis=0).max() <= 1e-14)
    if rate == 0.0 and layers > 1 and balanced and bool(np.all(s > 0.0)):
        whole = strength_at(t, layers, s, np.prod(start, axis=0), d)
        return np.repeat(whole[:, None] ** (1.0 / layers), layers, axis=1)
    with precision("float64"):
        if rate:
            steps = np.rint(t / rate).astype(np.int64)
            between = np.diff(steps, prepend=0)
            found = np.asarray(_descend(start, s, d, between, rate))
        else:
            found = np.asarray(_flow(start, s, d, t))
    if not np.isfinite(found).all():
        raise OutOfReachError(
            f"chains that diverge by time {t[-1]:g}", "a stable course", "lower the learning rate"
        )
    return found


def weight_courses(
    factors: Sequence[Float[np.ndarray, "out in"]],
    modes: Modes,
    power: Float[np.ndarray, " mode"],
    times: Float[np.ndarray, " time"],
    rate: float = 0.0,
) -> tuple[Float[np.ndarray, "time out in"], ...]:
    r"""Return the course of every layer's matrix from an aligned start, balanced or not.

    Args:
        factors: The matrices at time zero, first layer first.
        modes: The modes of the task.
        power: Input power :math:`d = v^\top\Sigma_{xx}v` of each mode; ones for whitened inputs.
        times: Flow times.
        rate: Learning rate of gradient descent; 0 for gradient flow.

    Raises:
        InputError: if more than a millionth of a layer lies outside aligned chains.

    >>> modes = Modes(np.eye(2), np.array([4.0, 1.0]), np.eye(2))
    >>> start = (0.1 * np.eye(2), 0.1 * np.eye(2))
    >>> courses = weight_courses(start, modes, np.ones(2), np.array([0.0, 30.0]))
    >>> [course[-1].round(6).diagonal().tolist() for course in courses]
    [[2.0, 1.0], [2.0, 1.0]]
    """
    chains = chains_of(factors, modes)
    require(
        chains.remainder <= 1e-6,
        f"layers of which {chains.remainder:.1g} lies outside aligned chains",
        "an aligned start",
        "use Aligned(), or end_to_end_course for balanced starts",
    )
    return _rebuilt(chains, modes, power, times, rate)


@dataclass(frozen=True)
class WeightTrajectories(Theory):
    r"""Every weight of every layer has an explicit course from an aligned start.

    The layers need not be balanced. Predicts ``every_weight: [seed, time, weight]``, all matrices
    row by row, first layer first; for gradient descent exactly, whatever the step. Source:
    saxe2014.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.networks.initialisation import Aligned
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> network = deep_linear(4, (5,), 3, initialisation=Aligned(0.01))
    >>> experiment = Experiment(LinearMap(4, 3, (2.0, 1.0)), network, Training(duration=100))
    >>> WeightTrajectories().predict(experiment, experiment.start((0,)))["every_weight"].shape
    (1, 35, 35)
    """

    name: ClassVar[str] = "weight_trajectories"
    claim: ClassVar[str] = "every weight of an aligned deep linear network has an explicit course"
    references: ClassVar[tuple[str, ...]] = ("saxe2014",)
    predicts: ClassVar[tuple[Quantity, ...]] = (EVERY_WEIGHT,)

    def predict(self, experiment: Experiment, start: Weights | None = None) -> xr.Dataset:
        """Predict every weight at the record times, for each seed of ``start``.

        Raises:
            InputError: if the weights at time zero were not given.
            OutOfReachError: for a nonlinear network, layers at different rates, another loss or
                rule, or weight decay.
        """
        rate = plain_learning_rate(experiment, self.name)
        starts = starting_factors(experiment, start)
        require_equal_layers(experiment, self.name)
        modes = input_output_modes(experiment.task)
        power = input_power_along(experiment.task, modes)
        times = experiment.training.flow_times
        values = [
            np.concatenate(
                [
                    course.reshape(len(times), -1)
                    for course in _rebuilt(chains_of(one, modes), modes, power, times, rate)
                ],
                axis=1,
            )
            for one in starts
        ]
        coords = {"time": experiment.training.times}
        return EVERY_WEIGHT.label(np.stack(values), ("seed", "time"), coords).to_dataset()

    def measures(self, experiment: Experiment) -> tuple[Measure, ...]:
        """Return the measure of every weight."""
        del experiment
        return (every_weight,)

    assumptions: ClassVar[tuple[TheoryAssumption, ...]] = (
        Assumption(
            "inputs share the modes",
            "the input modes are principal directions of the inputs (whitened inputs always are); "
            "|Sxx V - V diag| / |Sxx V|",
            1e-4,
            lambda experiment, _: mode_alignment(experiment.task),
        ),
        Assumption(
            "aligned start",
            "each layer is a sum over the task's modes of a number times an orthonormal pair; the "
            "largest share of a layer that is not, or distance of the pairs from orthonormal",
            1e-4,
            lambda experiment, start: _remainder(experiment, start),
        ),
    )


def _rebuilt(
    chains: Chains, modes: Modes, power: Any, times: Any, rate: float
) -> tuple[Float[np.ndarray, "time out in"], ...]:
    courses = chain_courses(chains.strengths, np.asarray(modes.strengths), power, times, rate)
    return tuple(
        np.einsum("ok,tk,ik->toi", chains.bases[layer + 1], courses[:, layer], chains.bases[layer])
        for layer in range(len(chains.strengths))
    )


def _remainder(experiment: Experiment, start: Weights) -> float:
    modes = input_output_modes(experiment.task)
    starts: tuple[Factors, ...] = starting_factors(experiment, start)
    return float(np.max([chains_of(one, modes).remainder for one in starts]))


def _velocity(a: Array, s: Array, d: Array) -> Array:
    layers = a.shape[0]
    others = jnp.stack([jnp.prod(jnp.delete(a, layer, axis=0), axis=0) for layer in range(layers)])
    return (s - d * jnp.prod(a, axis=0)) * others


@jax.jit
def _descend(start: Array, s: Array, d: Array, between: Array, rate: Any) -> Array:
    def interval(a: Array, steps: Array) -> tuple[Array, Array]:
        a = jax.lax.fori_loop(0, steps, lambda _, now: now + rate * _velocity(now, s, d), a)
        return a, a

    return jax.lax.scan(interval, jnp.asarray(start), between)[1]


@jax.jit
def _flow(start: Array, s: Array, d: Array, times: Array) -> Array:
    def one(a: Array, s: Array, d: Array) -> Array:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(cast("Any", lambda _t, a, _: _velocity(a, s, d))),
            diffrax.Dopri8(),
            t0=0.0,
            t1=jnp.maximum(times[-1], 1e-300),
            dt0=None,
            y0=a,
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-14),
            max_steps=MAX_STEPS,
            throw=False,
        )
        return cast("Array", solution.ys)

    # Each mode by itself, so that a mode at rest need not follow the steps of a fast one.
    return jax.vmap(one, in_axes=(1, 0, 0), out_axes=2)(
        jnp.asarray(start), jnp.asarray(s), jnp.asarray(d)
    )
