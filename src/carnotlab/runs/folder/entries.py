"""Entries of a store as things of a folder: arms of studies, single runs, parts kept on the way."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from carnotlab.core.errors import InputError
from carnotlab.runs.entries import (
    STORE,
    SUFFIX,
    DamagedError,
    check,
    foreign_files,
    read_root,
)
from carnotlab.runs.folder.held import Fault, Held, Kind, Labels
from carnotlab.runs.folder.present_code import age_of
from carnotlab.runs.folder.quantities import quantities_in
from carnotlab.runs.plain_files import is_plain_folder, plain_files

if TYPE_CHECKING:
    import xarray as xr

_NAME = re.compile(r"[0-9A-Za-z_-]{1,128}\.zarr")

SIDES = ("prediction", "observation", "checks")
TITLES = {"arm": "a run's prediction and observation", "part": "kept on the way to a result"}


class Entries(Kind):
    """Folders ``KEY.zarr`` in an output folder and in its store."""

    def find(self, out: Path) -> list[Held]:
        """Return all entries, those that studies use, too."""
        return [held(entry) for entry in entry_folders(out)]

    def faults(self, held: Held) -> list[Fault]:
        """Read every byte of an entry."""
        try:
            check(held.path)
        except DamagedError as error:
            return [Fault(held.path, reason_of(error))]
        except InputError as error:
            return [Fault(held.path, str(error))]
        return []

    def details(self, held: Held) -> dict[str, Any]:
        """Return version, origin and arrays."""
        root = read_root(held.path)
        return {
            "format": root.version,
            "origin": msgspec.to_builtins(root.origin),
            "quantities": quantities_in(held.path),
        }

    def foreign(self, held: Held) -> Sequence[str]:
        """Return whatever is no part of a Zarr group."""
        return foreign_files(plain_files(held.path))

    def tables(self, held: Held) -> "Iterator[tuple[Labels, xr.Dataset]]":
        """Yield each group of an entry."""
        yield from groups_of(held.path, {})


def groups_of(entry: Path, labels: Labels) -> "Iterator[tuple[Labels, xr.Dataset]]":
    """Yield each group of an entry under some labels and its own name as ``side``."""
    from carnotlab.runs.store import Store

    tree = Store(entry.parent).load(entry.name.removesuffix(SUFFIX))
    for name in sorted(tree.children, key=lambda name: (*SIDES, name).index(name)):
        yield {**labels, "side": name}, tree[name].to_dataset()


def entry_folders(out: Path) -> list[Path]:
    """Return the folders of entries in an output folder and its store; links are left out."""
    places = [place for place in (out, out / STORE) if is_plain_folder(place) or place == out]
    found = (path for place in places for path in place.glob(f"*{SUFFIX}"))
    return sorted(path for path in found if _NAME.fullmatch(path.name) and is_plain_folder(path))


def held(entry: Path) -> Held:
    """Return an entry as it looks without being read."""
    key = entry.name.removesuffix(SUFFIX)
    size = plain_files(entry).size
    try:
        root = read_root(entry)
    except DamagedError as error:
        note = reason_of(error)
        return Held(
            "entry", key, key, entry, "cannot be read", size, "damaged", "unknown", note=note
        )
    except InputError as error:
        title = "of a newer version"
        return Held("entry", key, key, entry, title, size, "newer", "unknown", note=str(error))
    kind = root.origin.kind
    title = TITLES.get(kind, kind)
    return Held(kind, key, key, entry, title, size, "whole", age_of([root.origin.code]))


def reason_of(error: DamagedError) -> str:
    """Return the reason alone of an error that says that an entry is damaged."""
    return error.given[error.given.find("(") + 1 : error.given.rfind(")")]
