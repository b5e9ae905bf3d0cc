"""How a tangent kernel is computed: which weight by which method, at what counted cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array

from carnotlab.measures.program_cost import operations
from carnotlab.measures.sample_derivatives import LeafMethod, SampleDerivatives
from carnotlab.measures.traced_program import Program
from carnotlab.measures.weight_uses import Addition, Product, Uses, weight_uses

Method: TypeAlias = Literal["automatic", "structured", "jacobian", "products"]
"""How to compute a tangent kernel; *automatic* takes the one with the fewest operations."""

TIE = 1.1
"""Counts that differ by less than this factor are taken as equal, and structured derivatives as
the faster: their operations are large products of matrices."""

SMALL_PRODUCTS = 4.0
"""How much longer an operation takes, about, in a small product for each pair of samples."""


@dataclass(frozen=True)
class WeightPlan:
    """How the share of one weight is computed; ``positions`` is how often it acts on a sample."""

    name: str
    shape: tuple[int, ...]
    method: LeafMethod
    positions: int | None


@dataclass(frozen=True)
class KernelPlan:
    """How a tangent kernel is computed, with multiplications and additions counted from shapes.

    ``operations`` is the cost of the chosen plan and ``alternatives`` that of every method that was
    considered; a batch gradient is counted as ``gradient``. ``sample_bytes`` is the memory that
    one sample's derivatives take, and ``pair_bytes`` that of one pair of samples.
    """

    weights: tuple[WeightPlan, ...]
    outputs: int
    operations: float
    gradient: float
    alternatives: Mapping[str, float]
    sample_bytes: int
    pair_bytes: int

    def __str__(self) -> str:
        lines = [
            f"{w.name} {list(w.shape)}: {w.method}"
            + (f", {w.positions} positions" if w.positions and w.positions > 1 else "")
            for w in self.weights
        ]
        costs = ", ".join(f"{name} {cost:.3g}" for name, cost in self.alternatives.items())
        in_gradients = self.operations / self.gradient if self.gradient else float("nan")
        lines.append(f"operations: {self.operations:.3g}, {in_gradients:.1f} batch gradients")
        return "\n".join([*lines, f"considered: {costs}"])


@dataclass(frozen=True)
class Request:
    """What is asked for: shapes of leaves and of one sample, and counts of samples and pairs."""

    one: Callable[[Sequence[Array], Array], Array]
    names: Sequence[str]
    leaves: Sequence[Any]
    sample: Any
    outputs: int
    samples: tuple[int, int]
    same: bool
    trace_outputs: bool
    rates: Sequence[float]

    @property
    def pairs(self) -> float:
        """Pairs of samples, each counted once if both sets are the same."""
        n1, n2 = self.samples
        return 0.5 * n1 * (n1 + 1) if self.same else float(n1 * n2)

    @property
    def distinct(self) -> int:
        """Samples whose derivatives are needed."""
        return self.samples[0] if self.same else sum(self.samples)


def plan_kernel(
    request: Request, program: Program, method: Method
) -> tuple[KernelPlan, SampleDerivatives]:
    """Choose how to compute a tangent kernel, and return what computes it for one sample."""
    uses = weight_uses(program, len(request.leaves))
    active = [
        not (leaf in uses and not uses[leaf]) and rate > 0.0 and _is_real(request.leaves[leaf])
        for leaf, rate in enumerate(request.rates)
    ]

    def of_kind(choose: Callable[[int], LeafMethod]) -> SampleDerivatives:
        methods: list[LeafMethod] = [
            choose(leaf) if on else "not used" for leaf, on in enumerate(active)
        ]
        return SampleDerivatives(program, uses, methods, request.rates, request.trace_outputs)

    def structured(leaf: int) -> LeafMethod:
        return _cheapest(request, uses[leaf]) if leaf in uses else "jacobian"

    def rest_by_products(leaf: int) -> LeafMethod:
        return structured(leaf) if leaf in uses else "products"

    candidates: dict[str, SampleDerivatives] = {}
    if method in ("automatic", "structured"):
        candidates["structured"] = of_kind(structured)
    if method == "automatic" and any(on and leaf not in uses for leaf, on in enumerate(active)):
        candidates["structured and products"] = of_kind(rest_by_products)
    if method in ("automatic", "jacobian"):
        candidates["jacobian"] = of_kind(lambda _: "jacobian")
    if method in ("automatic", "products"):
        candidates["products"] = of_kind(lambda _: "products")
    costs = {name: kernel_cost(request, how) for name, how in candidates.items()}
    least = min(costs.values())
    name = next(name for name, cost in costs.items() if cost <= TIE * least)
    best = candidates[name]
    sample_bytes, pair_bytes = _memory(request, best)
    plan = KernelPlan(
        tuple(
            WeightPlan(name, tuple(leaf.shape), chosen, _positions(uses.get(index)))
            for index, (name, leaf, chosen) in enumerate(
                zip(request.names, request.leaves, best.methods, strict=True)
            )
        ),
        request.outputs,
        costs[name],
        request.distinct * _gradient_cost(request),
        costs,
        sample_bytes,
        pair_bytes,
    )
    return plan, best


def kernel_cost(request: Request, how: SampleDerivatives) -> float:
    """Count the operations of a whole kernel: derivatives of samples, then pairs of samples."""
    k, samples, pairs = request.outputs, request.distinct, request.pairs
    columns = k if request.trace_outputs else k * k
    cost = 0.0
    if any(chosen not in ("products", "not used") for chosen in how.methods):
        cost += samples * operations(how.of_sample, request.leaves, request.sample)
    for leaf, chosen in enumerate(how.methods):
        match chosen:
            case "jacobian" | "gradients":
                cost += 2.0 * pairs * columns * request.leaves[leaf].size
            case "outer products" | "position pairs":
                cost += pairs * _pair_cost(request, how.uses[leaf], chosen)
            case "products" | "not used":
                pass
    chosen_leaves = [leaf for leaf, chosen in enumerate(how.methods) if chosen == "products"]
    if chosen_leaves:
        backward, forward = _product_costs(request, chosen_leaves)
        cost += request.samples[1] * k * (backward + request.samples[0] * forward)
    return cost


def _cheapest(request: Request, uses: Uses) -> LeafMethod:
    first = uses[0]
    if isinstance(first, Addition):
        alone = len(uses) == 1 and not first.repeated
        return "outer products" if alone and first.site.variable.aval.size > 0 else "gradients"
    k, positions = request.outputs, sum(use.positions for use in uses if isinstance(use, Product))
    weights = first.groups * first.inputs * first.outputs
    columns = k if request.trace_outputs else k * k
    explicit = 2.0 * (request.distinct * k * positions + request.pairs * columns) * weights
    if first.groups != 1:
        return "gradients"
    if positions == 1:
        outer = request.pairs * _pair_cost(request, uses, "outer products")
        return "outer products" if outer < explicit else "gradients"
    pairs = request.pairs * _pair_cost(request, uses, "position pairs")
    slower = 1.0 if request.trace_outputs else SMALL_PRODUCTS
    return "position pairs" if slower * pairs < explicit else "gradients"


def _pair_cost(request: Request, uses: Uses, method: LeafMethod) -> float:
    """Count the operations of one pair of samples."""
    first, k = uses[0], request.outputs
    columns = k if request.trace_outputs else k * k
    if isinstance(first, Addition):  # it shares the inner products of the weight before it
        return 2.0 * columns
    positions = sum(use.positions for use in uses if isinstance(use, Product))
    if method == "outer products":
        return 2.0 * (first.inputs + columns * first.outputs)
    if request.trace_outputs:
        return 2.0 * positions**2 * (first.inputs + k * first.outputs + 1)
    inner = positions * (first.inputs + k * first.outputs) + columns * first.outputs
    return 2.0 * positions * inner


def _product_costs(request: Request, chosen: Sequence[int]) -> tuple[float, float]:
    """Count one backward and one forward derivative of one sample, without the values."""

    def outputs(leaves: Sequence[Array], x: Array, part: Sequence[Array]) -> Array:
        whole = list(leaves)
        for leaf, value in zip(chosen, part, strict=True):
            whole[leaf] = value
        return request.one(whole, x)

    def backward(leaves: Sequence[Array], x: Array, slope: Array) -> Any:
        part = [leaves[leaf] for leaf in chosen]
        return jax.vjp(lambda p: outputs(leaves, x, p), part)[1](slope)

    def forward(leaves: Sequence[Array], x: Array, step: Sequence[Array]) -> Any:
        part = [leaves[leaf] for leaf in chosen]
        return jax.jvp(lambda p: outputs(leaves, x, p), (part,), (list(step),))[1]

    value = operations(request.one, request.leaves, request.sample)
    result = jax.eval_shape(request.one, request.leaves, request.sample)
    part = [request.leaves[leaf] for leaf in chosen]
    back = operations(backward, request.leaves, request.sample, result)
    ahead = operations(forward, request.leaves, request.sample, part)
    return back - value, ahead - value


def _gradient_cost(request: Request) -> float:
    def loss(leaves: Sequence[Array], x: Array) -> Array:
        return jnp.sum(request.one(leaves, x))

    real = [leaf for leaf, value in enumerate(request.leaves) if _is_real(value)]

    def gradient(leaves: Sequence[Array], x: Array) -> Any:
        def of_part(part: Sequence[Array]) -> Array:
            whole = list(leaves)
            for leaf, value in zip(real, part, strict=True):
                whole[leaf] = value
            return loss(whole, x)

        return jax.grad(of_part)([leaves[leaf] for leaf in real])

    return operations(gradient, request.leaves, request.sample)


def _memory(request: Request, how: SampleDerivatives) -> tuple[int, int]:
    """Return bytes of one sample's derivatives, and of one pair of samples."""
    if all(chosen in ("products", "not used") for chosen in how.methods):
        return 0, 0
    kept = jax.eval_shape(how.of_sample, request.leaves, request.sample)
    item = jnp.dtype(jax.eval_shape(request.one, request.leaves, request.sample).dtype).itemsize
    sizes = [part.size * part.dtype.itemsize for part in jax.tree.leaves(kept)]
    values = [v.aval.size for e in how.program.equations for v in e.outvars]
    passing = item * (sum(values) + 2 * request.outputs * max(values, default=0))
    columns = 1 if request.trace_outputs else request.outputs**2
    pair = 3 * columns
    for activity, slopes in kept.fields:
        positions = activity.shape[0]
        pair += 2 * positions * positions + (0 if request.trace_outputs else slopes.size)
    return sum(sizes) + passing, item * pair


def _positions(uses: Uses | None) -> int | None:
    if uses is None or not uses or isinstance(uses[0], Addition):
        return None
    return sum(use.positions for use in uses if isinstance(use, Product))


def _is_real(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)
