import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.measures import similarity as s
from carnotlab.networks.architectures import deep_linear


def cka_by_features(one, two):
    """The definition over features rather than samples: an independent route to the same number."""
    one, two = one - one.mean(axis=0), two - two.mean(axis=0)
    across = np.linalg.norm(two.T @ one) ** 2
    return across / (np.linalg.norm(one.T @ one) * np.linalg.norm(two.T @ two))


@pytest.fixture
def pair():
    rng = np.random.default_rng(1)
    return jnp.asarray(rng.normal(size=(8, 5)) + 1.0), jnp.asarray(rng.normal(size=(8, 3)) - 2.0)


def test_cka_matches_its_definition_over_features(pair):
    found = float(s.cka(*pair))
    assert found == pytest.approx(cka_by_features(*map(np.asarray, pair)), rel=1e-12)
    assert 0.05 < found < 0.95


def test_cka_is_invariant_to_rotation_scale_and_shift_but_not_to_squashing(pair):
    one, two = pair
    rotation, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))
    reference = float(s.cka(one, two))
    assert float(s.cka(3.0 * one @ rotation + 7.0, two)) == pytest.approx(reference, rel=1e-10)
    assert float(s.cka(one, one @ rotation)) == pytest.approx(1.0, rel=1e-12)
    # control: stretching one direction is a change
    stretched = one * jnp.array([10.0, 1.0, 1.0, 1.0, 1.0])
    assert abs(float(s.cka(stretched, two)) - reference) > 1e-2
    # control: without centring the shift would matter
    assert float(jnp.linalg.norm(s.centred(s.similarity_matrix(one + 7.0)))) == pytest.approx(
        float(jnp.linalg.norm(s.centred(s.similarity_matrix(one)))), rel=1e-10
    )
    raw = jnp.linalg.norm(s.similarity_matrix(one + 7.0)) / jnp.linalg.norm(
        s.similarity_matrix(one)
    )
    assert raw > 2.0


def test_a_constant_representation_has_no_alignment(pair):
    assert np.isnan(s.cka(jnp.ones((8, 2)), pair[1]))


def test_alignment_of_large_kernels_stays_finite_in_float32():
    kernel = 1e30 * jnp.eye(3, dtype=jnp.float32) * jnp.arange(1.0, 4.0, dtype=jnp.float32)
    half = s.kernel_alignment(kernel / 1e15, kernel / 1e15)
    assert float(half) == pytest.approx(1.0, rel=1e-5)


def test_hidden_similarity_matches_numpy(state_of, data, read):
    network = deep_linear(4, (6, 5), 3)
    state = state_of(network)
    first, second = (np.asarray(layer["weight"]) for layer in state.weights[:2])
    one, two = data.train.x @ first.T, data.train.x @ first.T @ second.T
    similarity = [np.asarray(read(s.hidden_similarity(layer), state, data)) for layer in (1, 2)]
    np.testing.assert_allclose(similarity[0], one @ one.T, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(similarity[1], two @ two.T, rtol=1e-11, atol=1e-12)
    assert np.abs(similarity[0] - similarity[1]).max() > 1e-3


def test_alignment_with_start_is_one_until_features_move(smooth, state_of, data, read):
    state = state_of(smooth, moved=0.5)
    for layer in (1, 2):
        measure = s.alignment_with_start(layer)
        still = read(measure, state._replace(weights=state.start), data)
        assert float(still) == pytest.approx(1.0, rel=1e-12)
        now, then = (
            np.asarray(state.model.hidden(v, data.train.x)[layer - 1])
            for v in (state.weights, state.start)
        )
        moved = float(read(measure, state, data))
        assert moved == pytest.approx(cka_by_features(now, then), rel=1e-10)
        assert moved < 0.999


def test_kernels_on_different_samples_are_refused(pair):
    with pytest.raises(InputError) as error:
        s.cka(pair[0], pair[1][:5])
    assert str(error.value) == (
        "Got kernels of shapes [8, 8] and [5, 5]; required: two square kernels on the same "
        "samples; evaluate both on the same inputs."
    )


def test_missing_layers_are_refused(linear, state_of, data, read):
    with pytest.raises(InputError) as error:
        s.hidden_similarity(0)
    assert str(error.value) == (
        "Got hidden layer 0; required: 1 or more; count hidden layers from 1."
    )
    with pytest.raises(InputError, match="count hidden layers from 1"):
        s.alignment_with_start(-1)
    with pytest.raises(InputError) as error:
        read(s.hidden_similarity(3), state_of(linear), data)
    assert str(error.value) == (
        "Got hidden layer 3 of a network with 2; required: a layer from 1 to 2; "
        "choose another layer."
    )
    with pytest.raises(InputError) as error:
        read(s.hidden_similarity(1), state_of(deep_linear(4, (), 3)), data)
    assert str(error.value) == (
        "Got hidden layer 1 of a network with 0; required: a network with a hidden layer; "
        "add a Dense layer."
    )
