r"""What each sample contributes to the tangent kernel, and the kernel of two sets of samples.

The gradients of two samples by a weight used at positions :math:`p` have the inner product
:math:`\sum_{pq} (h_p \cdot h'_q)(\delta_p \cdot \delta'_q)`. It is the product of two short inner
products if there is one position (*outer products*); with more it is summed over pairs of positions
(*position pairs*) or after the sum over positions (*gradients*), whichever costs less. Source:
novak2022.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.measures.positions import activity_by_position, derivatives_by_position
from carnotlab.measures.traced_program import Program
from carnotlab.measures.weight_uses import Addition, Product, Uses

LeafMethod: TypeAlias = Literal[
    "outer products", "position pairs", "gradients", "jacobian", "products", "not used"
]
"""How the share of one weight is computed; *jacobian* leaves its gradient to JAX, *products* takes
vector products with the kernel."""


class Derivatives(NamedTuple):
    """The parts of the kernel of a set of samples, each with a leading sample dimension.

    ``activities[l]: [n, inputs]`` of outer products and ``slopes[s]: [n, k, outputs]``, one a
    site; ``gradients[l]: [n, k, weights]``; ``fields[l]: [n, positions, inputs]`` and
    ``[n, k, positions, outputs]``.
    """

    activities: tuple[Array, ...]
    slopes: tuple[Array, ...]
    gradients: tuple[Array, ...]
    fields: tuple[tuple[Array, Array], ...]


@dataclass(frozen=True)
class SampleDerivatives:
    """The derivatives of one sample's outputs that the chosen ``methods`` need."""

    program: Program
    uses: Mapping[int, Uses]
    methods: Sequence[LeafMethod]
    rates: Sequence[float]
    trace_outputs: bool

    def of_sample(self, leaves: Sequence[Array], x: Float[Array, " *input"]) -> Derivatives:
        """Return the derivatives of one sample, without the sample dimension."""
        sites = self._sites()
        explicit = self._leaves("jacobian")
        activities = list({use.activity: None for use in self._products()})

        def outputs(moved: tuple[list[Array], list[Array]]) -> tuple[Array, list[Array]]:
            offsets, chosen = moved
            values: list[Any] = list(leaves)
            for leaf, value in zip(explicit, chosen, strict=True):
                values[leaf] = value
            shifts = dict(zip(sites, offsets, strict=True))
            (result,), kept = self.program.evaluate([*values, x], shifts, activities)
            return result, kept

        zeros = [jnp.zeros(site.aval.shape, site.aval.dtype) for site in sites]
        start = (zeros, [leaves[leaf] for leaf in explicit])
        (slopes, jacobian), kept = cast("Any", jax.jacrev(outputs, has_aux=True))(start)
        at_site = dict(zip(sites, slopes, strict=True))
        seen = dict(zip(activities, kept, strict=True))
        gradients = [j.reshape(j.shape[0], -1) for j in jacobian]
        gradients += [self._gradient(leaf, at_site, seen) for leaf in self._leaves("gradients")]
        shared = [at_site[site] for site in self._shared()]
        return Derivatives(
            tuple(
                self._fields(leaf, at_site, seen)[0].reshape(-1)
                for leaf in self._leaves("outer products")
                if isinstance(self.uses[leaf][0], Product)
            ),
            tuple(slope.reshape(slope.shape[0], -1) for slope in shared),
            tuple(gradients),
            tuple(
                (h[:, 0], d[:, :, 0])
                for h, d in (
                    self._fields(leaf, at_site, seen) for leaf in self._leaves("position pairs")
                )
            ),
        )

    def kernel(self, one: Derivatives, two: Derivatives) -> Float[Array, "n1 n2 *outputs"]:
        """Return the kernel of two sets of samples; with ``trace_outputs`` their sum if equal."""
        gram, pairs = (_traced_gram, _traced_pairs) if self.trace_outputs else (_gram, _pairs)
        terms: list[Array] = []
        weighted = [*self._leaves("jacobian"), *self._leaves("gradients")]
        for leaf, a, b in zip(weighted, one.gradients, two.gradients, strict=True):
            terms.append(_times(self.rates[leaf], gram(a, b)))
        overlaps = self._overlaps(one, two)
        for site, a, b in zip(self._shared(), one.slopes, two.slopes, strict=True):
            terms.append(overlaps[site] * gram(a, b))
        total: Any = sum(terms)
        if terms and not self.trace_outputs:
            total = total.transpose(0, 2, 1, 3)
        for leaf, a, b in zip(self._leaves("position pairs"), one.fields, two.fields, strict=True):
            total = total + _times(self.rates[leaf], pairs(a, b))
        return total

    def _overlaps(self, one: Derivatives, two: Derivatives) -> dict[Any, Any]:
        """Sum, for each site, what multiplies the inner products of derivatives there."""
        overlaps: dict[Any, Any] = dict.fromkeys(self._shared(), 0.0)
        activities = iter(zip(one.activities, two.activities, strict=True))
        for leaf in self._leaves("outer products"):
            (use,) = self.uses[leaf]
            scale = self.rates[leaf] * use.site.factor**2
            if isinstance(use, Product):
                a, b = next(activities)
                overlap = scale * (a @ b.T)
                shape = (len(a), len(b)) if self.trace_outputs else (len(a), 1, len(b), 1)
                overlaps[use.site.variable] += overlap.reshape(shape)
            else:
                overlaps[use.site.variable] += scale * use.factor**2
        return overlaps

    def _leaves(self, method: LeafMethod) -> list[int]:
        return [leaf for leaf, chosen in enumerate(self.methods) if chosen == method]

    def _structured(self) -> list[int]:
        names = ("outer products", "position pairs", "gradients")
        return [leaf for leaf, chosen in enumerate(self.methods) if chosen in names]

    def _products(self) -> list[Product]:
        used = [use for leaf in self._structured() for use in self.uses[leaf]]
        return [use for use in used if isinstance(use, Product)]

    def _sites(self) -> list[Any]:
        used = [use.site.variable for leaf in self._structured() for use in self.uses[leaf]]
        return list(dict.fromkeys(used))

    def _shared(self) -> list[Any]:
        """List the sites of outer products: leaves of one site share its inner products."""
        leaves = self._leaves("outer products")
        return list(dict.fromkeys(self.uses[leaf][0].site.variable for leaf in leaves))

    def _fields(
        self, leaf: int, slopes: Mapping[Any, Array], seen: Mapping[Any, Array]
    ) -> tuple[Float[Array, "p g i"], Float[Array, "k p g o"]]:
        """Lay out activity and derivatives of all uses of a weight, one after the other."""
        uses = cast("list[Product]", self.uses[leaf])
        activity = [activity_by_position(use, seen[use.activity]) for use in uses]
        if len(uses) == 1 and self.methods[leaf] == "outer products":
            return activity[0], slopes[uses[0].site.variable]  # its factor is in the overlap
        derivatives = [
            _times(use.site.factor, derivatives_by_position(use, slopes[use.site.variable]))
            for use in uses
        ]
        return jnp.concatenate(activity), jnp.concatenate(derivatives, axis=1)

    def _gradient(
        self, leaf: int, slopes: Mapping[Any, Array], seen: Mapping[Any, Array]
    ) -> Float[Array, "k weights"]:
        """Return the gradient by a weight from the derivatives at its uses."""
        uses = self.uses[leaf]
        if isinstance(uses[0], Product):
            activity, derivatives = self._fields(leaf, slopes, seen)
            # The gradients are the largest arrays of all. The sum over outputs does not mind their
            # order; else it is made by plain products, so that only derivatives are reordered.
            if self.trace_outputs:
                gradient = jnp.einsum("pgi,kpgo->giko", activity, derivatives)
                return gradient.reshape(derivatives.shape[0], -1)
            ordered = derivatives.transpose(2, 0, 3, 1)
            product = jax.vmap(lambda d, h: d.reshape(-1, h.shape[0]) @ h)
            gradient = product(ordered, activity.transpose(1, 0, 2))
            groups, outputs = ordered.shape[:2]
            return jnp.moveaxis(gradient.reshape(groups, outputs, -1), 0, 1).reshape(outputs, -1)
        parts = [
            _times(use.site.factor, jax.vmap(self._pull(use))(slopes[use.site.variable]))
            for use in cast("list[Addition]", uses)
        ]
        return sum(parts[1:], parts[0])

    def _pull(self, use: Addition) -> Callable[[Array], Array]:
        """Return the transpose of the linear operations between a bias and its addition."""

        def forward(value: Array) -> Array:
            for equation in use.chain:
                value = self.program.apply(equation, value)
            return jnp.broadcast_to(value, use.site.variable.aval.shape)

        aval = use.source.aval
        transposed = jax.linear_transpose(forward, jax.ShapeDtypeStruct(aval.shape, aval.dtype))
        return lambda slope: transposed(slope)[0].reshape(-1)


def _times(factor: float, values: Array) -> Array:
    return values if factor == 1.0 else factor * values


def _gram(a: Float[Array, "n1 k m"], b: Float[Array, "n2 k m"]) -> Float[Array, "n1 k n2 k"]:
    """Multiply two plain matrices; XLA is slow where the product has to reorder its dimensions."""
    product = a.reshape(-1, a.shape[-1]) @ b.reshape(-1, b.shape[-1]).T
    return product.reshape(*a.shape[:2], *b.shape[:2])


def _traced_gram(a: Float[Array, "n1 k m"], b: Float[Array, "n2 k m"]) -> Float[Array, "n1 n2"]:
    return a.reshape(len(a), -1) @ b.reshape(len(b), -1).T


Fields: TypeAlias = tuple[Float[Array, "n p i"], Float[Array, "n k p o"]]


def _pairs(one: Fields, two: Fields) -> Float[Array, "n1 n2 k k"]:
    """Carry the second samples' derivatives to the first's positions by overlap of activity."""
    overlap = jnp.einsum("ipa,jqa->ijpq", one[0], two[0])
    carried = jnp.einsum("ijpq,jdqo->ijdpo", overlap, two[1])
    return jnp.einsum("icpo,ijdpo->ijcd", one[1], carried)


def _traced_pairs(one: Fields, two: Fields) -> Float[Array, "n1 n2"]:
    """Multiply overlaps of activity and of derivatives, each one large product of matrices."""
    n1, n2 = len(one[0]), len(two[0])
    activity = [h.reshape(-1, h.shape[-1]) for h, _ in (one, two)]
    slopes = [
        d.transpose(0, 2, 1, 3).reshape(len(h), -1)
        for h, (_, d) in zip(activity, (one, two), strict=True)
    ]
    both = (activity[0] @ activity[1].T) * (slopes[0] @ slopes[1].T)
    # Sums over positions as products: XLA merges plain sums with the products and is then slow.
    sum1 = jnp.repeat(jnp.eye(n1, dtype=both.dtype), len(both) // n1, axis=1)
    sum2 = jnp.repeat(jnp.eye(n2, dtype=both.dtype), both.shape[1] // n2, axis=0)
    return sum1 @ (both @ sum2)
