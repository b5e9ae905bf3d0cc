"""What theories of deep linear networks read: matrices at time zero, and the correlation."""

from typing import TypeAlias

import jax
import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.networks.finite import Weights, scalings
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.tasks.base import Task
from carnotlab.tasks.statistics import Source

Factors: TypeAlias = tuple[Float[np.ndarray, "out in"], ...]
"""The matrices of one network, first layer first."""


def starting_factors(experiment: Experiment, start: Weights | None) -> tuple[Factors, ...]:
    """Return the matrices of every seed, float64, first layer first.

    Raises:
        InputError: if no weights were given.
        OutOfReachError: for a network that is not a chain of matrices.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> experiment = Experiment(LinearMap(4, 3, (1.0,)), deep_linear(4, (5,), 3), Training())
    >>> [factor.shape for factor in starting_factors(experiment, experiment.start((0, 1)))[1]]
    [(5, 4), (3, 5)]
    """
    refuse_nonlinear(experiment.network)
    if start is None:
        raise InputError(
            "a start without its weights",
            "the weights at time zero",
            "pass start=experiment.start(seeds)",
        )
    with precision("float64"):
        factors = jax.vmap(experiment.model.factors)(start)
    arrays = [np.asarray(factor, dtype=np.float64) for factor in factors]
    return tuple(tuple(array[seed] for array in arrays) for seed in range(len(arrays[0])))


def input_output_correlation(source: Source) -> Float[np.ndarray, "outputs inputs"]:
    r"""Return :math:`\Sigma_{yx} = \langle yx^\top\rangle` of a task's training samples or a batch.

    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> np.linalg.svd(input_output_correlation(LinearMap(3, 2, (2.0, 1.0))))[1].round(9).tolist()
    [2.0, 1.0]
    """
    batch = source.data().train if isinstance(source, Task) else source
    x, y = np.asarray(batch.x).reshape(batch.size, -1), np.asarray(batch.y)
    return y.T @ x / batch.size


def require_equal_layers(experiment: Experiment, theory: str) -> None:
    """Raise `OutOfReachError` unless every layer's matrix descends at the learning rate itself.

    A multiplier m on stored weights makes the matrix move at m² times the rate.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import deep_linear
    >>> from carnotlab.tasks.linear_map import LinearMap
    >>> experiment = Experiment(LinearMap(4, 3, (1.0,)), deep_linear(4, (5,), 3), Training())
    >>> require_equal_layers(experiment, "a theory")
    """
    multipliers = [scale.weight_multiplier for scale in scalings(experiment.network)]
    rates = experiment.model.rate_scales("gradient")
    speeds = [m**2 * r for m, r in zip(multipliers, rates, strict=True)]
    if any(abs(speed - 1.0) > 1e-12 for speed in speeds):
        raise OutOfReachError(
            f"layers that move at {speeds} times the learning rate for {theory}",
            "every layer at the same rate, none frozen",
            "use the standard parameterization, as deep_linear does",
        )
