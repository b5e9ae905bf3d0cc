"""Accuracy of infinitely wide networks by number of training images, over several draws."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from carnotlab.core.assumptions import Check
from carnotlab.core.data import Data
from carnotlab.core.quantities import Quantity, labelled
from carnotlab.networks.description import Network
from carnotlab.networks.layers import Flatten
from carnotlab.runs.kernel_blocks import DType, KernelBlocks
from carnotlab.runs.learning_curves import ACCURACY, CHANCE, COMPILING, Images
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.pixels import roughness
from carnotlab.theories.kernel_regression.classification import accuracy_by_samples, rounding_gain

PRIOR_ACCURACY = Quantity(
    "prior_accuracy_by_samples", ("samples",), "fraction", "the same where the last layer learns"
)
FIRST_KERNEL = Quantity(
    "first_kernel", ("row", "column"), "1/flow time", "tangent kernel among the first images"
)

SHOWN = 10
"""Images whose kernel is kept with the result."""

SECONDS_PER_NUMBER = 2e-9
"""Rough time on one core of one entry of a covariance through one layer."""


@dataclass(frozen=True)
class KernelCurve(Computable):
    """Regression with both kernels of an infinitely wide network, by size, over several draws.

    ``sizes`` are numbers of training images, the largest that of ``task``; all use parts of one
    kernel matrix a draw, whose blocks stay beside the store (`KernelBlocks`). In the result a
    member of ``seed`` is a draw.
    """

    task: Images
    network: Network
    sizes: tuple[int, ...]
    draws: tuple[int, ...]
    dtype: DType = "float64"

    @property
    def precision(self) -> str:
        """The numbers that kernels are kept in; regression computes in float64."""
        return self.dtype

    @property
    def key(self) -> str:
        """A digest of images, network, sizes, draws, code and versions."""
        return result_key(type(self), self.task, self.network, self.sizes, self.draws, self.dtype)

    @property
    def seconds_per_pair(self) -> float:
        """Rough time of one pair of images, to weigh it against other work."""
        positions = prod(self.network.shape[:-1])
        coupled = positions > 1 and not any(isinstance(e, Flatten) for e in self.network.layers)
        return SECONDS_PER_NUMBER * self.network.depth * (positions**2 if coupled else positions)

    def blocks(self, store: Store | None) -> Iterator[tuple[Data, KernelBlocks]]:
        """Yield data and kernel matrices of each draw; small matrices are not kept on disk."""
        for draw in self.draws:
            data = replace(self.task, seed=draw).data()
            train, test = np.asarray(data.train.x), np.asarray(data.test.x)
            if len(self.network.shape) == 1:
                train, test = (x.reshape(len(x), -1) for x in (train, test))
                # Without positions a pair costs next to nothing: one block for each matrix.
                block = max(len(train), len(test))
                yield data, KernelBlocks(self.network, train, test, block=block)
            else:
                folder = folder_of_blocks(store)
                yield data, KernelBlocks(self.network, train, test, folder, dtype=self.dtype)

    def remaining(self, store: Store | None) -> float:
        """Return the seconds left to compute, roughly."""
        if store is not None and self.key in store:
            return 0.0
        pairs = sum(blocks.missing_pairs() for _, blocks in self.blocks(store))
        return COMPILING + self.seconds_per_pair * pairs

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Compute what is missing of the kernel matrices, and classify."""
        began = time.perf_counter()
        drawn = list(self.blocks(store))
        work = [blocks.missing_pairs() for _, blocks in drawn]
        parts: list[tuple[Any, ...]] = []
        rough: list[float] = []
        gains: list[float] = []
        for index, (data, blocks) in enumerate(drawn):

            def tell(part: float, index: int = index) -> None:
                if progress is not None:
                    progress((sum(work[:index]) + part * work[index]) / max(sum(work), 1))

            both = blocks.compute(tell)
            targets = np.asarray(data.train.y), np.asarray(data.test.y)
            ntk, nngp = (
                accuracy_by_samples(train, across, *targets, self.sizes)
                for train, across in (
                    (both.train.ntk, both.across.ntk),
                    (both.train.nngp, both.across.nngp),
                )
            )
            parts.append((ntk, nngp, both.train.ntk[:SHOWN, :SHOWN]))
            rough.append(roughness(np.asarray(data.train.x)))
            gains.append(rounding_gain(both.train.ntk))
        quantities = (ACCURACY, PRIOR_ACCURACY, FIRST_KERNEL)
        observation = labelled(
            dict(zip(quantities, zip(*parts, strict=True), strict=True)),
            ("seed",),
            {"seed": list(self.draws), "samples": list(self.sizes)},
        )
        observation[CHANCE] = 1.0 / self.task.output_size
        checks = [_conditioning(max(gains))]
        if len(self.network.shape) > 1:
            checks.append(_smoothness(max(rough)))
        return RunResult(xr.Dataset(), observation, tuple(checks), time.perf_counter() - began)


def folder_of_blocks(store: Store | None) -> Path | None:
    """Return where blocks of kernel matrices are kept beside a store's entries."""
    return None if store is None else store.root / "kernel-blocks"


def _conditioning(gain: float) -> Check:
    return Check(
        "kernel far from singular",
        "rounding of the kernel to single precision moves the fit by a small part of itself; "
        "largest over smallest eigenvalue of the training kernel times 1.2e-7, worst draw",
        gain,
        0.1,
    )


def _smoothness(rough: float) -> Check:
    return Check(
        "neighbouring pixels alike",
        "half the mean squared difference of neighbouring pixels is below half their variance, "
        "so that filters see what belongs together; their quotient, worst draw",
        rough,
        0.5,
    )
