"""Arithmetic operations of a traced program, counted from shapes alone."""

import math
from collections.abc import Callable
from typing import Any

import jax

MOVES = frozenset(
    {
        "reshape",
        "transpose",
        "squeeze",
        "broadcast_in_dim",
        "slice",
        "dynamic_slice",
        "dynamic_update_slice",
        "concatenate",
        "pad",
        "gather",
        "copy",
        "rev",
        "convert_element_type",
        "iota",
        "stop_gradient",
    }
)
"""Operations that move numbers and compute none."""


def operations(function: Callable[..., Any], *arguments: Any) -> float:
    """Count multiplications and additions of ``function`` at arguments of these shapes.

    A product of matrices and a convolution cost 2 for each term of their sums, an elementwise
    operation 1 for each entry of the larger of operand and result; moving numbers costs 0. Loops
    count by their length, a loop of unknown length once, a branch by its dearest case.

    >>> operations(lambda a, b: a @ b + 1.0, jax.ShapeDtypeStruct((2, 3), float),
    ...     jax.ShapeDtypeStruct((3, 5), float))
    70.0
    """
    return _of_jaxpr(jax.make_jaxpr(function)(*arguments).jaxpr)


def _of_jaxpr(jaxpr: Any) -> float:
    return math.fsum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation: Any) -> float:
    name, parameters = equation.primitive.name, equation.params
    if name in MOVES:
        return 0.0
    sizes = [atom.aval.size for atom in (*equation.invars, *equation.outvars)]
    shapes = [atom.aval.shape for atom in equation.invars]
    if name == "dot_general":
        (axes, _), _ = parameters["dimension_numbers"]
        return 2.0 * sizes[-1] * math.prod(shapes[0][axis] for axis in axes)
    if name == "conv_general_dilated":
        channels = shapes[1][parameters["dimension_numbers"].rhs_spec[0]]
        return 2.0 * sizes[-1] * sizes[1] / channels
    inner = [_of_jaxpr(part) for part in _programs(parameters)]
    if name == "scan":
        return parameters["length"] * math.fsum(inner)
    if name == "cond":
        return max(inner)
    return math.fsum(inner) if inner else float(max(sizes, default=0))


def _programs(parameters: Any) -> list[Any]:
    found: list[Any] = []
    for value in parameters.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            jaxpr = getattr(part, "jaxpr", part)
            if hasattr(jaxpr, "eqns"):
                found.append(jaxpr)
    return found
