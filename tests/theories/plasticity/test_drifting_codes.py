"""Readouts of drifting codes: simulation, limits, and which readout lasts longest when."""

import numpy as np
import pytest
from scipy import stats

from carnotlab.core.errors import InputError
from carnotlab.theories.plasticity.drifting_codes import (
    DriftingCode,
    best_readout,
    lifetime,
    share_right,
    simulated_share_right,
    upstream_covariance,
)

RANDOM = np.random.default_rng(0)
MAP = RANDOM.standard_normal((6, 3))
NOISE = upstream_covariance(MAP, 0.5) + 0.1 * np.eye(6)
RESPONSE = RANDOM.standard_normal(6)


def test_the_share_right_by_simulation_and_at_time_zero():
    code = DriftingCode(RESPONSE, NOISE, upstream_covariance(MAP, 0.2))
    readout, times = RESPONSE / 3.0, np.array([0.0, 1.0, 5.0])
    seen = simulated_share_right(np.random.default_rng(1), code, readout, times, 4000, 20)
    wanted = share_right(code, readout, times)
    np.testing.assert_allclose(seen, wanted, atol=0.02)
    alone = stats.norm.cdf(readout @ RESPONSE / np.sqrt(readout @ NOISE @ readout))
    assert wanted[0] == pytest.approx(alone)


def test_lifetimes_are_when_the_share_is_reached():
    code = DriftingCode(RESPONSE, 0.05 * NOISE, NOISE)
    for readout in (RESPONSE, best_readout(RESPONSE, NOISE)):
        time = lifetime(code, readout, 0.8)
        assert share_right(code, readout, np.array([time]))[0] == pytest.approx(0.8)
    with pytest.raises(InputError, match="level"):
        lifetime(code, RESPONSE, 0.5)


def test_covariance_of_upstream_changes_by_sampling():
    changes = np.random.default_rng(2).standard_normal((200_000, 3)) * 0.7
    seen = np.cov((changes @ MAP.T).T)
    np.testing.assert_allclose(seen, upstream_covariance(MAP, 0.49), atol=0.03)


def test_no_readout_outlasts_the_best_one_if_drift_is_as_noise_and_any_does_if_it_is_opposite():
    best = best_readout(RESPONSE, NOISE)
    others = best + 0.3 * np.linalg.norm(best) * np.random.default_rng(3).standard_normal((50, 6))
    alike = DriftingCode(RESPONSE, 0.05 * NOISE, 0.3 * NOISE)
    longest = lifetime(alike, best, 0.75)
    assert all(lifetime(alike, other, 0.75) < longest for other in others)
    opposite = DriftingCode(RESPONSE, 0.05 * NOISE, np.linalg.inv(NOISE))
    assert lifetime(opposite, RESPONSE, 0.75) > lifetime(opposite, best, 0.75)
