"""Settings and arms that the studies of test error by size share."""

from typing import Literal, TypeAlias, TypeVar

import msgspec

from carnotlab.studies.double_descent.feature_curve import SphereCurve
from carnotlab.studies.double_descent.judging import LINEAR, MISTAKEN, SPHERE
from carnotlab.studies.double_descent.linear_curve import LinearCurve
from carnotlab.studies.study import Arm, Count, Positive, Settings

Axis: TypeAlias = Literal["width", "samples"]

ON_SPHERE: dict[Axis, tuple[int, ...]] = {
    "width": (6, 12, 24, 36, 84, 120, 240),
    "samples": (10, 20, 30, 40, 84, 120, 240),
}
"""Numbers of features or samples on a sphere, in twentieths of its dimension; those of the other
kind are three times the dimension, which is where the threshold lies."""
LINEAR_SAMPLES = (15, 30, 45, 75, 100, 150, 300)
"""Numbers of samples of least squares, around a threshold at 60 inputs."""
FULL_LINEAR_SAMPLES = (20, 40, 60, 80, 90, 110, 120, 150, 200, 400)
"""The same around the 100 inputs of the full size."""
FULL_FEATURES = (20, 50, 100, 150, 200, 250, 300, 350, 450, 600, 1000, 3000)
"""Numbers of random features of images at the full size, around a threshold at 300 samples."""


class SizeSettings(Settings, frozen=True, kw_only=True):
    """Settings of all studies by size.

    ``draws`` of least squares with ``fixed`` inputs or samples; random features on a sphere of
    ``dimension``; networks and features on ``images``, a share ``label_noise`` of whose labels is
    wrong, by Adam at ``rate``.
    """

    seeds: Count = 3
    draws: Count = 8
    fixed: Count = 60
    dimension: Count = 40
    images: tuple[str, ...] = ("digits",)
    held_out: Count = 800
    label_noise: float = 0.2
    rate: Positive = 0.01


class WidthSettings(SizeSettings, frozen=True, kw_only=True):
    """Settings of studies by width.

    Random features by number on ``feature_samples`` images; networks of ``widths`` on ``samples``
    images, for ``steps``.
    """

    feature_samples: Count = 300
    features: tuple[Count, ...] = (20, 50, 100, 200, 300, 450, 1000, 2000)
    samples: Count = 900
    widths: tuple[Count, ...] = (4, 6, 8, 12, 16)
    steps: Count = 1200


Own = TypeVar("Own", bound=SizeSettings)


def at_full_size(settings: Own) -> Own:
    """Return settings with the seeds, draws, dimensions and images of the full size."""
    return msgspec.structs.replace(
        settings,
        seeds=6,
        draws=32,
        fixed=100,
        dimension=100,
        images=("digits", "mnist_20k_5k", "fashion_mnist_20k_5k"),
    )


def arms_with_theory(
    own: SizeSettings, axis: Axis, sizes: tuple[int, ...], sphere: Axis
) -> list[Arm]:
    """Return least squares by size, its control, and random features on a sphere."""
    arms = [
        Arm(label, LinearCurve(axis, sizes, own.fixed, 2 * own.seeds, own.draws, shifted=shifted))
        for label, shifted in ((LINEAR, 1.0), (MISTAKEN, 1.25))
    ]
    numbers = tuple(own.dimension * n // 20 for n in ON_SPHERE[sphere])
    curve = SphereCurve(sphere, numbers, 3 * own.dimension, 2 * own.seeds, own.dimension)
    return [*arms, Arm(SPHERE, curve)]
