"""Results as event files of TensorBoard, whose writer is installed by those who use it."""

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from carnotlab.core.errors import InputError
from carnotlab.runs.atomic import unwritable
from carnotlab.runs.export.series import curves_of
from carnotlab.runs.export.tidy import Part


def log_to_tensorboard(
    parts: Sequence[Part], folder: Path, title: str, settings: Mapping[str, Any]
) -> tuple[str, ...]:
    """Write an event file for each arm, side and seed under a folder; return what is left out.

    Files go to ``folder/title``. TensorBoard overlays curves of one name, such as theory and
    experiment of one quantity.

    Raises:
        InputError: if tensorboardX is not installed, or the folder cannot be written.
    """
    try:
        writers = import_module("tensorboardX")
    except ImportError as error:
        raise InputError(
            f"--tensorboard {folder} without a writer of event files",
            "the package tensorboardX",
            "pip install tensorboardX",
        ) from error
    left_out: list[str] = []
    place = folder / title
    if place.exists():
        raise InputError(
            f"folder {place}, which is there already",
            "a new one, as events only ever add up",
            "choose another with --tensorboard, or delete it",
        )
    ordered = sorted(curves_of(parts, left_out), key=lambda curve: curve.run)
    try:
        for name, curves in groupby(ordered, key=lambda curve: curve.run):
            writer: Any = writers.SummaryWriter(str(place.joinpath(*map(_file, name.split("/")))))
            writer.add_text("settings", "  \n".join(f"{k} = {v}" for k, v in settings.items()))
            for curve in curves:
                for step, value in zip(curve.steps, curve.values, strict=True):
                    writer.add_scalar(curve.name, float(value), step)
            writer.close()
    except OSError as error:
        raise unwritable(place, error) from error
    return tuple(left_out)


def _file(text: str) -> str:
    """Return a part of a run's name as a name of a folder."""
    return re.sub(r"[^\w .+=-]+", "_", text).strip(". ") or "run"
