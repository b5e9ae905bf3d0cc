"""Floating-point precision, chosen per computation rather than for the whole process."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import jax

Precision: TypeAlias = Literal["float32", "float64"]


@contextmanager
def precision(kind: Precision) -> Generator[None]:
    """Run the enclosed JAX code in one precision, leaving the caller's setting as it was.

    >>> import jax.numpy as jnp
    >>> with precision("float64"):
    ...     print(jnp.ones(1).dtype)
    float64
    """
    with jax.enable_x64(kind == "float64"):
        yield
