"""Hopfield networks: energy, rules, and the statistics of noise, against direct computation."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.associative_memory.hopfield import (
    all_at_once,
    energy,
    hebb_weights,
    one_at_a_time,
    overlap,
    projection_weights,
    random_patterns,
)


def test_energy_never_rises_one_at_a_time_and_may_all_at_once():
    random = np.random.default_rng(0)
    patterns = random_patterns(20, 60, random).astype(np.float64)
    weights = hebb_weights(patterns)
    starts = random_patterns(40, 60, random).astype(np.float64)
    course = one_at_a_time(weights, starts, 12, random)
    energies = np.stack([energy(weights, states) for states in course])
    assert np.diff(energies, axis=0).max() <= 1e-12
    assert np.array_equal(course[-1], course[-2])  # a state that is kept
    together = all_at_once(weights, starts, 60)
    assert np.array_equal(together[-1], together[-3])  # at most a cycle of two
    assert not np.array_equal(together[-1], together[-2])
    energies = np.stack([energy(weights, states) for states in together])
    assert np.diff(energies, axis=0).max() > 0.1


def test_projection_recalls_what_hebb_cannot():
    random = np.random.default_rng(1)
    patterns = random_patterns(40, 100, random).astype(np.float64)
    assert np.array_equal(np.sign(patterns @ projection_weights(patterns)), patterns)
    assert not np.array_equal(np.sign(patterns @ hebb_weights(patterns)), patterns)


def test_noise_visits_states_as_boltzmann_says():
    random = np.random.default_rng(2)
    weights = 0.4 * np.array([[0.0, 1.0, -1.0], [1.0, 0.0, 0.5], [-1.0, 0.5, 0.0]])
    states = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    course = one_at_a_time(weights, np.ones((4000, 3)), 60, random, temperature=0.7)[20:]
    codes = ((course + 1) / 2 @ [1, 2, 4]).astype(int).ravel()
    seen = np.bincount(codes, minlength=8) / codes.size
    wanted = np.exp(-energy(weights, states) / 0.7)
    order = ((states + 1) / 2 @ [1, 2, 4]).astype(int)
    np.testing.assert_allclose(seen[order], wanted / wanted.sum(), atol=0.006)


def test_states_of_other_networks_are_refused():
    with pytest.raises(InputError, match="units"):
        overlap(np.ones(3), np.ones(4))
