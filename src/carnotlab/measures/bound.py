"""A measure's settings as plain data, so that two equal measures are one program and one key."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from carnotlab.core.data import Data
from carnotlab.core.descriptions import content_key
from carnotlab.measures.base import State


@dataclass(frozen=True, eq=False)
class Bound:
    """A function of state, data and settings with its settings fixed; made by `bind`.

    Unlike a closure it is compared, hashed and described by its content: the same measure built
    twice compiles once, and measures that differ in a setting never share a stored result.
    """

    function: Callable[..., Float[Array, "..."]]
    settings: tuple[Any, ...]

    def __call__(self, state: State, data: Data) -> Float[Array, "..."]:
        """Evaluate the function with its settings."""
        return self.function(state, data, *self.settings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bound) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @cached_property
    def _content(self) -> str:
        return content_key(self.function, self.settings)


def bind(function: Callable[..., Float[Array, "..."]], *settings: Any) -> Bound:
    """Fix the settings of ``function(state, data, *settings)``; JAX arrays are stored as NumPy's.

    ``function`` must be a named function at the top of a module: its name is its identity.

    >>> from carnotlab.measures.similarity import similarity_of_layer
    >>> bind(similarity_of_layer, 1) == bind(similarity_of_layer, 1)
    True
    >>> bind(similarity_of_layer, 1) == bind(similarity_of_layer, 2)
    False
    """

    def stored(leaf: Any) -> Any:
        return np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf

    return Bound(function, jax.tree.map(stored, settings))
