"""Where a sweep's results are kept: one Zarr group, filled pack by pack as members finish.

    zarr.json                  attributes: version, description, and the digest of both
    settings/NAME              one value a setting; words as positions in the ``categories``
    programs/0000/member       numbers of the members that share a program, [n]
    programs/0000/QUANTITY     what was measured, [n, time, ...]; a chunk is a pack
    programs/0000/finished     1 for members that are done; a pack's chunk of it is written last
    failures/0000-00000.json   why a pack could not be computed

Members are numbered ``setting * seeds + seed``, both by position. Chunks are numbers and their
CRC-32C, each put in place by one rename: whatever kills a process, a pack is there or not, and
whatever damages a file, reading finds it. Packs are the same whoever computes them, so that two
writers at once do no harm. Nothing is ever unpickled.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from carnotlab.core.errors import InputError
from carnotlab.runs.atomic import clear_leftovers, write_json
from carnotlab.runs.entries import damaged
from carnotlab.runs.sweeps.chunks import decoded, encoded, put, read
from carnotlab.runs.sweeps.layout import FILE, Layout, Pack, read_layout

Array = np.ndarray[Any, Any]
Records = dict[str, Array]
"""What was measured of some members, ``[member, ...]`` by name."""

FOLDER = "sweeps"
"""Folder of all sweeps in an output folder."""

FINISHED = "finished"
MARK = np.dtype("uint8")
MEMBER = np.dtype("int64")


@dataclass(frozen=True)
class Archive:
    """The folder of one sweep and what its description says must be there."""

    root: Path
    layout: Layout

    @classmethod
    def create(
        cls, root: Path, layout: Layout, columns: Mapping[str, Array], members: list[Array]
    ) -> "Archive":
        """Make the folder, or mend the description of one; what is finished stays.

        Args:
            root: The folder.
            layout: The description.
            columns: The settings' values as numbers, by name.
            members: The numbers of each program's members.

        Raises:
            InputError: if the folder cannot be written.
        """
        tables = {f"settings/{name}": values for name, values in columns.items()}
        tables |= {f"programs/{at:04d}/member": values for at, values in enumerate(members)}
        files = {
            root / place / FILE: json.dumps(node, allow_nan=False).encode()
            for place, node in layout.nodes()
        }
        files |= {root / place / "c/0": encoded(v, len(v)) for place, v in tables.items()}
        # The root last: a folder with a description is complete.
        for file, content in reversed(files.items()):
            if read(file) != content:
                put(file, content)
        return cls(root, layout)

    @classmethod
    def open(cls, root: Path) -> "Archive":
        """Open a folder by its description alone; no results are read.

        Raises:
            DamagedError: if it holds no sweep or its description was damaged.
            InputError: if a newer version wrote it.
        """
        return cls(root, read_layout(root))

    @cached_property
    def settings(self) -> dict[str, Array]:
        """The values of each setting, in order of rows.

        Raises:
            DamagedError: if they are not as they were written.
        """
        found: dict[str, Array] = {}
        for name, column in self.layout.columns.items():
            values = self._table(f"settings/{name}", np.dtype(column.dtype), self.layout.settings)
            if column.categories is not None:
                values = np.array(column.categories)[values]
            found[name] = values
        return found

    def members_of(self, program: int) -> Array:
        """Return the numbers of a program's members.

        Raises:
            DamagedError: if they are not as they were written.
        """
        size = self.layout.programs[program].members
        return self._table(f"programs/{program:04d}/member", MEMBER, size)

    def clear(self) -> None:
        """Remove what killed processes left half written."""
        for folder, _, _ in os.walk(self.root):
            clear_leftovers(Path(folder))

    def finished(self) -> list[Pack]:
        """Return the packs that are there; whether they are sound is seen by reading them."""
        there = [
            {path.name for path in _listed(self.root / f"programs/{at:04d}/{FINISHED}/c")}
            for at in range(len(self.layout.programs))
        ]
        return [(at, pack) for at, pack in self.layout.packs if str(pack) in there[at]]

    def write(self, program: int, pack: int, records: Mapping[str, Array]) -> None:
        """Put a pack in place; its members count as finished when all of it is there.

        Raises:
            InputError: if the folder cannot be written or the disk is full.
        """
        length = self.layout.programs[program].pack
        for name, variable in self.layout.variables.items():
            values = np.asarray(records[name], variable.kind)
            put(self._file(program, name, pack), encoded(values, length))
        rows = self.layout.rows_of(program, pack)
        done = np.ones(rows.stop - rows.start, MARK)
        put(self._file(program, FINISHED, pack), encoded(done, length))
        with suppress(OSError):
            self._failure(program, pack).unlink(missing_ok=True)

    def read(self, program: int, pack: int) -> Records | None:
        """Return a pack's records; None where it is not finished or was damaged."""
        rows = self.layout.rows_of(program, pack)
        length = self.layout.programs[program].pack
        found: Records = {}
        for name in (FINISHED, *self.layout.variables):
            kind = MARK if name == FINISHED else self.layout.variables[name].kind
            content = read(self._file(program, name, pack))
            values = decoded(content, kind, (length, *self._shape(name)))
            if values is None:
                return None
            found[name] = values[: rows.stop - rows.start]
        return found if bool(found.pop(FINISHED).all()) else None

    def files_of(self, program: int, pack: int) -> tuple[Path, ...]:
        """Return the chunks of a pack, that which says it is finished first."""
        names = (FINISHED, *self.layout.variables)
        return tuple(self._file(program, name, pack) for name in names)

    def fail(self, program: int, pack: int, reason: str) -> None:
        """Note why a pack could not be computed; the next run tries it again."""
        write_json(self._failure(program, pack), {"reason": reason})

    def failures(self) -> dict[Pack, str]:
        """Return the packs that failed, and why."""
        found: dict[Pack, str] = {}
        for file in _listed(self.root / "failures"):
            try:
                program, pack = map(int, file.stem.split("-"))
                found[program, pack] = str(json.loads(read(file))["reason"])
            except (ValueError, KeyError, TypeError):
                continue
        return {each: found[each] for each in self.layout.packs if each in found}

    def _shape(self, name: str) -> tuple[int, ...]:
        return () if name == FINISHED else self.layout.variables[name].shape

    def _file(self, program: int, name: str, pack: int) -> Path:
        where = "/".join(["c", str(pack), *["0"] * len(self._shape(name))])
        return self.root / f"programs/{program:04d}" / name / where

    def _failure(self, program: int, pack: int) -> Path:
        return self.root / "failures" / f"{program:04d}-{pack:05d}.json"

    def _table(self, place: str, kind: np.dtype[Any], size: int) -> Array:
        values = decoded(read(self.root / place / "c/0"), kind, (size,))
        if values is None:
            raise damaged(self.root, InputError(place, "as it was written", "repeat the command"))
        return values


def words_of(archive: Archive, row: int) -> str:
    """Return a setting in words."""
    parts = [f"{name}={values[row]}" for name, values in archive.settings.items()]
    return ", ".join(parts) or "the only setting"


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
