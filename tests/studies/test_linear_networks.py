"""Maps of linear networks on given samples, against descent written out."""

import numpy as np

from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.initialisation import given
from carnotlab.studies.linear_networks import one_layer, trained_maps


def test_members_go_through_their_own_samples_each_from_where_it_was() -> None:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((2, 3, 6, 4)), random.standard_normal((2, 3, 6, 2))
    start, rates = random.standard_normal((2, 2, 4)), np.array([0.1, 0.02, 0.05])
    training = Training(GradientDescent(1.0), 2, record=At((0.0, 2.0)), precision="float64")
    seen = trained_maps(one_layer(4, 6, given([start]), training, outputs=2), x, y, rates=rates)
    assert seen.shape == (2, 3, 2, 2, 4)
    for member, weights in enumerate(start):
        for phase, rate in enumerate(rates):
            inputs, targets = x[member, phase], y[member, phase]
            np.testing.assert_allclose(seen[member, phase, 0], weights, rtol=1e-12)
            for _ in range(2):
                weights = weights - rate * (inputs @ weights.T - targets).T @ inputs / 6
            np.testing.assert_allclose(seen[member, phase, 1], weights, rtol=1e-12)
