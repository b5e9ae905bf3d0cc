"""Precision is chosen for a block of code and leaves the caller's setting as it was."""

import jax
import jax.numpy as jnp
import pytest

from carnotlab.core.precision import precision


def test_precision_holds_inside_and_is_undone_after():
    before = jax.config.jax_enable_x64
    with precision("float64"):
        assert jnp.ones(1).dtype == jnp.float64
        with precision("float32"):
            assert jnp.ones(1).dtype == jnp.float32
        assert jnp.ones(1).dtype == jnp.float64
    assert jax.config.jax_enable_x64 == before


def test_precision_is_undone_after_an_error():
    before = jax.config.jax_enable_x64

    def fail():
        with precision("float64"):
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert jax.config.jax_enable_x64 == before


def test_compiled_functions_are_compiled_per_precision():
    double = jax.jit(lambda x: 2 * x)
    with precision("float64"):
        assert double(jnp.ones(1)).dtype == jnp.float64
    with precision("float32"):
        assert double(jnp.ones(1)).dtype == jnp.float32
