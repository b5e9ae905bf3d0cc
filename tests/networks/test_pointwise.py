"""Functions as activations: what is refused, and what tells one from another."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.descriptions import content_key, describe
from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.networks.activations import Pointwise, activation


def _scaled(scale):
    return lambda z: jnp.tanh(scale * z)


def test_the_function_is_the_activation():
    z = jnp.linspace(-2, 2, 5)
    assert (activation(Pointwise(jnp.tanh))(z) == jnp.tanh(z)).all()


def test_functions_of_one_name_are_told_apart_by_content():
    keys = {content_key(Pointwise(_scaled(scale))) for scale in (1.0, 1.0 + 1e-12, 2.0)}
    assert len(keys) == 3
    assert content_key(Pointwise(_scaled(2.0))) in keys


def test_constants_in_arrays_and_inner_programs_count():
    def interpolated(heights, wrap):
        return Pointwise(wrap(lambda z: jnp.interp(z, np.linspace(-1, 1, 50), heights)))

    heights = np.zeros(50)
    changed = heights.copy()
    changed[30] = 1e-9
    for wrap in (lambda f: f, jax.jit):
        assert content_key(interpolated(heights, wrap)) != content_key(interpolated(changed, wrap))
        assert content_key(interpolated(heights, wrap)) == content_key(interpolated(heights, wrap))


def test_derivatives_of_equal_functions_count():
    @jax.custom_jvp
    def straight_through(z):
        return jnp.sign(z)

    straight_through.defjvps(lambda g, ans, z: g)
    names = [describe(Pointwise(f, (0.0,)))["sha256"] for f in (jnp.sign, straight_through)]
    assert names[0] != names[1]


def test_kinks_count_and_are_sorted():
    assert Pointwise(jnp.tanh, (1.0, -1.0, 1.0)).kinks == (-1.0, 1.0)
    assert content_key(Pointwise(jnp.tanh)) != content_key(Pointwise(jnp.tanh, (1.0,)))


def test_precision_in_use_does_not_count():
    layer = Pointwise(lambda z: jnp.exp(-jnp.abs(z)) / 3, (0.0,))
    with precision("float64"):
        double = content_key(layer)
    assert content_key(layer) == double


def test_every_process_gives_the_same_key(python):
    code = """
import jax, jax.numpy as jnp
from carnotlab.core.descriptions import content_key
from carnotlab.networks.activations import Pointwise
print(content_key(Pointwise(lambda z: jax.nn.relu(z) + jax.nn.gelu(z) / 7, (0.0,))))
"""
    namespace = {}
    exec(
        "import jax, jax.numpy as jnp\nf = lambda z: jax.nn.relu(z) + jax.nn.gelu(z) / 7", namespace
    )
    own = content_key(Pointwise(namespace["f"], (0.0,)))
    assert python(code, PYTHONHASHSEED="1") == own


def test_equality_and_hash_are_the_functions():
    function = _scaled(2.0)
    assert Pointwise(function, (1,)) == Pointwise(function, [1.0])
    assert hash(Pointwise(function)) == hash(Pointwise(function))
    assert Pointwise(function) != Pointwise(_scaled(2.0))
    assert "0x" not in repr(Pointwise(function))
    assert repr(Pointwise(partial(jnp.polyval, jnp.ones(2)))) == "Pointwise(partial, kinks=())"


def _branching(z):
    return z if z > 0 else 0.0


class _Unhashable:
    __hash__ = None

    def __call__(self, z):
        return z


@pytest.mark.parametrize(
    ("function", "kinks", "message"),
    [
        (_branching, (), "_branching, which fails under JAX.*jnp.where for cases"),
        (lambda z: np.tanh(np.asarray(z)), (), "which fails under JAX"),
        (_Unhashable(), (), "_Unhashable, which fails under JAX.*unhashable"),
        (jax.nn.softmax, (), "softmax, which does not act on every unit by itself"),
        (lambda z: z - z.mean(), (), "does not act on every unit by itself"),
        (lambda z: z[:2], (), "does not act on every unit by itself"),
        (jnp.sum, (), "sum, which does not act on every unit by itself"),
        (jnp.tanh, (float("nan"),), "kinks = .*finite numbers"),
        (jnp.tanh, tuple(range(17)), "at most 16 finite numbers"),
    ],
)
def test_what_cannot_be_an_activation_is_refused(function, kinks, message):
    with pytest.raises(InputError, match=message):
        Pointwise(function, kinks)
