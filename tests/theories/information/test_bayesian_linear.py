"""The gold test: evidence, misfit plus information and prequential code, each by its own path."""

import numpy as np
import pytest
from scipy.integrate import quad

from carnotlab.core.data import Batch
from carnotlab.core.errors import InputError
from carnotlab.theories.information.bayesian_linear import (
    bayesian_learner,
    expected_information,
    expected_misfit,
    information_in_weights,
    log_evidence,
    posterior,
)
from carnotlab.theories.information.prequential import doubling_blocks, prequential_codelength

RANDOM = np.random.default_rng(0)
A = RANDOM.standard_normal((32, 5))
Y = A @ RANDOM.standard_normal(5) + 0.5 * RANDOM.standard_normal(32)
PRIOR, NOISE = 1.3, 0.25


@pytest.mark.parametrize("ends", [doubling_blocks(32, 4), tuple(range(1, 33)), (32,), (3, 29, 32)])
def test_evidence_is_misfit_plus_information_is_prequential_code(ends):
    evidence = -log_evidence(A, Y, PRIOR, NOISE)
    found = posterior(A, Y, PRIOR, NOISE)
    both = expected_misfit(found, A, Y, NOISE) + information_in_weights(found, PRIOR)
    code = prequential_codelength(bayesian_learner(PRIOR, NOISE), Batch(A, Y[:, None]), ends)
    assert both == pytest.approx(evidence, abs=1e-10)
    assert code.sum() == pytest.approx(evidence, abs=1e-10)


def test_one_weight_by_integration():
    a, y = np.array([[0.7], [-1.1]]), np.array([0.4, 0.9])

    def joint(w):
        gap = y - a[:, 0] * w
        density = np.exp(-0.5 * gap @ gap / NOISE) / (2 * np.pi * NOISE)
        return density * np.exp(-0.5 * w**2 / PRIOR) / np.sqrt(2 * np.pi * PRIOR)

    evidence = quad(joint, -12, 12, epsabs=1e-14)[0]
    assert log_evidence(a, y, PRIOR, NOISE) == pytest.approx(np.log(evidence), abs=1e-9)
    mean = quad(lambda w: w * joint(w), -12, 12, epsabs=1e-14)[0] / evidence
    assert posterior(a, y, PRIOR, NOISE).mean[0] == pytest.approx(mean, abs=1e-9)


def test_the_mean_information_is_a_channel_s_capacity():
    """Mean over 4000 draws of the data within 4.5 of its own standard errors."""
    kl = []
    for _ in range(4000):
        y = A @ (PRIOR**0.5 * RANDOM.standard_normal(5)) + NOISE**0.5 * RANDOM.standard_normal(32)
        kl.append(information_in_weights(posterior(A, y, PRIOR, NOISE), PRIOR))
    error = np.std(kl) / np.sqrt(4000)
    assert np.mean(kl) == pytest.approx(expected_information(A, PRIOR, NOISE), abs=4.5 * error)
    assert error < 0.05


def test_variances_of_zero_are_refused():
    with pytest.raises(InputError, match="noise_variance"):
        posterior(A, Y, 1.0, 0.0)
