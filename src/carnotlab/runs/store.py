"""A store of labelled arrays keyed by content: caching and resuming are one mechanism."""

import hashlib
import json
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
import zarr.errors

from carnotlab.core.errors import InputError
from carnotlab.runs.atomic import appearing, clear_leftovers, unwritable

FORMAT = 3
DIGEST = "sha256"
"""Attribute of an entry's root that holds the digest of all its other files."""


@dataclass(frozen=True)
class Store:
    """A folder of data trees, each under the digest of what it was computed from.

    An entry appears whole or not at all, so whatever is present is complete: a repeated command
    computes exactly what is missing. Arrays are Zarr; nothing is ever unpickled.

    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()))
    >>> store.save("a1", xr.DataTree.from_dict({"prediction": xr.Dataset({"u": ("time", [1.0])})}))
    >>> float(store.load("a1")["prediction/u"][0])
    1.0
    """

    root: Path

    def path(self, key: str) -> Path:
        """Return where an entry is or would be."""
        return self.root / f"{key}.zarr"

    def __contains__(self, key: str) -> bool:
        """Whether an entry is present."""
        return self.path(key).is_dir()

    def load(self, key: str) -> xr.DataTree:
        """Read an entry into memory.

        Raises:
            InputError: if it is missing, or was damaged after it was written.
        """
        if key not in self:
            raise InputError(f"entry {key}", f"one that is in {self.root}", "run the study first")
        try:
            _verify(self.path(key))
            with xr.open_datatree(self.path(key), engine="zarr", consolidated=False) as tree:
                loaded = tree.load()
            del loaded.attrs[DIGEST]
            return loaded
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise InputError(
                f"a damaged entry {self.path(key)} ({error})",
                "an entry as it was written",
                "delete that folder and repeat the command",
            ) from error

    def save(self, key: str, tree: xr.DataTree) -> None:
        """Write an entry whole or not at all.

        Raises:
            InputError: if the folder cannot be written or the disk is full.
        """
        with appearing(self.path(key)) as temporary, warnings.catch_warnings():
            # Fixed-width strings have no Zarr 3 specification yet; they are coordinates here.
            warnings.simplefilter("ignore", category=zarr.errors.UnstableSpecificationWarning)
            tree.to_zarr(temporary, zarr_format=FORMAT, consolidated=False)
            zarr.open_group(temporary, mode="r+").attrs[DIGEST] = _digest(temporary)

    def prepare(self) -> None:
        """Make the folder, and clear what killed processes left in it.

        Raises:
            InputError: if the folder cannot be written.
        """
        probe = self.root / ".writable"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"carnot")
        except OSError as error:
            raise unwritable(self.root, error) from error
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)
        clear_leftovers(self.root)


def _verify(entry: Path) -> None:
    """Raise `ValueError` unless an entry is as it was written: Zarr fills gaps in silence."""
    root = json.loads((entry / "zarr.json").read_text(encoding="utf-8"))
    if root["attributes"][DIGEST] != _digest(entry):
        raise ValueError("its files are not those that were written")


def _digest(entry: Path) -> str:
    """Return a digest of the names and bytes of all files but the root's description."""
    files = {path.relative_to(entry).as_posix(): path for path in entry.rglob("*")}
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        if name != "zarr.json" and path.is_file():
            digest.update(f"{name}\n{path.stat().st_size}\n".encode() + path.read_bytes())
    return digest.hexdigest()
