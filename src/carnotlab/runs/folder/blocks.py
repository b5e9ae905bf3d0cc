"""Blocks of kernel matrices as things of an output folder."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carnotlab.core.errors import InputError
from carnotlab.runs.block_files import is_sound
from carnotlab.runs.entries import STORE
from carnotlab.runs.folder.held import Fault, Held, Kind, Labels
from carnotlab.runs.plain_files import is_plain_folder, plain_files

if TYPE_CHECKING:
    import xarray as xr

FOLDER = "kernel-blocks"

_NAME = re.compile(r"[0-9a-f]{32}")
_BLOCK = re.compile(r"\d+-\d+\.block")


class KernelBlockFolders(Kind):
    """Folders ``arrays/kernel-blocks/KEY``, one kernel matrix each."""

    def find(self, out: Path) -> list[Held]:
        """Return all matrices of which there are blocks; how many are missing is not known here."""
        place = out / STORE / FOLDER
        if not (is_plain_folder(out / STORE) and is_plain_folder(place)):
            return []
        folders = sorted(
            path for path in place.iterdir() if _NAME.fullmatch(path.name) and is_plain_folder(path)
        )
        return [self._held(folder) for folder in folders]

    def _held(self, folder: Path) -> Held:
        sizes = plain_files(folder).sizes
        count = sum(_BLOCK.fullmatch(name) is not None for name in sizes)
        title = "blocks of a kernel matrix"
        size = sum(sizes.values())
        return Held(
            "kernel blocks", folder.name, folder.name, folder, title, size, "whole", "unknown",
            count, count, "blocks",
        )  # fmt: skip

    def faults(self, held: Held) -> list[Fault]:
        """Compare each block with its digest."""
        names = sorted(name for name in plain_files(held.path).sizes if _BLOCK.fullmatch(name))
        return [
            Fault(held.path / name, "its bytes are not those that were written")
            for name in names
            if not is_sound(held.path / name)
        ]

    def details(self, held: Held) -> dict[str, Any]:
        """Return nothing beyond the row: a block does not say what it is a block of."""
        del held
        return {}

    def foreign(self, held: Held) -> Sequence[str]:
        """Return whatever is not a block."""
        files = plain_files(held.path)
        return [*files.odd, *sorted(name for name in files.sizes if not _BLOCK.fullmatch(name))]

    def tables(self, held: Held) -> "Iterator[tuple[Labels, xr.Dataset]]":
        """Refuse: blocks are a means, and results are what is exported."""
        raise InputError(
            f"blocks of a kernel matrix {held.name}",
            "a study, a sweep or an entry",
            "export the study that uses them",
        )
