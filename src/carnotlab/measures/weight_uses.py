r"""Where a traced program uses each weight: products, convolutions and added biases.

In :math:`z = W * h`, a product of matrices or a convolution, the gradient by the weight is
:math:`\sum_p \delta_p h_p^\top` over positions :math:`p`, with :math:`\delta = \partial f/\partial
z`; in :math:`z = h + b` it is :math:`\delta` itself, summed where :math:`b` was spread. Weights
that enter in no other way need no explicit Jacobian. Source: novak2022.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from jax.extend.core import Literal

from carnotlab.measures.traced_program import Program

REARRANGING = ("transpose", "reshape", "squeeze", "copy", "neg")


@dataclass(frozen=True)
class Site:
    """A variable where the derivative is taken, and its factor to the derivative of a use."""

    variable: Any
    factor: float


@dataclass(frozen=True)
class Product:
    """One use of a weight in a matrix product or convolution.

    ``operand`` is the place of the weight in the equation. The gradient has ``groups`` blocks of
    ``inputs`` times ``outputs``, each a sum over ``positions``. Uses of one ``form`` order these
    alike.
    """

    equation: Any
    operand: int
    site: Site
    form: str
    positions: int
    groups: int
    inputs: int
    outputs: int

    @property
    def activity(self) -> Any:
        """The variable that the weight multiplies."""
        return self.equation.invars[1 - self.operand]


@dataclass(frozen=True)
class Addition:
    """One use of a weight as a bias: added after linear operations, the ``chain``.

    Those multiply by ``factor`` and may repeat entries. ``source`` is the variable of the weight.
    """

    source: Any
    chain: tuple[Any, ...]
    factor: float
    site: Site

    @property
    def repeated(self) -> bool:
        """Whether one entry of the weight is added to several of the sum."""
        return self.source.aval.size != self.site.variable.aval.size


@dataclass(frozen=True)
class _Held:
    """A variable that is a weight, rearranged by ``chain`` and times ``factor``."""

    leaf: int
    factor: float = 1.0
    chain: tuple[Any, ...] = ()


Uses = list[Product] | list[Addition]


def weight_uses(program: Program, leaves: int) -> dict[int, Uses]:
    """Find the uses of each of the first ``leaves`` inputs that is used in one simple way only.

    A weight that is not used has no uses. Left out are weights used in another way, such as inside
    a loop, or in two ways that differ.

    >>> import jax.numpy as jnp
    >>> from carnotlab.measures.traced_program import trace
    >>> affine = lambda w, b, x: jnp.tanh(w @ x + b)
    >>> uses = weight_uses(trace(affine, jnp.ones((2, 3)), jnp.ones(2), jnp.ones(3)), 2)
    >>> [type(use[0]).__name__ for use in uses.values()]
    ['Product', 'Addition']
    """
    held = {variable: _Held(leaf) for leaf, variable in enumerate(program.inputs[:leaves])}
    consumers: dict[Any, list[Any]] = defaultdict(list)
    for equation in program.equations:
        for atom in equation.invars:
            if not isinstance(atom, Literal):
                consumers[atom].append(equation)
    for atom in program.outputs:
        if not isinstance(atom, Literal):
            consumers[atom].append(None)
    products: dict[int, list[Product]] = defaultdict(list)
    additions: dict[int, list[Addition]] = defaultdict(list)
    refused = {held[atom].leaf for atom in program.outputs if _holds(held, atom)}
    for equation in program.equations:
        places = [at for at, atom in enumerate(equation.invars) if _holds(held, atom)]
        if not places:
            continue
        weight = held[equation.invars[places[0]]]
        moved = _rearranged(equation, weight) if len(places) == 1 else None
        if moved is not None:
            held[equation.outvars[0]] = moved
            if any(consumer is None for consumer in consumers[equation.outvars[0]]):
                refused.add(weight.leaf)
            continue
        use = _use(equation, places[0], weight, consumers) if len(places) == 1 else None
        if isinstance(use, Product):
            products[weight.leaf].append(use)
        elif isinstance(use, Addition):
            additions[weight.leaf].append(use)
        else:
            refused |= {held[equation.invars[at]].leaf for at in places}
    alike = {leaf for leaf, uses in products.items() if len({use.form for use in uses}) == 1}
    found: dict[int, Uses] = {leaf: products[leaf] for leaf in alike - set(additions)}
    found |= {leaf: uses for leaf, uses in additions.items() if leaf not in products}
    found |= {leaf: [] for leaf in range(leaves) if leaf not in (*products, *additions)}
    return {leaf: found[leaf] for leaf in sorted(found) if leaf not in refused}


def _holds(held: dict[Any, _Held], atom: Any) -> bool:
    return not isinstance(atom, Literal) and atom in held


def _rearranged(equation: Any, weight: _Held) -> _Held | None:
    """Return the weight after an operation that only rearranges, spreads or scales it."""
    name = equation.primitive.name
    factor = _constant_factor(equation)
    linear = name in REARRANGING or name == "broadcast_in_dim" or factor is not None
    same = equation.outvars[0].aval.dtype == equation.invars[0].aval.dtype
    if not linear or not same:
        return None
    by = -1.0 if name == "neg" else 1.0 if factor is None else factor
    return _Held(weight.leaf, weight.factor * by, (*weight.chain, equation))


def _constant_factor(equation: Any) -> float | None:
    """Return the number by which an equation multiplies its one variable, if it does only that."""
    name, atoms = equation.primitive.name, equation.invars
    literal = [at for at, atom in enumerate(atoms) if isinstance(atom, Literal)]
    if len(atoms) != 2 or len(literal) != 1 or atoms[literal[0]].aval.shape != ():
        return None
    if atoms[1 - literal[0]].aval.shape != equation.outvars[0].aval.shape:
        return None
    value = float(atoms[literal[0]].val)
    if name == "mul":
        return value
    return 1.0 / value if name == "div" and literal == [1] and value != 0.0 else None


def _use(
    equation: Any, place: int, weight: _Held, consumers: dict[Any, list[Any]]
) -> Product | Addition | None:
    name = equation.primitive.name
    atoms, result = equation.invars, equation.outvars[0]
    spread = any(e.primitive.name == "broadcast_in_dim" for e in weight.chain)
    first = weight.chain[0].invars if weight.chain else ()
    start = next((atom for atom in first if not isinstance(atom, Literal)), atoms[place])
    if name in ("add", "sub") and atoms[place].aval.ndim == result.aval.ndim:
        sign = -1.0 if name == "sub" and place == 1 else 1.0
        return Addition(start, weight.chain, weight.factor, _site(result, sign, consumers))
    if spread or atoms[place].aval.dtype != result.aval.dtype:
        return None
    moves = ";".join(
        f"{e.primitive.name}{e.params}"
        for e in weight.chain
        if e.primitive.name not in ("mul", "div")
    )
    site = _site(result, weight.factor, consumers)
    if name == "dot_general":
        contracted, batch = equation.params["dimension_numbers"]
        shape = atoms[place].aval.shape
        inputs = math.prod(shape[axis] for axis in contracted[place])
        groups = math.prod(shape[axis] for axis in batch[place])
        outputs = math.prod(shape) // max(1, inputs * groups)
        form = f"{moves};dot{contracted[place]}{batch[place]}"
        positions = result.aval.size // max(1, groups * outputs)
        return Product(equation, place, site, form, positions, groups, inputs, outputs)
    if name == "conv_general_dilated" and place == 1:
        if equation.params["batch_group_count"] != 1:
            return None
        spec = equation.params["dimension_numbers"].rhs_spec
        groups = equation.params["feature_group_count"]
        channels = atoms[1].aval.shape[spec[0]]
        inputs = atoms[1].aval.size // channels
        form = f"{moves};convolution{spec}{groups}"
        positions = result.aval.size // channels
        return Product(equation, 1, site, form, positions, groups, inputs, channels // groups)
    return None


def _site(variable: Any, factor: float, consumers: dict[Any, list[Any]]) -> Site:
    """Follow a variable through additions and constant factors, so that uses share derivatives."""
    while len(consumers[variable]) == 1 and (equation := consumers[variable][0]) is not None:
        result = equation.outvars[0]
        scale = _constant_factor(equation)
        if equation.primitive.name in ("add", "sub") and len(equation.outvars) == 1:
            second = equation.invars[1] is variable
            scale = -1.0 if equation.primitive.name == "sub" and second else 1.0
        same = result.aval.shape == variable.aval.shape and result.aval.dtype == variable.aval.dtype
        if scale is None or not same:
            break
        variable, factor = result, factor * scale
    return Site(variable, factor)
