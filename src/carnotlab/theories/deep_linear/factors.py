"""What theories of deep linear networks read at time zero: matrices, their product, balance."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.weights import pair_imbalance
from carnotlab.networks.finite import Weights, scalings
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.theories.base import require_start

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
    given = require_start(start)
    with precision("float64"):
        factors = jax.vmap(experiment.model.factors)(given)
    arrays = [np.asarray(factor, dtype=np.float64) for factor in factors]
    return tuple(tuple(array[seed] for array in arrays) for seed in range(len(arrays[0])))


def end_to_end(factors: Factors) -> Float[np.ndarray, "outputs inputs"]:
    r"""Return the product :math:`W_D \cdots W_1` of the matrices of one network.

    >>> end_to_end((np.array([[2.0], [1.0]]), np.array([[0.0, 3.0]]))).tolist()
    [[3.0]]
    """
    return reduce(lambda product, factor: factor @ product, factors)


def worst_imbalance(starts: Iterable[Sequence[Float[np.ndarray, "out in"]]]) -> float:
    """Return the largest `pair_imbalance` of any network; 0 where none has neighbouring layers.

    >>> worst_imbalance([(np.eye(1), np.eye(1)), (np.eye(1), 0.0 * np.eye(1))])
    1.0
    """
    with precision("float64"):
        worst = [
            float(jnp.max(pair_imbalance([jnp.asarray(one) for one in factors]), initial=0.0))
            for factors in starts
        ]
    return float(np.max(worst, initial=0.0))  # unlike max(), never loses a nan


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
