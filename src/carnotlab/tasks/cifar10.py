"""CIFAR-10, or any archive of labelled images: class-balanced subsets, each within the next."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from carnotlab.core.data import Data
from carnotlab.core.errors import require
from carnotlab.tasks.balanced_order import balanced_order
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.drawing import generator, sealed
from carnotlab.tasks.npz_files import read_npz
from carnotlab.tasks.pixels import averaged, shuffled
from carnotlab.tasks.reading import (
    MAX_BYTES,
    described_by_content,
    file_digest,
    require_unchanged,
    resolved,
)
from carnotlab.tasks.targets import labels, one_hot

CHUNK = 1000
"""Images turned into floating point at a time."""


@dataclass(frozen=True)
class ImageSubset(Task):
    """Images of an NPZ archive, ``per_class`` of each class to train on, channels last.

    The archive holds ``x_train`` and ``x_test``, ``[n, height, width]`` or ``[n, height, width,
    channels]``, numbers of any kind, with labels ``y_train`` and ``y_test``: CIFAR-10, MNIST or
    Fashion-MNIST saved so, or your own. ``seed`` draws training images in rounds of one of each
    class (`balanced_order`: a smaller subset is a prefix of a larger one), and ``held_out`` of the
    test images. ``side`` averages blocks of pixels down to that many along each axis; ``shuffle``
    is the seed of one permutation of pixels in all images. ``classes`` keeps only these, counted
    from 0, in this order of outputs. Each channel is brought to mean 0 and variance 1 with the
    statistics of all images in ``x_train``, whatever the subset. Targets are one-hot.

    The description holds the SHA-256 of the file: results follow its content.

    Raises:
        InputError: for a file that is no such archive, more images than there are, classes that it
            does not have, or a ``side`` that does not divide the images.
    """

    path: str
    per_class: int = 1
    held_out: int = 100
    side: int | None = None
    shuffle: int | None = None
    seed: int = 0
    classes: tuple[int, ...] | None = None
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        require_whole("per_class", self.per_class, 1)
        require_whole("held_out", self.held_out, 1)
        require_whole("seed", self.seed, 0)
        object.__setattr__(self, "path", resolved(self.path))
        object.__setattr__(self, "sha256", file_digest(self.path))
        archive = self._archive
        rarest = int(np.bincount(archive.y_train).min())
        require(
            self.per_class <= rarest,
            f"per_class = {self.per_class}",
            f"at most the {rarest} training images of the rarest class",
            "use fewer",
        )
        require(
            self.held_out <= len(archive.x_test),
            f"held_out = {self.held_out}",
            f"at most the {len(archive.x_test)} test images",
            "use fewer",
        )
        resized(archive.x_train[:1], self.side)

    def __describe__(self) -> dict[str, Any]:
        """Name the content by its digest, and the file without its folder."""
        return described_by_content(self)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image: height, width, channels."""
        return resized(image_archive(self.path, self.sha256).x_train[:1], self.side).shape[1:]

    @property
    def output_size(self) -> int:
        """Number of classes."""
        return len(self._archive.names)

    @property
    def is_classification(self) -> bool:
        """Targets are one-hot classes."""
        return True

    @property
    def _archive(self) -> "ImageArchive":
        """The archive, or what of it is of the chosen classes."""
        return chosen_classes(self.path, self.sha256, self.classes)

    def data(self) -> Data:
        """Return the images drawn, read-only float64."""
        return _data(self)


@dataclass(frozen=True, eq=False)
class ImageArchive:
    """Images of an archive as they are, with classes counted from 0 and the classes' names."""

    x_train: np.ndarray[Any, Any]
    y_train: Int[np.ndarray, " n"]
    x_test: np.ndarray[Any, Any]
    y_test: Int[np.ndarray, " m"]
    names: tuple[str, ...]


@lru_cache(maxsize=2)
def image_archive(path: str, sha256: str) -> ImageArchive:
    """Return the images of an NPZ archive, of which ``sha256`` is the digest.

    Raises:
        InputError: for a file of another content, or one that is no archive as `ImageSubset` needs.
    """
    require_unchanged(path, sha256)
    raw = read_npz(Path(path), max_bytes=MAX_BYTES)
    require(
        raw.x_test is not None and raw.y_test is not None,
        f"'{path}' without test images",
        "the arrays x_train, y_train, x_test and y_test",
        "save them so with numpy.savez",
    )
    x_test, y_test = np.asarray(raw.x_test), np.asarray(raw.y_test)
    _require_images(raw.x, "x_train", path)
    _require_images(x_test, "x_test", path)
    require(
        len(raw.x) == len(raw.y) and len(x_test) == len(y_test),
        f"{len(raw.x)} and {len(x_test)} images with {len(raw.y)} and {len(y_test)} labels",
        "one label for each image",
        f"correct '{path}'",
    )
    together = np.concatenate([raw.y.ravel(), y_test.ravel()])
    codes, names = labels(together, f"the labels of '{path}'", raw.class_names)
    return ImageArchive(raw.x, codes[: len(raw.y)], x_test, codes[len(raw.y) :], names)


@lru_cache(maxsize=2)
def chosen_classes(path: str, sha256: str, classes: tuple[int, ...] | None) -> ImageArchive:
    """Return the images of some classes alone, counted anew in the order given.

    Raises:
        InputError: for fewer than two classes, the same one twice, or one that is not there.
    """
    whole = image_archive(path, sha256)
    if classes is None:
        return whole
    count = len(whole.names)
    require(
        len(set(classes)) == len(classes) >= 2 and set(classes) <= set(range(count)),
        f"classes = {classes!r} of '{path}'",
        f"two or more different ones of 0 to {count - 1}",
        "try (0, 1)",
    )
    anew = np.full(count, -1)
    anew[list(classes)] = np.arange(len(classes))
    train, test = (np.flatnonzero(anew[y] >= 0) for y in (whole.y_train, whole.y_test))
    return ImageArchive(
        whole.x_train[train],
        anew[whole.y_train[train]],
        whole.x_test[test],
        anew[whole.y_test[test]],
        tuple(whole.names[k] for k in classes),
    )


def _require_images(images: np.ndarray[Any, Any], name: str, path: str) -> None:
    require(
        images.dtype.kind in "uif" and images.ndim in (3, 4) and len(images) > 0,
        f"{name} of shape {images.shape}, {images.dtype}, in '{path}'",
        "numbers [n, height, width] or [n, height, width, channels]",
        "save the images so",
    )


@lru_cache(maxsize=4)
def _scale(
    path: str, sha256: str, side: int | None
) -> tuple[Float[np.ndarray, " channels"], Float[np.ndarray, " channels"]]:
    """Return mean and standard deviation of each channel over all training images."""
    images = image_archive(path, sha256).x_train
    parts = [resized(images[i : i + CHUNK], side) for i in range(0, len(images), CHUNK)]
    sums = [np.stack([part.sum((0, 1, 2)), (part**2).sum((0, 1, 2))]) for part in parts]
    count = sum(part[..., 0].size for part in parts)
    mean, square = np.sum(sums, axis=0) / count
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    # What is left of a constant channel is rounding.
    constant = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-300)
    return mean, np.where(constant, 1.0, deviation)


def resized(
    images: np.ndarray[Any, Any], side: int | None
) -> Float[np.ndarray, "n height width channels"]:
    """Return images as float64 with channels last, averaged to ``side`` pixels along each axis."""
    values = images.astype(np.float64)
    values = values[..., None] if values.ndim == 3 else values
    return values if side is None else averaged(values, side)


@lru_cache(maxsize=8)
def _data(task: ImageSubset) -> Data:
    archive = chosen_classes(task.path, task.sha256, task.classes)
    classes = len(archive.names)
    train = balanced_order(
        archive.y_train, task.per_class, classes=classes, seed=task.seed, purpose="training images"
    )
    test = generator(task.seed, "test images").permutation(len(archive.x_test))[: task.held_out]
    mean, deviation = _scale(task.path, task.sha256, task.side)

    def prepared(images: np.ndarray[Any, Any]) -> Float[np.ndarray, "n height width channels"]:
        x = (resized(images, task.side) - mean) / deviation
        return x if task.shuffle is None else shuffled(x, task.shuffle)

    return Data(
        sealed(prepared(archive.x_train[train]), one_hot(archive.y_train[train], classes)),
        sealed(prepared(archive.x_test[test]), one_hot(archive.y_test[test], classes)),
    )
