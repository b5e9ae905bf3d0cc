"""Idle units: their number, their multipliers, and that they do nothing to what a network says."""

import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.precision import precision
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.finite import Model
from carnotlab.networks.initialisation import Gaussian, Orthogonal
from carnotlab.networks.parameterization import NTK, MeanField, Standard
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.padded_widths import bucket, padded, start_by_cutting, widened


@pytest.mark.parametrize("kind", [Standard(), NTK(), MeanField(0.3)])
def test_a_padded_network_says_what_the_narrow_one_says(kind) -> None:
    network = mlp(3, (4, 5), 2, activation=Tanh(), bias_variance=0.2, parameterization=kind)
    training = Training(GradientDescent(0.1), precision="float64")
    narrow = Experiment(GaussianRegression(3, 5, 2), network, training)
    wide = widened(narrow, (16, 8))
    with precision("float64"):
        start = narrow.start((0, 1))
        grown = padded(start, wide.network)
        x = np.random.default_rng(0).normal(size=(6, 3))
        for member in (0, 1):
            one, other = (
                Model(each.network).apply(
                    tuple({k: v[member] for k, v in layer.items()} for layer in weights),
                    jnp.asarray(x),
                )
                for each, weights in ((narrow, start), (wide, grown))
            )
            np.testing.assert_allclose(one, other, rtol=1e-13)
    rates = Model(network).rate_scales("gradient"), Model(wide.network).rate_scales("gradient")
    np.testing.assert_allclose(*rates, rtol=1e-13)


@pytest.mark.parametrize("kind", [Standard(), NTK(), MeanField(0.3)])
def test_a_start_cut_out_of_a_wider_one_is_the_networks_own(kind) -> None:
    for initialisation in (Gaussian(0.5), Orthogonal()):
        network = mlp(
            3,
            (4, 5),
            2,
            activation=Tanh(),
            bias_variance=0.2,
            parameterization=kind,
            initialisation=initialisation,
        )
        training = Training(GradientDescent(0.1), precision="float64")
        narrow = Experiment(GaussianRegression(3, 5, 2), network, training)
        cut, own = start_by_cutting(narrow, (16, 8), (0, 7)), narrow.start((0, 7))
        for one, other in zip(cut, own, strict=True):
            assert one.keys() == other.keys() == {"weight", "bias"}
            for name in one:
                np.testing.assert_allclose(one[name], other[name], rtol=1e-13)


def test_buckets_hold_their_sizes_and_waste_less_than_half() -> None:
    for size in range(1, 600):
        assert size <= bucket(size) <= max(16, 2 * size - 1)
    with pytest.raises(InputError, match="growth"):
        bucket(3, growth=1)
