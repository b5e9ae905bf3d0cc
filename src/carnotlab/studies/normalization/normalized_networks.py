"""The small networks of these studies, and which of their linear maps have no scale."""

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from carnotlab.core.descriptions import array_digest
from carnotlab.networks.architectures import mlp
from carnotlab.networks.convolutional_architectures import resnet
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import Given
from carnotlab.networks.layers import AveragePool, BatchNorm
from carnotlab.networks.parameterization import Standard
from carnotlab.studies.study import Count, Positive, Settings
from carnotlab.tasks.base import Task


class NormalizedSettings(Settings, frozen=True, kw_only=True):
    """Settings common to the studies of normalized networks; ``seeds`` are starts with batches.

    Two hidden layers of ``width`` units learn ``samples`` digits in batches of ``batch``, at
    ``rate`` and weight decay ``decay``.
    """

    seeds: Count = 2
    samples: Count = 300
    width: Count = 24
    batch: Count = 16
    rate: Positive = 0.1
    decay: Positive = 5e-3


Kind: TypeAlias = Literal["MLP", "ResNet", "MLP without batch norm"]

NEGLIGIBLE = 1e-30
"""An epsilon that changes no bit of any variance that is added to here, in either precision."""


def small_network(
    kind: Kind, task: Task, width: int, members: int, epsilon: float = NEGLIGIBLE, pool: int = 1
) -> Network:
    """Return a multilayer perceptron of two hidden layers, or a residual net of two stages.

    The residual net sees means over ``pool`` pixels along each axis. Starts are Gaussian, drawn
    here for so many members, which takes no compiled program.

    >>> from carnotlab.tasks.digits import Digits
    >>> small_network("ResNet", Digits(20, 10), 4, 1).depth
    7
    """
    outputs = task.output_size
    if kind == "ResNet":
        height, breadth, channels = _as_image(task.input_shape)
        bare = resnet(
            (height // pool, breadth // pool, channels),
            outputs,
            blocks=(1, 1),
            width=width,
            normalization=BatchNorm(epsilon),
            parameterization=Standard(),
        )
        if pool > 1:
            layers = (AveragePool(pool), *bare.layers)
            bare = replace(bare, inputs=(height, breadth, channels), layers=layers)
    else:
        bare = mlp(
            task.input_size,
            (width, width),
            outputs,
            normalization=BatchNorm(epsilon) if kind == "MLP" else None,
            parameterization=Standard(),
        )
    random = np.random.default_rng(0)
    drawn = [
        random.standard_normal((members, *its.shape)) * (its.weight_variance / its.fan_in) ** 0.5
        for its in bare.maps
    ]
    return replace(bare, initialisation=Given(tuple(map(array_digest, drawn)), tuple(drawn)))


def _as_image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    side = round(shape[0] ** 0.5)
    return (side, side, 1) if len(shape) == 1 else (shape[0], shape[1], shape[2])


def without_scale(network: Network) -> tuple[bool, ...]:
    """Return which linear maps are followed by normalization: all but the last."""
    return (True,) * (network.depth - 1) + (False,)
