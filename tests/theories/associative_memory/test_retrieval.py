"""Replica equations: reference values, limits in temperature and load, and a network."""

import numpy as np
import pytest
from scipy import optimize, special

from carnotlab.theories.associative_memory.hopfield import (
    all_at_once,
    hebb_weights,
    one_at_a_time,
    overlap,
    random_patterns,
)
from carnotlab.theories.associative_memory.retrieval import (
    critical_load,
    first_overlap,
    recalled_overlap,
)


def test_capacity_is_that_of_the_literature():
    assert critical_load().load == pytest.approx(0.137906, abs=5e-7)
    assert critical_load().overlap == pytest.approx(0.96742, abs=5e-6)
    edge = critical_load().load
    assert recalled_overlap(edge - 1e-9) == pytest.approx(critical_load().overlap, abs=1e-3)
    assert recalled_overlap(edge + 1e-9) == 0.0


def test_little_noise_is_as_none_and_little_load_as_a_ferromagnet():
    for load in (0.03, 0.1):
        assert recalled_overlap(load, 0.02) == pytest.approx(recalled_overlap(load), abs=2e-4)
    for temperature in (0.4, 0.8):
        field = optimize.brentq(lambda m, t=temperature: np.tanh(m / t) - m, 0.1, 1.0)
        assert recalled_overlap(1e-8, temperature) == pytest.approx(field, abs=1e-4)
    assert recalled_overlap(1e-6, 1.05) == 0.0
    assert recalled_overlap(0.1, 0.4) == 0.0 < recalled_overlap(0.1, 0.15)


def test_the_solution_solves_the_equation_of_crosstalk():
    """With overlap m crosstalk is Gaussian of variance αr, r = (1 - C)^-2, C = its density at m."""
    load, m = 0.12, recalled_overlap(0.12)
    y = special.erfinv(m)
    spread = m / (np.sqrt(2.0) * y)  # m = erf(m / (√2 spread))
    density = np.sqrt(2.0 / np.pi) * np.exp(-(y**2)) / spread
    assert spread**2 == pytest.approx(load / (1.0 - density) ** 2, rel=1e-9)


def test_a_network_recalls_so():
    random = np.random.default_rng(0)
    patterns = random_patterns(100, 1000, random)
    weights = hebb_weights(patterns)
    first = overlap(all_at_once(weights, patterns, 1)[-1], patterns).mean()
    assert first == pytest.approx(first_overlap(0.1), abs=0.001)
    last = overlap(one_at_a_time(weights, patterns, 15, random)[-1], patterns).mean()
    assert last == pytest.approx(recalled_overlap(0.1), abs=0.004)
