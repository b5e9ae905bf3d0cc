"""The user's ``apply(weights, x)`` as a function of one sample and a list of weights."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeAlias, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.errors import require

Apply: TypeAlias = Callable[[Any, Array], Array]


@dataclass(frozen=True)
class SampleFunction:
    """``apply`` of one sample and of the leaves of ``structure``; hashable where ``apply`` is."""

    apply: Apply
    structure: Any

    def __call__(self, leaves: Sequence[Array], x: Float[Array, " *input"]) -> Float[Array, " k"]:
        """Return the outputs of one sample."""
        return self.apply(self.structure.unflatten(leaves), x[None])[0]

    def of_part(
        self, leaves: Sequence[Array], chosen: Sequence[int]
    ) -> Callable[[Sequence[Array], Float[Array, "n *input"]], Float[Array, "n k"]]:
        """Return the outputs of samples as a function of the ``chosen`` leaves alone."""

        def outputs(part: Sequence[Array], x: Array) -> Array:
            whole = list(leaves)
            for leaf, value in zip(chosen, part, strict=True):
                whole[leaf] = value
            return jax.vmap(lambda sample: self(whole, sample))(x)

        return outputs


def checked_outputs(apply: Apply, weights: Any, x: Any) -> jax.ShapeDtypeStruct:
    """Return shape and dtype of the outputs.

    Raises:
        InputError: if they are not ``[n, k]``.

    >>> checked_outputs(lambda w, x: x @ w, jnp.ones((2, 3)), jnp.ones((5, 2))).shape
    (5, 3)
    """
    outputs = jax.eval_shape(apply, weights, x)
    require(
        len(outputs.shape) == 2 and outputs.shape[0] == x.shape[0],
        f"outputs of shape {list(outputs.shape)} for {x.shape[0]} samples",
        "outputs [n, k]",
        "give apply a leading sample dimension and one trailing output dimension",
    )
    return cast("jax.ShapeDtypeStruct", outputs)


def real_leaves(leaves: Sequence[Any]) -> list[int]:
    """Return the numbers of the leaves that are real, and so have gradients."""
    return [at for at, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.floating)]


def compiled(function: Callable[..., Any], *settings: Any) -> Callable[..., Any]:
    """Compile ``function(*settings, *arrays)``, once where the settings can be hashed."""
    try:
        hash(settings)
    except TypeError:
        return jax.jit(partial(function, *settings))
    return _compiled(function, settings)


@lru_cache(maxsize=64)
def _compiled(function: Callable[..., Any], settings: tuple[Hashable, ...]) -> Callable[..., Any]:
    return jax.jit(partial(function, *settings))
