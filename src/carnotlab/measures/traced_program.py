"""A function as a flat list of elementary operations that can be evaluated with offsets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import jax
from jax.core import eval_jaxpr
from jax.extend.core import Literal
from jaxtyping import Array

CALLS = ("jit", "pjit")


@dataclass(frozen=True)
class Program:
    """A traced function; calls to compiled functions inside it are opened.

    ``equations`` compute variables from variables; ``inputs`` and ``outputs`` are theirs, in the
    order of the function's flattened arguments and results.
    """

    jaxpr: Any
    constants: Sequence[Any]

    @property
    def equations(self) -> Sequence[Any]:
        """The elementary operations, in an order in which they can be evaluated."""
        return self.jaxpr.eqns

    @property
    def inputs(self) -> Sequence[Any]:
        """The variables of the flattened arguments."""
        return self.jaxpr.invars

    @property
    def outputs(self) -> Sequence[Any]:
        """The variables, or literal constants, of the flattened results."""
        return self.jaxpr.outvars

    def evaluate(
        self, values: Sequence[Array], offsets: Mapping[Any, Array], kept: Sequence[Any]
    ) -> tuple[list[Array], list[Array]]:
        """Return the outputs with ``offsets`` added to their variables, and the ``kept`` variables.

        >>> program = trace(lambda x: 2.0 * x + 1.0, 3.0)
        >>> double = program.equations[0].outvars[0]
        >>> outputs, kept = program.evaluate([3.0], {double: 10.0}, [double])
        >>> float(outputs[0]), float(kept[0])
        (17.0, 16.0)
        """
        known = dict(zip(self.jaxpr.constvars, self.constants, strict=True))
        known |= dict(zip(self.inputs, values, strict=True))
        for equation in self.equations:
            results = evaluate_equation(
                self.jaxpr, equation, [_read(known, a) for a in equation.invars]
            )
            for variable, result in zip(equation.outvars, results, strict=True):
                shifted = variable in offsets
                known[variable] = result + offsets[variable] if shifted else result
        return [_read(known, a) for a in self.outputs], [_read(known, a) for a in kept]

    def apply(self, equation: Any, value: Array) -> Array:
        """Evaluate an ``equation`` of one variable at another value of it."""
        inputs = [a.val if isinstance(a, Literal) else value for a in equation.invars]
        return evaluate_equation(self.jaxpr, equation, inputs)[0]


def trace(function: Callable[..., Any], *arguments: Any) -> Program:
    """Trace ``function`` on arguments of these shapes; they may be `jax.ShapeDtypeStruct`.

    >>> [e.primitive.name for e in trace(jax.jit(lambda x: x * x + 1), 2.0).equations]
    ['mul', 'add']
    """
    whole = jax.make_jaxpr(function)(*arguments)
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in whole.jaxpr.invars]
    flat = jax.make_jaxpr(lambda *values: _open(whole, values))(*shapes)
    return Program(flat.jaxpr, flat.consts)


def evaluate_equation(jaxpr: Any, equation: Any, inputs: Sequence[Any]) -> list[Array]:
    """Evaluate one equation of ``jaxpr`` as a program of its own."""
    names: dict[Any, Any] = {
        atom: value
        for atom, value in zip(equation.invars, inputs, strict=True)
        if not isinstance(atom, Literal)
    }
    alone = jaxpr.replace(
        eqns=[equation], constvars=[], invars=list(names), outvars=list(equation.outvars)
    )
    return cast("list[Array]", eval_jaxpr(alone, (), *names.values()))


def _open(program: Any, values: Sequence[Any]) -> list[Any]:
    jaxpr = program.jaxpr
    known = dict(zip(jaxpr.constvars, program.consts, strict=True))
    known |= dict(zip(jaxpr.invars, values, strict=True))
    for equation in jaxpr.eqns:
        inputs = [_read(known, atom) for atom in equation.invars]
        if equation.primitive.name in CALLS:
            results = _open(equation.params["jaxpr"], inputs)
        else:
            results = evaluate_equation(jaxpr, equation, inputs)
        known |= dict(zip(equation.outvars, results, strict=True))
    return [_read(known, atom) for atom in jaxpr.outvars]


def _read(known: Mapping[Any, Any], atom: Any) -> Any:
    return atom.val if isinstance(atom, Literal) else known[atom]
