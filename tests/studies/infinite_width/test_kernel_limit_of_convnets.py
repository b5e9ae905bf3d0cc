"""The study of convolutional kernels: its networks, and what its controls compare."""

import numpy as np
import pytest

from carnotlab.measures.kernel_change import TANGENT_KERNEL
from carnotlab.networks.finite import Model
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.parameterization import NTK
from carnotlab.studies.infinite_width.channel_gaps import by_limit, exponent
from carnotlab.studies.infinite_width.kernel_limit_of_convnets import (
    ConvnetSettings,
    KernelLimitOfConvnets,
)
from carnotlab.studies.infinite_width.small_convnets import ARCHITECTURES, small_convnet
from carnotlab.tasks.digits import Digits

STUDY = KernelLimitOfConvnets()
X = np.asarray(Digits(10, 10, standardise="per feature").data().train.x)[:3]


def net(architecture, channels=4, **options):
    return small_convnet(
        architecture, channels, 2, output_variance=0.5, parameterization=NTK(), **options
    )


@pytest.fixture(scope="module")
def limits():
    return {name: kernels(net(name), X) for name in ARCHITECTURES}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_with_features_only_the_tangent_kernel_is_the_covariance_at_the_start(architecture, limits):
    found = kernels(net(architecture, features_only=True), X)
    np.testing.assert_allclose(found.ntk, limits[architecture].nngp, rtol=1e-12)
    assert (np.diag(limits[architecture].ntk) > np.diag(found.ntk)).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_are_of_four_and_two_pixels_across(architecture):
    network = net(architecture)
    outputs = Model(network).apply(Model(network).start(0), X.astype(np.float32))
    assert outputs.shape == (3, 2)
    flat = 4 if architecture == "no pooling" else 1
    assert network.maps[-1].fan_in == 4 * flat


def test_limits_with_and_without_pooling_differ_beyond_a_factor(limits):
    """Else the control would fail by its scale alone."""
    pooled, flat = (limits[name].ntk.ravel() for name in ("pooling", "no pooling"))
    factor = pooled @ flat / (flat @ flat)
    assert np.linalg.norm(pooled - factor * flat) > 0.05 * np.linalg.norm(pooled)


def test_pooling_sees_no_places_and_without_it_nothing_but_places_counts():
    """Two images, one pixel each, that are seen by one filter alone in every layer.

    The second is the first shifted by both strides. Pooled networks cannot tell them apart;
    without pooling no weight that one of them uses is used by the other, in the limit.
    """
    image = np.zeros((2, 8, 8, 1))
    image[0, 3, 1], image[1, 7, 1] = 1.0, 1.0
    x = image.reshape(2, -1)
    pooled, flat = (kernels(net(name), x) for name in ("pooling", "no pooling"))
    for kind in ("nngp", "ntk"):
        seen = getattr(pooled, kind)
        np.testing.assert_allclose(seen, np.full((2, 2), seen[0, 0]), rtol=1e-12)
        assert getattr(flat, kind)[0, 1] == pytest.approx(0.0, abs=1e-14)
        assert getattr(flat, kind)[0, 0] > 0.0


def test_by_limit_keeps_the_networks_and_takes_the_other_prediction(make):
    def arm(gap, limit):
        seen = np.full((2, 1, 2, 2), limit + gap)
        return make.result(TANGENT_KERNEL, seen, np.full((1, 2, 2), limit))

    results = {
        f"{name}, {number} channels": arm(limit / number**0.5, limit)
        for name, limit in (("one", 1.0), ("other", 2.0))
        for number in (16, 64)
    }
    swapped = by_limit(results, "one, 16 channels", "other, 16 channels")
    assert float(swapped.prediction["tangent_kernel"].max()) == 2.0
    assert float(swapped.observation["tangent_kernel"].max()) == 1.25
    rows = np.array([0, 1])
    assert exponent(results, "one", "one", (16, 64))(rows) == pytest.approx(-0.5)
    # |1 + 1/4 - 2| / 2 and |1 + 1/8 - 2| / 2: it does not fall.
    wrong = np.log((0.875 / 2) / (0.75 / 2)) / np.log(4)
    assert exponent(results, "one", "other", (16, 64))(rows) == pytest.approx(wrong)


def test_each_architecture_has_its_kernel_and_its_training_and_pooling_its_controls():
    settings = ConvnetSettings(channels=(2, 4), trained=(2,), samples=12, held_out=10)
    arms, skipped = STUDY.arms(settings)
    labels = tuple(arm.label for arm in arms)
    assert skipped == ()
    for name in ARCHITECTURES:
        assert f"tangent kernel, {name}, 4 channels" in labels
        assert f"trained, {name}, 2 channels" in labels
    controls = [j for j in STUDY.judgements(settings, labels) if j.role == "control"]
    assert len(controls) == 3
    assert all("pooling" in control.label for control in controls)
