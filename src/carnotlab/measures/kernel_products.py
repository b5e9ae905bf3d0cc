r"""Products of the tangent kernel with vectors, :math:`\Theta v = J (R\, J^\top v)`, without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require
from carnotlab.measures.rates import rates_of
from carnotlab.measures.sample_function import (
    Apply,
    SampleFunction,
    checked_outputs,
    compiled,
    real_leaves,
)
from carnotlab.measures.vector_products import pull_back, push_forward

BLOCK = 256
"""Samples that are passed through the network at once."""


@dataclass(frozen=True, eq=False)
class TangentKernelProduct:
    r"""The tangent kernel as a linear operator that is never formed.

    :math:`(\Theta v)_i^c = \sum_{jd} \Theta_{ij}^{cd} v_j^d` with :math:`\Theta` as in
    :func:`tangent_kernel`: one backward and one forward derivative a sample, a block of samples at
    a time, whatever the number of outputs. With ``trace_outputs`` it is the mean over outputs
    :math:`\tfrac1k \sum_c \Theta^{cc}`, which needs a backward and a forward derivative for each
    output: :math:`(\bar\Theta v)_i = \tfrac1k \sum_c (\Theta (v \otimes e_c))_i^c`.

    Call it, or use ``matvec`` or ``@``, with a vector ``[n2, k]`` or flat ``[n2 * k]`` (``[n2]``
    with ``trace_outputs``); the product has the same form. It can be handed to
    `jax.scipy.sparse.linalg.cg`, and by ``shape``, ``dtype`` and ``matvec`` to
    `scipy.sparse.linalg.LinearOperator`. The kernel can be singular: add a ridge before solving.
    Source: novak2022.

    Raises:
        InputError: if the outputs are not ``[n, k]``, the vector has another size, or there is
            not one rate for each layer.

    >>> linear = lambda weights, x: x @ weights[0]["weight"].T
    >>> weights = ({"weight": jnp.ones((1, 2))},)
    >>> theta = TangentKernelProduct(linear, weights, jnp.array([[1.0, 2.0], [0.0, 1.0]]))
    >>> theta.shape, theta(jnp.array([1.0, 0.0])).tolist()
    ((2, 2), [5.0, 2.0])
    """

    apply: Apply
    weights: Any
    x1: RealArray
    x2: RealArray | None = None
    trace_outputs: bool = False
    rate_scales: Sequence[float] | None = None
    block: int = BLOCK

    def __post_init__(self) -> None:
        rates_of(self.weights, self.rate_scales)
        checked_outputs(self.apply, self.weights, jnp.asarray(self.x1))
        require(
            self.block >= 1, f"block = {self.block}", "at least 1 sample", "give it such a value"
        )

    @property
    def outputs(self) -> int:
        """Outputs of the network."""
        return self._shape_of_outputs.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the matrix on flat vectors."""
        each = 1 if self.trace_outputs else self.outputs
        second = self.x1 if self.x2 is None else self.x2
        return len(self.x1) * each, len(second) * each

    @property
    def dtype(self) -> Any:
        """The precision of the outputs, and of the products."""
        return self._shape_of_outputs.dtype

    def __call__(self, vector: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the product with a vector."""
        values = jnp.asarray(vector, self.dtype)
        require(
            values.size == self.shape[1],
            f"a vector of shape {list(values.shape)}",
            f"{self.shape[1]} entries, one for each sample and output",
            "give it the shape [n, k] of the outputs",
        )
        second = self.x1 if self.x2 is None else self.x2
        columns = values.reshape(len(second), -1)
        leaves, structure = jax.tree.flatten(self.weights)
        product = compiled(
            _product,
            SampleFunction(self.apply, structure),
            tuple(rates_of(self.weights, self.rate_scales)),
            self.trace_outputs,
            self.block,
        )(leaves, jnp.asarray(self.x1), jnp.asarray(second), columns)
        return product.reshape(-1) if values.ndim == 1 else product

    def matvec(self, vector: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the product with a vector."""
        return self(vector)

    def __matmul__(self, vector: Float[Array, "..."]) -> Float[Array, "..."]:
        return self(vector)

    @property
    def _shape_of_outputs(self) -> jax.ShapeDtypeStruct:
        return checked_outputs(self.apply, self.weights, jnp.asarray(self.x1))


def _product(
    one: SampleFunction,
    rates: Sequence[float],
    trace_outputs: bool,
    block: int,
    leaves: Sequence[Array],
    first: Array,
    second: Array,
    vector: Float[Array, "n2 k"],
) -> Float[Array, "n1 k"]:
    leaves = [jnp.asarray(leaf) for leaf in leaves]
    chosen = real_leaves(leaves)
    outputs = one.of_part(leaves, chosen)
    part = [leaves[leaf] for leaf in chosen]

    def full(vector: Array) -> Array:
        gradient = pull_back(outputs, part, second, vector, block)
        step = [rates[leaf] * g for leaf, g in zip(chosen, gradient, strict=True)]
        return push_forward(outputs, part, first, step, block)

    if not trace_outputs:
        return full(vector)
    count = jax.eval_shape(outputs, part, first).shape[1]

    def of_output(output: Array) -> Array:
        return full(vector * jax.nn.one_hot(output, count, dtype=vector.dtype))[:, output]

    return jnp.mean(jax.lax.map(of_output, jnp.arange(count)), axis=0)[:, None]
