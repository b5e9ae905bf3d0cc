"""The matrices of a deep linear network themselves: their product, and every entry of each."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.modes import end_to_end_map

END_TO_END_MAP = Quantity(
    "end_to_end_map", ("output", "input"), "1", "product of a deep linear network's matrices"
)
EVERY_WEIGHT = Quantity(
    "every_weight", ("weight",), "1", "every entry of every layer's matrix, first layer first"
)


def _end_to_end(state: State, data: Data) -> Float[Array, "outputs inputs"]:
    del data
    return end_to_end_map(state.model.factors(state.weights))


def _every_weight(state: State, data: Data) -> Float[Array, " weights"]:
    del data
    return jnp.concatenate([factor.ravel() for factor in state.model.factors(state.weights)])


end_to_end_matrix = Measure(END_TO_END_MAP, _end_to_end)
"""The product of a deep linear network's matrices, ``[outputs, inputs]``; refused for any other."""

every_weight = Measure(EVERY_WEIGHT, _every_weight)
"""Every entry of every matrix of a deep linear network, row by row, ``[weights]``."""
