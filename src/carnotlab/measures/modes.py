"""How strongly a network expresses given input–output modes."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Batch, Data, Modes
from carnotlab.core.errors import require
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State
from carnotlab.measures.bound import bind

MODE_STRENGTH = Quantity(
    "mode_strength", ("mode",), "1", "strength of the network's map along each input–output mode"
)
MODE_REMAINDER = Quantity(
    "mode_remainder", (), "fraction", "part of the network's map outside the given modes"
)
SINGULAR_VALUES = Quantity(
    "singular_values", ("rank",), "1", "singular values of the end-to-end map, largest first"
)


def end_to_end_map(factors: Sequence[Float[Array, "out in"]]) -> Float[Array, "outputs inputs"]:
    r"""Return the product :math:`W_D \cdots W_1` of ``factors``, first layer first.

    >>> end_to_end_map([2.0 * jnp.eye(2), 3.0 * jnp.eye(2)])[0, 0].item()
    6.0
    """
    product = factors[0]
    for factor in factors[1:]:
        product = factor @ product
    return product


def strength_along(matrix: Float[Array, "outputs inputs"], modes: Modes) -> Float[Array, " k"]:
    r"""Strength of a linear map along each mode, :math:`u_a = U_a^\top W V_a`.

    Unit: outputs per input, signed. Raises `InputError` if the modes are of another size than the
    map. Source: saxe2014.

    >>> modes = Modes(jnp.eye(2), jnp.ones(2), jnp.eye(2))
    >>> strength_along(jnp.array([[3.0, 1.0], [0.0, 2.0]]), modes).tolist()
    [3.0, 2.0]
    """
    left, right = _fitting(modes, matrix.shape[0], matrix.shape[1])
    return jnp.sum(left * (matrix @ right), axis=0)


def remainder_outside(matrix: Float[Array, "outputs inputs"], modes: Modes) -> Float[Array, ""]:
    r"""Share of a linear map that its mode strengths leave out, between 0 and 1.

    :math:`\|W - \sum_a u_a U_a V_a^\top\|_F / \|W\|_F`: coupling between modes (the off-diagonal
    part of :math:`U^\top W V`) together with what no mode spans. Valid for orthonormal modes; nan
    for the zero map. Source: saxe2014.

    >>> modes = Modes(jnp.eye(2), jnp.ones(2), jnp.eye(2))
    >>> round(float(remainder_outside(jnp.array([[3.0, 4.0], [0.0, 0.0]]), modes)), 6)
    0.8
    """
    left, right = _fitting(modes, matrix.shape[0], matrix.shape[1])
    explained = (left * strength_along(matrix, modes)) @ right.T
    return jnp.linalg.norm(matrix - explained) / jnp.linalg.norm(matrix)


def strength_on_data(
    outputs: Float[Array, "n outputs"], x: Float[Array, "n *input"], modes: Modes
) -> Float[Array, " k"]:
    r"""Strength along each mode of any network's linear part on data.

    :math:`u_a = U_a^\top \langle \hat y x^\top \rangle V_a / (V_a^\top \Sigma_{xx} V_a)`, the slope
    of the output along :math:`U_a` on the input along :math:`V_a` (averages over the samples, not
    centred). For a linear network it equals :func:`strength_along` if every :math:`V_a` is an
    eigenvector of :math:`\Sigma_{xx}`; otherwise correlated inputs mix modes. nan or infinite for
    a mode that no input contains. Source: saxe2019.

    >>> modes = Modes(jnp.eye(1), jnp.ones(1), jnp.eye(1))
    >>> strength_on_data(jnp.array([[2.0], [-2.0]]), jnp.array([[1.0], [-1.0]]), modes).item()
    2.0
    """
    flat = jnp.asarray(x).reshape(len(x), -1)
    left, right = _fitting(modes, outputs.shape[-1], flat.shape[-1])
    along = flat @ right
    return jnp.sum((outputs @ left) * along, axis=0) / jnp.sum(along**2, axis=0)


def mode_strength(modes: Modes) -> Measure:
    """Measure the strength along each mode of a deep linear network's map (`strength_along`).

    Reading a network that is not a chain of matrices raises `OutOfReachError`; use
    `mode_strength_on_data` for those.

    >>> mode_strength(Modes(jnp.eye(2), jnp.ones(2), jnp.eye(2))).quantity.dims
    ('mode',)
    """
    return Measure(MODE_STRENGTH, bind(_mode_strength, modes))


def mode_remainder(modes: Modes) -> Measure:
    """Measure the share of a deep linear network's map outside the modes (`remainder_outside`).

    >>> mode_remainder(Modes(jnp.eye(2), jnp.ones(2), jnp.eye(2))).quantity.unit
    'fraction'
    """
    return Measure(MODE_REMAINDER, bind(_mode_remainder, modes))


def mode_strength_on_data(modes: Modes, batch: Batch | None = None) -> Measure:
    """Measure the mode strengths of any network's linear part (`strength_on_data`).

    Taken on ``batch``, or on the training samples if there is none.

    >>> mode_strength_on_data(Modes(jnp.eye(2), jnp.ones(2), jnp.eye(2))).quantity.dims
    ('mode',)
    """
    return Measure(MODE_STRENGTH, bind(_mode_strength_on_data, modes, batch))


def _mode_strength(state: State, data: Data, modes: Modes) -> Float[Array, " k"]:
    del data
    return strength_along(end_to_end_map(state.model.factors(state.weights)), modes)


def _mode_remainder(state: State, data: Data, modes: Modes) -> Float[Array, ""]:
    del data
    return remainder_outside(end_to_end_map(state.model.factors(state.weights)), modes)


def _mode_strength_on_data(
    state: State, data: Data, modes: Modes, batch: Batch | None
) -> Float[Array, " k"]:
    x = jnp.asarray((data.train if batch is None else batch).x)
    return strength_on_data(state.model.apply(state.weights, x), x, modes)


def _singular_values(state: State, data: Data) -> Float[Array, " rank"]:
    del data
    matrix = end_to_end_map(state.model.factors(state.weights))
    return jnp.linalg.svd(matrix, compute_uv=False)


def _fitting(
    modes: Modes, outputs: int, inputs: int
) -> tuple[Float[Array, "outputs k"], Float[Array, "inputs k"]]:
    given = (jnp.shape(modes.left)[0], jnp.shape(modes.right)[0])
    require(
        given == (outputs, inputs),
        f"modes from {given[1]} inputs to {given[0]} outputs",
        f"modes from {inputs} inputs to {outputs} outputs, like the network",
        "take the modes of the task that the network is trained on",
    )
    return jnp.asarray(modes.left), jnp.asarray(modes.right)


singular_values = Measure(SINGULAR_VALUES, _singular_values)
"""Singular values of a deep linear network's end-to-end map, ``[min(outputs, inputs)]``."""
