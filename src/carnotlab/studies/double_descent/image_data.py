"""Images that the studies run on: digits always, MNIST or Fashion-MNIST where a file is given."""

from pathlib import Path

from carnotlab.studies.data_folder import find_data, not_found
from carnotlab.tasks.cifar10 import ImageSubset
from carnotlab.tasks.digits import Digits

SIDE = 7
"""Pixels along a side to which the larger images are averaged: as few as those of digits, so that
thresholds compare and a sweep takes minutes."""


def image_tasks(
    names: tuple[str, ...],
    samples: int,
    held_out: int,
    data: str | None = None,
    classes: tuple[int, ...] | None = None,
) -> tuple[dict[str, Digits | ImageSubset], tuple[str, ...]]:
    """Return tasks by name, and in words what is skipped.

    ``names`` are ``digits`` or names of archives in the data folder; ``data`` a file of the
    user's own beside them. Half of ``held_out`` is for validation. ``classes`` keeps only these.
    """
    found: dict[str, Digits | ImageSubset] = {}
    skipped: list[str] = []
    for name in names:
        if name == "digits":
            found[name] = Digits(samples, held_out, classes=classes)
            continue
        path = find_data(f"{name}.npz")
        if path is None:
            skipped.append(not_found(f"{name}.npz", "such a file"))
        else:
            found[name] = _subset(path, samples, held_out, classes)
    if data is not None:
        found[Path(data).stem] = _subset(Path(data), samples, held_out, classes)
    return found, tuple(skipped)


def _subset(
    path: Path, samples: int, held_out: int, classes: tuple[int, ...] | None
) -> ImageSubset:
    """Return a subset of an archive with as many samples, averaged to a smaller side if larger."""
    whole = ImageSubset(str(path), classes=classes)
    side = SIDE if whole.input_shape[0] % SIDE == 0 and whole.input_shape[0] > SIDE else None
    per_class = -(-samples // whole.output_size)
    return ImageSubset(str(path), per_class, held_out, side, classes=classes)
