"""Do convolution and pooling help infinitely wide networks learn from few images, and why?"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.errors import require
from carnotlab.experiment.batching import Minibatch
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import Adam
from carnotlab.experiment.schedules import Cosine
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.networks.convolutional_architectures import convolutional, resnet
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.kernel_blocks import DType, KernelBlocks
from carnotlab.runs.kernel_curves import KernelCurve
from carnotlab.runs.learning_curves import Images
from carnotlab.runs.store import Store
from carnotlab.runs.trained_curves import TrainedCurve
from carnotlab.studies.data_folder import VARIABLE, find_data
from carnotlab.studies.infinite_width.convolution_panels import (
    accuracy_table,
    draw_small_data,
    names_of,
)
from carnotlab.studies.infinite_width.convolution_verdicts import (
    DENSE,
    FLAT,
    POOLED,
    SHUFFLED,
    TRAINED,
    label_of,
    small_data_judgements,
)
from carnotlab.studies.study import (
    Arm,
    Judgement,
    Settings,
    Size,
    Study,
    StudyResult,
)
from carnotlab.tasks.cifar10 import ImageSubset
from carnotlab.tasks.moved_digits import MovedDigits

ARCHIVE = "cifar10_10k_2k.npz"
DIGITS, CIFAR = "moved digits", "CIFAR-10"
CHANNELS = 64
"""Declared channels and units of the infinitely wide networks; their kernels depend on none."""

LONG = 60.0
"""Seconds of kernels, by a rough count, from which on a pair is timed and the end foretold."""


class SmallDataSettings(Settings, frozen=True, kw_only=True):
    """Settings of `ConvolutionHelpsSmallData`; ``seeds`` is the number of draws.

    ``sizes`` are numbers of training images, ``held_out`` of test images (both ten classes
    together), ``convolutions`` the depth less one. Those that begin in ``image_`` are for CIFAR-10
    or the file given, the others for moved digits on a canvas of ``canvas`` pixels; empty sizes
    leave a data set out. ``control_sizes`` are those with shuffled pixels. The residual net has
    one block in each stage and ``channels`` in its first.
    """

    seeds: int = 5
    sizes: tuple[int, ...] = (10, 20, 40)
    held_out: int = 100
    canvas: int = 10
    convolutions: int = 2
    image_sizes: tuple[int, ...] = ()
    image_held_out: int = 2000
    image_control_sizes: tuple[int, ...] = ()
    image_control_held_out: int = 500
    image_side: int = 32
    image_convolutions: int = 13
    dense_layers: int = 3
    channels: int = 16
    steps: int = 200
    image_steps: int = 600
    batch: int = 20
    rate: float = 2e-3


class ConvolutionHelpsSmallData(Study):
    """Kernels of convolutional and dense networks on samples of images, against a trained net."""

    name: ClassVar[str] = "convolution-helps-small-data"
    question: ClassVar[str] = (
        "Do convolution and pooling help an infinitely wide network learn from few images, and is "
        "it the order of the pixels that they use?"
    )
    message: ClassVar[str] = (
        "A convolutional kernel with pooling is far ahead of dense and unpooled ones where things "
        "move about, and ahead of the dense one on photographs once there are some hundreds; with "
        "pixels shuffled nothing is left of its lead, and the dense kernel never notices."
    )
    source: ClassVar[tuple[str, ...]] = ("arora2020", "arora2019", "novak2019")
    data: ClassVar[str] = (
        "scikit-learn's digits, moved about; CIFAR-10 at full size, or any such archive (real)"
    )
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = SmallDataSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return SmallDataSettings()
        return SmallDataSettings(
            seeds=5,
            sizes=(10, 20, 40, 80, 160),
            held_out=500,
            canvas=12,
            convolutions=4,
            image_sizes=(10, 20, 40, 80, 160, 320, 640),
            image_control_sizes=(10, 20, 40, 80, 160),
            steps=400,
            image_steps=2000,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return five learners for each data set, two of them on shuffled pixels too."""
        chosen = SmallDataSettings.of(settings)
        found: list[_Set] = []
        skipped: list[str] = []
        if chosen.sizes and chosen.data is None:
            found.append(_digits(chosen))
        sizes = chosen.image_sizes or (chosen.sizes if chosen.data is not None else ())
        path = chosen.data or find_data(ARCHIVE)
        if sizes and path is None:
            skipped.append(
                f"{CIFAR}: no {ARCHIVE} (name the folder that holds it in {VARIABLE}, or give a "
                "file with --data)"
            )
        elif sizes:
            found.append(_photographs(str(path), chosen, sizes))
        return tuple(arm for each in found for arm in _arms(each, chosen)), tuple(skipped)

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge the pooled kernel's lead, what shuffling does to the dense one, and the control."""
        del settings
        names = dict.fromkeys(label.split(": ")[0] for label in labels)
        return tuple(each for name in names for each in small_data_judgements(name))

    def outlook(self, settings: Settings, store: Store) -> tuple[str, ...]:
        """Time a few pairs of every matrix that takes long, and say when it would be there."""
        found: list[str] = []
        for arm in self.arms(settings)[0]:
            run = arm.run
            if isinstance(run, KernelCurve) and run.remaining(store) > LONG:
                work = [blocks for _, blocks in run.blocks(store)]
                pairs = sum(blocks.missing_pairs() for blocks in work)
                found.append(_expected(arm.label, work[0], pairs))
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return accuracies by number of images and learner, one table for each data set."""
        return tuple(accuracy_table(result.results, name) for name in names_of(result.results))

    def figure(self, result: StudyResult) -> Figure:
        """Draw accuracy by number of images, and leads with and without shuffled pixels."""
        return draw_small_data(result)


@dataclass(frozen=True)
class _Set:
    """Images as they are and shuffled, with what is done on them."""

    name: str
    images: Images
    shuffled: Images
    sizes: tuple[int, ...]
    control_sizes: tuple[int, ...]
    convolutions: int
    steps: int
    dtype: DType


def _digits(settings: SmallDataSettings) -> _Set:
    _require_sizes(settings.sizes, 10)
    held_out = max(settings.held_out // 10, 1)
    images = MovedDigits(max(settings.sizes) // 10, held_out, settings.canvas)
    return _Set(
        DIGITS,
        images,
        replace(images, shuffle=0),
        settings.sizes,
        settings.sizes,
        settings.convolutions,
        settings.steps,
        "float64",
    )


def _photographs(path: str, settings: SmallDataSettings, sizes: tuple[int, ...]) -> _Set:
    whole = ImageSubset(path, held_out=1)
    classes, side = whole.output_size, whole.input_shape[0]
    control = settings.image_control_sizes or sizes
    _require_sizes(sizes, classes)
    _require_sizes(control, classes)
    images = ImageSubset(
        path,
        per_class=max(sizes) // classes,
        held_out=settings.image_held_out,
        side=None if settings.image_side == side else settings.image_side,
    )
    shuffled = replace(
        images,
        per_class=max(control) // classes,
        held_out=min(settings.image_control_held_out, settings.image_held_out),
        shuffle=0,
    )
    name = CIFAR if settings.data is None else Path(path).stem
    depth, steps = settings.image_convolutions, settings.image_steps
    # Hours of kernels: single precision is good to 1e-5 of each entry and takes half the disk.
    return _Set(name, images, shuffled, sizes, control, depth, steps, "float32")


def _arms(each: _Set, settings: SmallDataSettings) -> list[Arm]:
    draws, images = tuple(range(settings.seeds)), each.images
    (height, width, depth), classes = images.input_shape, images.output_size
    shape = (height, width, depth)
    filters = (CHANNELS,) * each.convolutions
    kinds = {
        POOLED: convolutional(shape, filters, classes),
        FLAT: convolutional(shape, filters, classes, pooling=False),
        DENSE: mlp(
            images.input_size, (CHANNELS,) * settings.dense_layers, classes, weight_variance=2.0
        ),
    }
    # Only convolutions take long; the dense kernel is held against itself to all digits there are.
    dtypes: dict[str, DType] = {POOLED: each.dtype, FLAT: each.dtype, DENSE: "float64"}
    arms = [
        Arm(
            label_of(each.name, kind),
            KernelCurve(images, network, each.sizes, draws, dtypes[kind]),
        )
        for kind, network in kinds.items()
    ]
    arms += [
        Arm(
            label_of(each.name, kind, SHUFFLED),
            KernelCurve(each.shuffled, kinds[kind], each.control_sizes, draws, dtypes[kind]),
        )
        for kind in (POOLED, DENSE)
    ]
    residual = resnet(
        shape, classes, blocks=(1, 1, 1), width=settings.channels, parameterization=Standard()
    )
    training = _training(settings, each.steps)
    trained = TrainedCurve(images, residual, training, each.sizes, draws)
    return [*arms, Arm(label_of(each.name, TRAINED), trained)]


def _training(settings: SmallDataSettings, steps: int) -> Training:
    return Training(
        Adam(settings.rate),
        duration=steps,
        batching=Minibatch(settings.batch),
        loss=CrossEntropy(),
        schedule=Cosine(warmup=steps // 10),
        record=At((steps,)),
    )


def _require_sizes(sizes: tuple[int, ...], classes: int) -> None:
    largest = max(sizes)
    require(
        list(sizes) == sorted(set(sizes))
        and all(size > 0 and size % classes == 0 and largest % size == 0 for size in sizes),
        f"sizes {sizes} for {classes} classes",
        "increasing multiples of the number of classes that divide the largest",
        f"use {classes},{2 * classes},{4 * classes}",
    )


def _expected(label: str, blocks: KernelBlocks, pairs: int) -> str:
    seconds = blocks.seconds_per_pair()
    return (
        f"{label}: {pairs} pairs of images to compute, {1e3 * seconds:.2g} ms each on this "
        f"machine now: about {_hours(seconds * pairs)}; blocks that are done are kept"
    )


def _hours(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 7200.0 else f"{seconds / 3600.0:.1f} h"
