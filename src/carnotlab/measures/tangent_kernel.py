r"""The tangent kernel of a finite network, :math:`\Theta = \sum_l r_l J_l J_l^\top`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.measures.kernel_plan import KernelPlan, Method, Request, plan_kernel
from carnotlab.measures.pair_blocks import choose_blocks, over_pairs, transpose_pairs
from carnotlab.measures.rates import rates_of
from carnotlab.measures.sample_derivatives import SampleDerivatives
from carnotlab.measures.sample_function import Apply, SampleFunction, checked_outputs, compiled
from carnotlab.measures.traced_program import trace
from carnotlab.measures.vector_products import kernel_by_products

BLOCK_BYTES = 2**28
"""Default bound on the memory of samples' derivatives, besides the kernel itself."""

METHODS = ("automatic", "structured", "jacobian", "products")


def tangent_kernel(
    apply: Apply,
    weights: Any,
    x1: RealArray,
    x2: RealArray | None = None,
    *,
    trace_outputs: bool = True,
    rate_scales: Sequence[float] | None = None,
    method: Method = "automatic",
    block_bytes: int = BLOCK_BYTES,
) -> Float[Array, "n1 n2"] | Float[Array, "n1 n2 k k"]:
    r"""Tangent kernel of any differentiable ``apply(weights, x)`` with outputs ``[n, k]``.

    :math:`\Theta_{ij}^{cd} = \sum_l r_l \,\nabla_{w_l} f_c(x_i) \cdot \nabla_{w_l} f_d(x'_j)`, with
    the learning-rate factors :math:`r_l` of ``rate_scales`` (one for each layer; 1 if left out).
    The outputs then move as :math:`\dot f = -\Theta\,\partial L / \partial f` under gradient flow.

    Shape ``[n1, n2, k, k]``; with ``trace_outputs`` the mean over outputs
    :math:`\tfrac1k \sum_c \Theta^{cc}`, ``[n1, n2]``. Unit: 1/flow time. ``x2`` defaults to ``x1``,
    and half of the pairs are then formed; the dtype is that of the outputs. Each sample is passed
    through ``apply`` on its own. ``apply`` is compiled once: let it be a pure function.

    ``method`` *structured* finds weights used in matrix products, convolutions and as biases, and
    multiplies activity and derivatives instead of gradients; *jacobian* forms all gradients and
    *products* takes one product with the kernel for each sample and output. All agree to rounding;
    *automatic* takes the one with the fewest operations (:func:`tangent_kernel_plan` shows them).
    Sources: jacot2018, novak2022.

    Raises:
        InputError: if the outputs are not ``[n, k]``, there is not one rate for each layer, or
            ``method`` is none of these.

    >>> linear = lambda weights, x: x @ weights[0]["weight"].T
    >>> weights = ({"weight": jnp.ones((1, 2))},)
    >>> tangent_kernel(linear, weights, jnp.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
    [[5.0, 2.0], [2.0, 1.0]]
    """
    rates = _checked(weights, rate_scales, method, block_bytes)
    leaves, structure = jax.tree.flatten(weights)
    one = SampleFunction(apply, structure)
    settings = (one, rates, trace_outputs, method, block_bytes)
    second = None if x2 is None else jnp.asarray(x2)
    return compiled(_kernel, *settings)(leaves, jnp.asarray(x1), second)


def tangent_kernel_plan(
    apply: Apply,
    weights: Any,
    x1: RealArray,
    x2: RealArray | None = None,
    *,
    trace_outputs: bool = True,
    rate_scales: Sequence[float] | None = None,
    method: Method = "automatic",
) -> KernelPlan:
    """Say how :func:`tangent_kernel` would compute the same kernel, at what counted cost.

    Only shapes are used; nothing is computed.

    >>> linear = lambda weights, x: x @ weights[0]["weight"].T
    >>> weights = ({"weight": jnp.ones((20, 30))},)
    >>> plan = tangent_kernel_plan(linear, weights, jnp.ones((50, 30)))
    >>> print(str(plan).splitlines()[0])
    [0]['weight'] [20, 30]: outer products
    """
    rates = _checked(weights, rate_scales, method, BLOCK_BYTES)
    _, structure = jax.tree.flatten(weights)
    paths = jax.tree_util.tree_flatten_with_path(weights)[0]
    names = [jax.tree_util.keystr(path) for path, _ in paths]
    first = jnp.asarray(x1)
    count = len(first if x2 is None else x2)
    leaves = [jnp.asarray(leaf) for _, leaf in paths]
    one = SampleFunction(apply, structure)
    request = _request(one, leaves, first, count, x2 is None, trace_outputs, rates, names)
    return _plan(request, method)[0]


def _checked(
    weights: Any, rate_scales: Sequence[float] | None, method: Method, block_bytes: int
) -> tuple[float, ...]:
    require(method in METHODS, f"method = {method!r}", "one of " + ", ".join(METHODS), "choose one")
    require(block_bytes >= 1, f"block_bytes = {block_bytes}", "at least 1", "leave it out")
    return rates_of(weights, rate_scales)


def _request(
    one: SampleFunction,
    leaves: Sequence[Array],
    first: Array,
    count: int,
    same: bool,
    trace_outputs: bool,
    rates: Sequence[float],
    names: Sequence[str],
) -> Request:
    checked_outputs(one.apply, one.structure.unflatten(leaves), first)
    shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
    sample = jax.ShapeDtypeStruct(first.shape[1:], first.dtype)
    outputs = jax.eval_shape(one, shapes, sample).shape[0]
    samples = (len(first), count)
    return Request(one, names, shapes, sample, outputs, samples, same, trace_outputs, rates)


def _plan(request: Request, method: Method) -> tuple[KernelPlan, SampleDerivatives]:
    program = trace(request.one, request.leaves, request.sample)
    return plan_kernel(request, program, method)


def _kernel(
    one: SampleFunction,
    rates: Sequence[float],
    trace_outputs: bool,
    method: Method,
    block_bytes: int,
    leaves: Sequence[Array],
    first: Array,
    second: Array | None,
) -> Array:
    leaves = [jnp.asarray(leaf) for leaf in leaves]
    other = first if second is None else second
    names = [str(leaf) for leaf in range(len(leaves))]
    same = second is None
    request = _request(one, leaves, first, len(other), same, trace_outputs, rates, names)
    plan, how = _plan(request, method)
    k = request.outputs
    dtype = jax.eval_shape(one, request.leaves, request.sample).dtype
    kernel = jnp.zeros(
        (len(first), len(other)) if trace_outputs else (len(first), len(other), k, k), dtype
    )
    if any(chosen not in ("products", "not used") for chosen in how.methods):
        blocks = choose_blocks(
            request.samples,
            plan.sample_bytes,
            plan.pair_bytes,
            block_bytes,
            1 if trace_outputs else k,
        )
        kernel = over_pairs(
            jax.vmap(lambda x: how.of_sample(leaves, x)),
            how.kernel,
            first,
            second,
            blocks,
        )
    chosen = {leaf: rates[leaf] for leaf, by in enumerate(how.methods) if by == "products"}
    if chosen:
        share = kernel_by_products(one, leaves, chosen, (first, other), trace_outputs, block_bytes)
        kernel = kernel + (0.5 * (share + transpose_pairs(share)) if same else share)
    return kernel / k if trace_outputs else kernel
