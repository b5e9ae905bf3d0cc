"""A store of labelled arrays keyed by content: caching and resuming are one mechanism."""

import os
import re
import shutil
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import xarray as xr
import zarr
import zarr.errors

from carnotlab.core.errors import InputError, require
from carnotlab.core.provenance import code_digest, package_version
from carnotlab.runs.atomic import prepare, temporary_beside, unwritable
from carnotlab.runs.entries import (
    DIGEST_ATTRIBUTE,
    FORMAT,
    ORIGIN_ATTRIBUTE,
    OWN_ATTRIBUTES,
    SUFFIX,
    VERSION_ATTRIBUTE,
    DamagedError,
    Origin,
    Root,
    check,
    damaged,
    declared_bytes,
    digest_of,
    kind_of,
    read_root,
)
from carnotlab.runs.plain_files import plain_files

ZARR_FORMAT = 3
KEY = re.compile(r"[0-9A-Za-z_-]{1,128}")
"""Keys become names of folders, so nothing else is let through."""

ATTEMPTS = 10
"""How often an entry is tried that other processes replace at the same time."""


@dataclass(frozen=True)
class Store:
    """A folder of data trees, each under the digest of what it was computed from.

    An entry appears whole or not at all, so whatever is present is complete: a repeated command
    computes exactly what is missing. Arrays are Zarr; nothing is ever unpickled, and an entry from
    elsewhere is checked before Zarr opens it. Several processes may write and read at once.

    >>> import tempfile
    >>> store = Store(Path(tempfile.mkdtemp()))
    >>> store.save("a1", xr.DataTree.from_dict({"prediction": xr.Dataset({"u": ("time", [1.0])})}))
    >>> float(store.load("a1")["prediction/u"][0])
    1.0
    """

    root: Path

    def path(self, key: str) -> Path:
        """Return where an entry is or would be.

        Raises:
            InputError: for a key that is not a plain name.
        """
        require(
            KEY.fullmatch(key) is not None,
            f"key {key!r}",
            "up to 128 letters, digits, '-' and '_'",
            "use the key that a run gave",
        )
        return self.root / f"{key}{SUFFIX}"

    def __contains__(self, key: str) -> bool:
        """Whether an entry is present."""
        return self.path(key).is_dir()

    def load(self, key: str) -> xr.DataTree:
        """Read an entry of any known version into memory.

        Raises:
            InputError: if it is missing, was written by a newer version, or does not fit memory.
            DamagedError: if it was damaged after it was written.
        """
        for _ in range(ATTEMPTS):
            seen = _identity(self.path(key))
            if seen is None:
                break
            # Another process may exchange it between two of its files: what was read may then be
            # of both, and what looks damaged need not be.
            try:
                found = _read(self.path(key))
                if _identity(self.path(key)) == seen:
                    return found
            except DamagedError:
                if _identity(self.path(key)) == seen:
                    raise
        raise InputError(f"entry {key}", f"one that is in {self.root}", "run the study first")

    def save(self, key: str, tree: xr.DataTree) -> None:
        """Write an entry whole or not at all.

        Equal keys mean equal content: an entry that is there already and sound stays, so that two
        processes that compute the same never take it from a reader. A damaged one is replaced.

        Raises:
            InputError: if the folder cannot be written or the disk is full, or the tree uses names
                of the store's own attributes.
        """
        target = self.path(key)
        taken = [name for name in OWN_ATTRIBUTES if name in tree.attrs]
        require(not taken, f"attributes {taken} of a tree", "other names", "rename them")
        with _staged(target) as staged, warnings.catch_warnings():
            # Fixed-width strings have no Zarr 3 specification yet; they are coordinates here.
            warnings.simplefilter("ignore", category=zarr.errors.UnstableSpecificationWarning)
            tree.to_zarr(staged, zarr_format=ZARR_FORMAT, consolidated=False)
            _seal(staged, kind_of(tree.children))
            _put(staged, target)

    def prepare(self) -> None:
        """Make the folder, and clear what killed processes left in it.

        Raises:
            InputError: if the folder cannot be written.
        """
        prepare(self.root)


def _read(entry: Path) -> xr.DataTree:
    """Return a sound entry's tree without the store's own attributes."""
    check(entry)
    try:
        needed, memory = declared_bytes(entry), _memory()
        require(
            memory is None or needed <= memory,
            f"entry {entry} with {needed / 1e9:.3g} GB of arrays",
            f"arrays that fit into {(memory or 0) / 1e9:.3g} GB of memory",
            "read it on a machine with more memory",
        )
        with warnings.catch_warnings():
            # Zarr leaves out an array that vanishes while it reads, and only warns.
            warnings.simplefilter("error", category=zarr.errors.ZarrUserWarning)
            with xr.open_datatree(
                entry, engine="zarr", consolidated=False, zarr_format=ZARR_FORMAT
            ) as tree:
                loaded = tree.load()
    except InputError:
        raise
    except (OSError, KeyError, ValueError, RuntimeError, zarr.errors.ZarrUserWarning) as error:
        raise damaged(entry, error) from error
    for name in OWN_ATTRIBUTES:
        loaded.attrs.pop(name, None)
    return loaded


def _seal(entry: Path, kind: str) -> None:
    """Write version, origin and digest into the root's attributes."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    origin = Origin(kind, package_version(), code_digest(), now)
    attributes = zarr.open_group(entry, mode="r+").attrs
    attributes[VERSION_ATTRIBUTE] = FORMAT
    attributes[ORIGIN_ATTRIBUTE] = msgspec.to_builtins(origin)
    attributes[DIGEST_ATTRIBUTE] = ""
    root: Root = read_root(entry)
    attributes[DIGEST_ATTRIBUTE] = digest_of(entry, root, plain_files(entry))


@contextmanager
def _staged(target: Path) -> Generator[Path, None, None]:
    """Give a temporary sibling to write an entry to; it is removed if it is still there after."""
    staged = temporary_beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield staged
    except OSError as error:
        raise unwritable(target.parent, error) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _put(staged: Path, target: Path) -> None:
    """Move an entry into place unless a sound one is there, however many processes try at once.

    A rename onto a folder that is not empty fails, so the first of several wins.
    """
    for attempt in range(ATTEMPTS):
        try:
            staged.rename(target)
            return
        except OSError:
            if not target.exists() or attempt == ATTEMPTS - 1:
                raise
        with suppress(DamagedError):
            check(target)
            return
        # Moved away first: a process killed while deleting in place would leave half of it.
        aside = temporary_beside(target)
        with suppress(FileNotFoundError):
            target.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def _identity(entry: Path) -> tuple[int, int, int] | None:
    """Return what tells a folder from another of the same name; None where there is none.

    Numbers of files are given anew, but not at the same time.
    """
    try:
        found = entry.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _memory() -> int | None:
    """Return the machine's memory in bytes, where the system says."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
