"""Spike timing: pairs by hand, and mean drifts of each kind against simulated spikes."""

import numpy as np
import pytest

from carnotlab.theories.plasticity.spike_timing import (
    TimingRule,
    fire,
    mean_drift,
    measured_drift,
    shared_spikes,
)

BIN = 2e-4


def test_pairs_by_hand():
    rule = TimingRule(0.01, 0.02, 0.02, 0.03)
    inputs, output = np.zeros((1, 2000), bool), np.zeros(2000, bool)
    inputs[0, [100, 900]] = True
    output[[400, 1100]] = True
    wanted = sum(
        0.01 * np.exp(-(post - pre) * BIN / 0.02)
        if post > pre
        else -0.02 * np.exp(-(pre - post) * BIN / 0.03)
        for pre in (100, 900)
        for post in (400, 1100)
    )
    assert measured_drift(rule, inputs, output, BIN)[0] * 2000 * BIN == pytest.approx(wanted)


@pytest.mark.parametrize("weaker", [0.004, 0.03])
def test_drift_of_independent_trains(weaker):
    rule, random = TimingRule(weaker=weaker), np.random.default_rng(0)
    spikes, covariance = shared_spikes(random, 40, 0, 20.0, 0.0, 60.0, BIN)
    output = fire(random, spikes, np.zeros(40), 25.0, 0.01, BIN)
    wanted = mean_drift(rule, np.zeros(40), np.full(40, 20.0), covariance, 25.0, 0.01)
    assert measured_drift(rule, spikes, output, BIN).mean() == pytest.approx(
        wanted.mean(), rel=0.06
    )


def test_what_is_caused_and_shared_adds_to_the_drift():
    rule, random = TimingRule(weaker=0.01), np.random.default_rng(1)
    weights = np.full(10, 0.15)
    found, wanted = [], None
    for _ in range(6):
        spikes, covariance = shared_spikes(random, 10, 5, 20.0, 0.5, 60.0, BIN)
        output = fire(random, spikes, weights, 2.0, 0.01, BIN)
        found.append(measured_drift(rule, spikes, output, BIN))
        wanted = mean_drift(rule, weights, np.full(10, 20.0), covariance, 2.0, 0.01)
    seen = np.mean(found, axis=0)
    # The window's area is zero: all drift is caused, three times as much where five fire together.
    assert wanted[0] / wanted[-1] == pytest.approx(3.0)
    assert seen[:5].mean() == pytest.approx(wanted[0], rel=0.08)
    assert seen[5:].mean() == pytest.approx(wanted[-1], rel=0.15)
