"""Images that the studies run on: digits always, MNIST or Fashion-MNIST where a file is given."""

from dataclasses import replace
from pathlib import Path

from carnotlab.studies.data_folder import find_data, not_found
from carnotlab.tasks.cifar10 import ImageSubset
from carnotlab.tasks.digits import Digits

SIDE = 7
"""Pixels along a side to which the larger images are averaged: as few as those of digits, so that
thresholds compare and a sweep takes minutes."""


def two_classes(
    names: tuple[str, ...], samples: int, held_out: int
) -> tuple[dict[str, ImageSubset], tuple[str, ...]]:
    """Return the first two classes of archives in the data folder by name, and what is skipped."""
    found, skipped = image_tasks(names, 1, held_out, None)
    return {
        name: replace(task, per_class=-(-samples // 2), classes=(0, 1))
        for name, task in found.items()
        if isinstance(task, ImageSubset)
    }, skipped


def image_tasks(
    names: tuple[str, ...], samples: int, held_out: int, data: str | None
) -> tuple[dict[str, Digits | ImageSubset], tuple[str, ...]]:
    """Return tasks by name, and in words what is skipped.

    ``names`` are ``digits`` or names of archives in the data folder; ``data`` a file of the
    user's own beside them. Half of ``held_out`` is for validation.
    """
    found: dict[str, Digits | ImageSubset] = {}
    skipped: list[str] = []
    for name in names:
        if name == "digits":
            found[name] = Digits(samples, held_out)
            continue
        path = find_data(f"{name}.npz")
        if path is None:
            skipped.append(not_found(f"{name}.npz", "such a file"))
        else:
            found[name] = _subset(path, samples, held_out)
    if data is not None:
        found[Path(data).stem] = _subset(Path(data), samples, held_out)
    return found, tuple(skipped)


def _subset(path: Path, samples: int, held_out: int) -> ImageSubset:
    """Return a subset of an archive with as many samples, averaged to a smaller side if larger."""
    whole = ImageSubset(str(path))
    side = SIDE if whole.input_shape[0] % SIDE == 0 and whole.input_shape[0] > SIDE else None
    return ImageSubset(str(path), -(-samples // whole.output_size), held_out, side)
