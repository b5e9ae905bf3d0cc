import numpy as np
import pytest

from carnotlab.core.data import Batch, Data, Modes
from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.measures import modes as m
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned


def product_by_hand(state):
    first, second, third = (np.asarray(layer["weight"]) for layer in state.weights)
    return third @ second @ first


def test_strengths_remainder_and_singular_values_match_numpy(linear, state_of, data, modes, read):
    state = state_of(linear)
    matrix = product_by_hand(state)
    in_modes = modes.left.T @ matrix @ modes.right
    found = np.asarray(read(m.mode_strength(modes), state, data))
    np.testing.assert_allclose(found, np.diag(in_modes), rtol=1e-12)
    np.testing.assert_allclose(
        read(m.singular_values, state, data), np.linalg.svd(matrix, compute_uv=False), rtol=1e-12
    )
    # three modes span the outputs but only three of four inputs
    outside = np.sum(matrix**2) - np.sum(np.diag(in_modes) ** 2)
    expected = np.sqrt(outside / np.sum(matrix**2))
    np.testing.assert_allclose(read(m.mode_remainder(modes), state, data), expected, rtol=1e-12)
    # control: the wrong pairing of left and right modes is not what is measured
    swapped = Modes(modes.left[:, ::-1], modes.strengths, modes.right)
    assert np.abs(read(m.mode_strength(swapped), state, data) - np.diag(in_modes)).max() > 1e-3


def test_own_singular_vectors_are_modes_without_remainder(linear, state_of, data, read):
    state = state_of(linear)
    left, strengths, right = np.linalg.svd(product_by_hand(state), full_matrices=False)
    own = Modes(left, strengths, right.T)
    np.testing.assert_allclose(read(m.mode_strength(own), state, data), strengths, rtol=1e-12)
    assert read(m.mode_remainder(own), state, data) < 1e-14


def test_an_aligned_start_has_its_strength_in_every_mode(state_of, data, modes, read):
    network = deep_linear(4, (6, 5), 3, initialisation=Aligned(0.02))
    state = state_of(network, modes=modes, moved=0.0)
    np.testing.assert_allclose(read(m.mode_strength(modes), state, data), 0.02, rtol=1e-12)
    assert read(m.mode_remainder(modes), state, data) < 1e-13


def test_on_data_is_the_strength_where_modes_diagonalize_the_inputs(linear, state_of, read):
    rng = np.random.default_rng(0)
    orthogonal, _ = np.linalg.qr(rng.normal(size=(9, 4)))
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    x = orthogonal * np.array([1.0, 2.0, 3.0, 4.0]) @ rotation.T
    modes = Modes(np.linalg.qr(rng.normal(size=(3, 3)))[0], np.ones(3), rotation[:, :3])
    state = state_of(linear)
    batch = Batch(x, np.zeros((9, 3)))
    exact = read(m.mode_strength(modes), state, Data(batch, batch))
    on_train = read(m.mode_strength_on_data(modes), state, Data(batch, batch))
    np.testing.assert_allclose(on_train, exact, rtol=1e-10)
    # control: correlated inputs mix the modes, and a given batch is used instead of the data
    mixed = Batch(rng.normal(size=(9, 4)), np.zeros((9, 3)))
    measure = m.mode_strength_on_data(modes, mixed)
    found = read(measure, state, Data(batch, batch))
    assert np.abs(found - exact).max() > 1e-3
    matrix, covariance = product_by_hand(state), mixed.x.T @ mixed.x / 9
    across = modes.left.T @ matrix @ covariance @ modes.right
    power = modes.right.T @ covariance @ modes.right
    np.testing.assert_allclose(found, np.diag(across) / np.diag(power), rtol=1e-10)


def test_on_data_reads_a_nonlinear_network(smooth, state_of, data, modes, read):
    state = state_of(smooth)
    outputs = np.asarray(state.model.apply(state.weights, data.train.x))
    slopes = [
        np.mean((outputs @ u) * (data.train.x @ v)) / np.mean((data.train.x @ v) ** 2)
        for u, v in zip(modes.left.T, modes.right.T, strict=True)
    ]
    found = read(m.mode_strength_on_data(modes), state, data)
    np.testing.assert_allclose(found, slopes, rtol=1e-10)


def test_a_nonlinear_network_has_no_end_to_end_map(smooth, state_of, data, modes, read):
    with pytest.raises(OutOfReachError, match="linear reading"):
        read(m.mode_strength(modes), state_of(smooth), data)


def test_modes_of_another_size_are_refused(linear, state_of, data, read):
    other = Modes(np.eye(3), np.ones(3), np.eye(5)[:, :3])
    for measure in (m.mode_strength(other), m.mode_remainder(other)):
        with pytest.raises(InputError) as error:
            read(measure, state_of(linear), data)
        assert str(error.value) == (
            "Got modes from 5 inputs to 3 outputs; required: modes from 4 inputs to 3 outputs, "
            "like the network; take the modes of the task that the network is trained on."
        )
