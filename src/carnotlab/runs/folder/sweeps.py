"""Sweeps as things of an output folder."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from carnotlab.core.errors import InputError, require
from carnotlab.runs.entries import DamagedError
from carnotlab.runs.folder.held import Fault, Held, Kind, Labels, State
from carnotlab.runs.folder.present_code import age_of
from carnotlab.runs.plain_files import is_plain_folder, plain_files
from carnotlab.runs.sweeps.archive import FOLDER, Archive
from carnotlab.runs.sweeps.layout import FILE

if TYPE_CHECKING:
    import xarray as xr

_NAME = re.compile(r"[0-9a-f]{32}")
_OURS = re.compile(
    r"zarr\.json|(settings|programs)/([0-9A-Za-z_]+/)*(zarr\.json|c(/[0-9]+)+)"
    r"|failures/[0-9]+-[0-9]+\.json"
)


class Sweeps(Kind):
    """Folders ``sweeps/KEY``, one sweep each."""

    def find(self, out: Path) -> list[Held]:
        """Return all sweeps."""
        place = out / FOLDER
        if not is_plain_folder(place):
            return []
        folders = (p for p in sorted(place.iterdir()) if _NAME.fullmatch(p.name))
        return [self._held(folder) for folder in folders if is_plain_folder(folder)]

    def _held(self, folder: Path) -> Held:
        key, size = folder.name, plain_files(folder).size
        try:
            archive = Archive.open(folder)
            columns = archive.settings
        except InputError as error:
            state: State = "damaged" if isinstance(error, DamagedError) else "newer"
            return Held(
                "sweep", key, key, folder, "sweep", size, state, "unknown", 0, 0, "members",
                note=str(error),
            )  # fmt: skip
        layout = archive.layout
        slices = (layout.rows_of(*pack) for pack in archive.finished())
        done = sum(rows.stop - rows.start for rows in slices)
        settings: dict[str, Any] = {
            name: _span(values.tolist()) for name, values in columns.items()
        }
        return Held(
            "sweep",
            key,
            key,
            folder,
            f"sweep of {layout.name}",
            size,
            "whole" if done == layout.members else "partial",
            age_of([str(layout.provenance.get("code", ""))]),
            done,
            layout.members,
            "members",
            {**settings, "seeds": len(layout.seeds)},
        )

    def faults(self, held: Held) -> list[Fault]:
        """Read every pack that is there; the files of a damaged one are named together."""
        try:
            archive = Archive.open(held.path)
            tables = [archive.settings]
            tables += [archive.members_of(at) for at in range(len(archive.layout.programs))]
            del tables
        except DamagedError as error:
            return [Fault(held.path / FILE, str(error))]
        reason = "its bytes are not those that were written"
        return [
            Fault(file, reason)
            for pack in archive.finished()
            if archive.read(*pack) is None
            for file in archive.files_of(*pack)
        ]

    def details(self, held: Held) -> dict[str, Any]:
        """Return the description: settings, seeds, quantities, failures, provenance."""
        archive = Archive.open(held.path)
        layout = archive.layout
        return {
            "name": layout.name,
            "settings": {name: _span(v.tolist()) for name, v in archive.settings.items()},
            "refused": dict(layout.refused),
            "failures": {f"{p:04d}-{k:05d}": why for (p, k), why in archive.failures().items()},
            "quantities": [
                {
                    "quantity": name,
                    "dims": ["member", *each.dims],
                    "shape": [layout.members, *each.shape],
                    "units": each.unit,
                    "meaning": each.meaning,
                }
                for name, each in layout.variables.items()
            ],
            "programs": [msgspec.to_builtins(each) for each in layout.programs],
            "provenance": layout.provenance,
        }

    def foreign(self, held: Held) -> Sequence[str]:
        """Return whatever a sweep does not write."""
        files = plain_files(held.path)
        return [*files.odd, *sorted(name for name in files.sizes if not _OURS.fullmatch(name))]

    def tables(self, held: Held) -> "Iterator[tuple[Labels, xr.Dataset]]":
        """Yield the sweep as one labelled array, as far as it is done."""
        from carnotlab.runs.sweeps.results import gather

        result, lost = gather(Archive.open(held.path))
        require(
            not lost,
            f"sweep {held.name} with {len(lost)} damaged packs",
            "packs as they were written",
            "repeat the command that made it: it computes them again",
        )
        yield {"sweep": held.name}, result.dataset


def _span(values: list[Any]) -> Any:
    """Return a column's only value, its few values, or its ends and how many there are."""
    several = list(dict.fromkeys(values))
    if len(several) == 1:
        return several[0]
    if len(several) <= 6:
        return several
    if isinstance(several[0], str):
        return f"{several[0]}, ... ({len(several)} values)"
    return f"{min(several)} to {max(several)} ({len(several)} values)"
