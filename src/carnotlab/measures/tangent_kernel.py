r"""The tangent kernel of a finite network, :math:`\Theta = \sum_l r_l J_l J_l^\top`."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.measures.outer_products import Traced, trace
from carnotlab.measures.rates import rates_of

BLOCK_BYTES = 2**26
"""Default size of the largest block of explicit gradients; outer products need none."""

Apply: TypeAlias = Callable[[Any, Array], Array]


def tangent_kernel(
    apply: Apply,
    weights: Any,
    x1: RealArray,
    x2: RealArray | None = None,
    *,
    trace_outputs: bool = True,
    rate_scales: Sequence[float] | None = None,
    block_bytes: int = BLOCK_BYTES,
) -> Float[Array, "n1 n2"] | Float[Array, "n1 n2 k k"]:
    r"""Tangent kernel of any differentiable ``apply(weights, x)`` with outputs ``[n, k]``.

    :math:`\Theta_{ij}^{cd} = \sum_l r_l \,\nabla_{w_l} f_c(x_i) \cdot \nabla_{w_l} f_d(x'_j)`, with
    the learning-rate factors :math:`r_l` of ``rate_scales`` (one for each layer; 1 if left out).
    The outputs then move as :math:`\dot f = -\Theta\,\partial L / \partial f` under gradient flow.

    Shape ``[n1, n2, k, k]``; with ``trace_outputs`` the mean over outputs
    :math:`\tfrac1k \sum_c \Theta^{cc}`, ``[n1, n2]``. Unit: 1/flow time. ``x2`` defaults to ``x1``;
    the dtype is that of the outputs. Each sample is passed through ``apply`` on its own.

    A weight matrix used in one matrix–vector product costs :math:`O(nk)` backward passes and
    inner products of activations; all others take their gradients in blocks of
    ``block_bytes``, :math:`O(n_1 n_2 k P)`. Sources: jacot2018, novak2022.

    Raises:
        InputError: if the outputs are not ``[n, k]``, or there is not one rate for each layer.

    >>> linear = lambda weights, x: x @ weights[0]["weight"].T
    >>> weights = ({"weight": jnp.ones((1, 2))},)
    >>> tangent_kernel(linear, weights, jnp.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
    [[5.0, 2.0], [2.0, 1.0]]
    """
    first = jnp.asarray(x1)
    second = first if x2 is None else jnp.asarray(x2)
    outputs = jax.eval_shape(apply, weights, first)
    require(
        len(outputs.shape) == 2 and outputs.shape[0] == first.shape[0],
        f"outputs of shape {list(outputs.shape)} for {first.shape[0]} samples",
        "outputs [n, k]",
        "give apply a leading sample dimension and one trailing output dimension",
    )
    rates = rates_of(weights, rate_scales)
    leaves, structure = jax.tree.flatten(weights)

    def one(leaves: Sequence[Array], x: Array) -> Array:
        return apply(structure.unflatten(leaves), x[None])[0]

    found = trace(one, leaves, first[0])
    others = [index for index in range(len(leaves)) if index not in found.shapes]
    kernel = jnp.zeros((), outputs.dtype)
    if found.shapes:
        kernel += _by_outer_products(found, leaves, first, second, rates, trace_outputs)
    if others:
        kernel += _by_gradients(
            one, leaves, others, first, second, rates, trace_outputs, block_bytes
        )
    if x2 is None:  # rounding differs between the two halves
        kernel = 0.5 * (kernel + kernel.transpose((1, 0, 3, 2)[: kernel.ndim]))
    return kernel / outputs.shape[1] if trace_outputs else kernel


def _by_outer_products(
    found: Traced,
    leaves: Sequence[Array],
    first: Array,
    second: Array,
    rates: Sequence[float],
    trace_outputs: bool,
) -> Array:
    """Sum the leaves whose gradients are outer products, without forming those."""

    def vectors(x: Array) -> tuple[dict[int, Array], dict[int, Array]]:
        def outputs(offsets: dict[int, Array]) -> tuple[Array, dict[int, Array]]:
            return found.vectors(leaves, x, offsets)

        zeros = {leaf: jnp.zeros(shape, leaves[leaf].dtype) for leaf, shape in found.shapes.items()}
        return cast("Any", jax.jacrev(outputs, has_aux=True)(zeros))

    slopes1, inputs1 = jax.vmap(vectors)(first)
    slopes2, inputs2 = (slopes1, inputs1) if second is first else jax.vmap(vectors)(second)
    kernel = jnp.zeros((), leaves[0].dtype)
    for leaf in found.shapes:
        left, right = (s[leaf].reshape(*s[leaf].shape[:2], -1) for s in (slopes1, slopes2))
        overlap = rates[leaf] * (inputs1[leaf] @ inputs2[leaf].T)
        if trace_outputs:
            kernel = kernel + overlap * jnp.einsum("ico,jco->ij", left, right)
        else:
            pairs = jnp.einsum("ico,jdo->ijcd", left, right)
            kernel = kernel + overlap[:, :, None, None] * pairs
    return kernel


def _by_gradients(
    one: Callable[[Sequence[Array], Array], Array],
    leaves: Sequence[Array],
    others: Sequence[int],
    first: Array,
    second: Array,
    rates: Sequence[float],
    trace_outputs: bool,
    block_bytes: int,
) -> Array:
    """Sum the other leaves from explicit gradients, a block of samples against a block."""

    def gradients(x: Array) -> list[Array]:
        def outputs(chosen: list[Array]) -> Array:
            whole = list(leaves)
            for index, leaf in zip(others, chosen, strict=True):
                whole[index] = leaf
            return one(whole, x)

        jacobian = jax.jacrev(outputs)([leaves[index] for index in others])
        return [leaf.reshape(leaf.shape[0], -1) for leaf in cast("list[Array]", jacobian)]

    def contract(left: list[Array], right: list[Array]) -> Array:
        axes = ((0, 1), (0, 1)) if trace_outputs else ((1,), (1,))
        terms = zip(others, left, right, strict=True)
        return sum(
            (rates[i] * jnp.tensordot(a, b, axes) for i, a, b in terms),
            jnp.zeros((), left[0].dtype),
        )

    rows = jax.eval_shape(gradients, first[0])
    row_bytes = sum(row.size * row.dtype.itemsize for row in rows)
    block = max(1, block_bytes // row_bytes)

    def against_all(x: Array) -> Array:
        mine = gradients(x)
        return jax.lax.map(
            lambda y: contract(mine, gradients(y)), second, batch_size=min(block, len(second))
        )

    return jax.lax.map(against_all, first, batch_size=min(block, len(first)))
