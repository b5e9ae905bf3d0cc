r"""Weights whose gradient on one sample is an outer product, found in the traced program.

A matrix :math:`W` that is used once, in a product :math:`z = W h` with a single vector, has the
gradient :math:`\delta h^\top` with :math:`\delta = \partial f / \partial z`. Inner products of two
such gradients are :math:`(\delta \cdot \delta')(h \cdot h')`: short vectors instead of matrices.
Source: novak2022.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jax
from jax.core import eval_jaxpr
from jax.extend.core import Literal
from jaxtyping import Array, Float

Product = Callable[[int, Array, Array], Array]
"""Called with the number of a leaf, the vector it multiplies and their product; returns it."""

CALLS = ("jit", "pjit")


@dataclass(frozen=True)
class Traced:
    """A function of weight leaves and one sample, with the leaves that enter as outer products.

    ``shapes`` gives, for each such leaf, the shape of the product that it forms.
    """

    program: Any
    shapes: Mapping[int, tuple[int, ...]]

    def vectors(
        self,
        leaves: Sequence[Array],
        x: Float[Array, " *input"],
        offsets: Mapping[int, Array],
    ) -> tuple[Float[Array, " k"], dict[int, Float[Array, " in"]]]:
        r"""Return the outputs with ``offsets`` added to the products, and every product's vector.

        The derivative of the outputs by an offset is :math:`\delta`.
        """
        seen: dict[int, Array] = {}

        def shift(leaf: int, vector: Array, product: Array) -> Array:
            if leaf not in offsets:
                return product
            seen[leaf] = vector.reshape(-1)
            return product + offsets[leaf]

        (outputs,) = _run(self.program, [*leaves, x], _marks(len(leaves)), shift, Counter())
        return outputs, seen


def trace(
    function: Callable[[Sequence[Array], Array], Float[Array, " k"]],
    leaves: Sequence[Array],
    x: Float[Array, " *input"],
) -> Traced:
    """Trace ``function(leaves, x)`` on one sample and find its outer products.

    Leaves that are used twice, scaled first, reshaped or convolved are not found, which costs
    time but not correctness: their gradients are then formed as they are.

    >>> import numpy as np
    >>> affine = lambda leaves, x: leaves[0] @ x + leaves[1]
    >>> trace(affine, [np.ones((2, 3)), np.ones(2)], np.ones(3)).shapes
    {0: (2,)}
    """
    program = jax.make_jaxpr(function)(list(leaves), x)
    shapes: dict[int, tuple[int, ...]] = {}
    uses: Counter[int] = Counter()

    def note(leaf: int, vector: Array, product: Array) -> Array:
        del vector
        shapes[leaf] = product.shape
        return product

    def walk(*values: Array) -> list[Array]:
        return _run(program, values, _marks(len(leaves)), note, uses)

    jax.eval_shape(walk, *leaves, x)
    return Traced(program, {leaf: shape for leaf, shape in shapes.items() if uses[leaf] == 1})


def _marks(leaves: int) -> list[int | None]:
    return [*range(leaves), None]


def _run(
    program: Any,
    values: Sequence[Array],
    marks: Sequence[int | None],
    product: Product,
    uses: Counter[int],
) -> list[Array]:
    """Evaluate a traced program, calling ``product`` at every product with a marked matrix.

    A mark says that a value is the leaf of that number, as it is or transposed.
    """
    jaxpr = program.jaxpr
    known: dict[Any, Array] = dict(zip(jaxpr.constvars, program.consts, strict=True))
    known |= dict(zip(jaxpr.invars, values, strict=True))
    marked: dict[Any, int | None] = dict(zip(jaxpr.invars, marks, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else known[atom]

    def mark(atom: Any) -> int | None:
        return None if isinstance(atom, Literal) else marked.get(atom)

    for equation in jaxpr.eqns:
        inputs = [read(atom) for atom in equation.invars]
        input_marks = [mark(atom) for atom in equation.invars]
        present = [leaf for leaf in input_marks if leaf is not None]
        name = equation.primitive.name
        if present and name == "transpose":
            marked[equation.outvars[0]] = present[0]
        elif present and name not in CALLS:
            uses.update(present)
        if present and name in CALLS:
            results = _run(equation.params["jaxpr"], inputs, input_marks, product, uses)
        else:
            results = _evaluate(equation, inputs, jaxpr)
        if name == "dot_general" and len(present) == 1:
            matrix, vector = inputs if input_marks[0] is not None else inputs[::-1]
            if _is_outer(equation, matrix, vector):
                results = [product(present[0], vector, results[0])]
        known |= dict(zip(equation.outvars, results, strict=True))
    # A leaf that is itself an output is used in a way that is not a product.
    uses.update(leaf for atom in jaxpr.outvars if (leaf := mark(atom)) is not None)
    return [read(atom) for atom in jaxpr.outvars]


def _is_outer(equation: Any, matrix: Array, vector: Array) -> bool:
    """Whether a product contracts a matrix with the whole of a vector: one column, one gradient."""
    (axes, _), (batch, _) = equation.params["dimension_numbers"]
    contracted = math.prod(equation.invars[0].aval.shape[axis] for axis in axes)
    return not batch and len(axes) == 1 and matrix.ndim == 2 and vector.size == contracted


def _evaluate(equation: Any, inputs: Sequence[Array], jaxpr: Any) -> list[Array]:
    """Evaluate one equation as a program of its own."""
    names: dict[Any, Array] = {
        atom: value
        for atom, value in zip(equation.invars, inputs, strict=True)
        if not isinstance(atom, Literal)
    }
    alone = jaxpr.replace(
        eqns=[equation],
        constvars=[],
        invars=list(names),
        outvars=list(equation.outvars),
    )
    return cast("list[Array]", eval_jaxpr(alone, (), *names.values()))
