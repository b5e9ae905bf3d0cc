"""Entries of a store on disk: their version, what they are, and whether they are sound.

An entry is a Zarr 3 group, ``KEY.zarr``. What Carnot adds are attributes of its root:
``carnot_format``, the number of the version; ``carnot_origin``, what the entry is and what wrote
it; ``sha256``, a digest of everything else. All of this is read here as plain JSON and bytes, so
that a folder of thousands of entries can be listed and checked without arrays.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import msgspec

from carnotlab.core.errors import InputError
from carnotlab.runs.plain_files import PlainFiles, is_plain_folder, plain_files

FORMAT = 2
"""Version of the layout that is written; all from 1 on are read."""

VERSION_ATTRIBUTE = "carnot_format"
ORIGIN_ATTRIBUTE = "carnot_origin"
DIGEST_ATTRIBUTE = "sha256"
OWN_ATTRIBUTES = (VERSION_ATTRIBUTE, ORIGIN_ATTRIBUTE, DIGEST_ATTRIBUTE)

STORE = "arrays"
"""Folder of the entries of studies; `compare` keeps its own right in the output folder."""

ROOT = "zarr.json"
SUFFIX = ".zarr"
ARM_GROUPS = frozenset({"prediction", "observation", "checks"})

# Zarr finds codecs and types by name among all installed packages. What a store is written with is
# among these, none of which can carry code; anything else is refused before Zarr sees it.
CODECS = frozenset({"blosc", "bytes", "crc32c", "gzip", "transpose", "vlen-utf8", "zstd"})
BYTES_OF = {
    "bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "uint8": 1, "uint16": 2,
    "uint32": 4, "uint64": 8, "float16": 2, "float32": 4, "float64": 8, "complex64": 8,
    "complex128": 16, "string": 16,
}  # fmt: skip
FIXED_TEXT = "fixed_length_utf32"

_OURS = re.compile(r"zarr\.json|.+/zarr\.json|.+/c(/[0-9]+)*")


class DamagedError(InputError):
    """Something kept that is not as it was written; it can be computed again."""


class Origin(msgspec.Struct, frozen=True):
    """What an entry is and what wrote it.

    ``kind`` is ``arm`` for the result of a study's arm, or of a run, and ``part`` for what was kept
    on the way to one. ``code`` is the digest of the code that computes results. ``written`` is what
    the clock showed, for people: nothing is ordered or decided by it.
    """

    kind: str = "arm"
    version: str = ""
    code: str = ""
    written: str = ""


@dataclass(frozen=True)
class Root:
    """The description at an entry's root: version, origin, digest, and all that was in the file."""

    version: int
    origin: Origin
    digest: str
    content: dict[str, Any]


def read_root(entry: Path) -> Root:
    """Read the root's description of an entry of any known version.

    Version 1 said nothing of its origin: its kind is seen from its groups.

    Raises:
        DamagedError: if it is not there or cannot be read.
        InputError: if a newer version of Carnot wrote the entry.
    """
    try:
        content = json.loads((entry / ROOT).read_bytes())
        attributes = content["attributes"]
        version = attributes.get(VERSION_ATTRIBUTE, 1)
        if isinstance(version, int) and version > FORMAT:
            raise newer(entry, version)
        if version == 1:
            origin = Origin(kind=kind_of(path.name for path in entry.iterdir()))
        elif version == FORMAT:
            origin = msgspec.convert(attributes[ORIGIN_ATTRIBUTE], Origin)
        else:
            raise ValueError(f"its version is {version!r}")
        return Root(version, origin, str(attributes[DIGEST_ATTRIBUTE]), content)
    except InputError:
        raise
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(entry, error) from error


def check(entry: Path) -> Root:
    """Return the root's description of an entry that is as it was written and safe to open.

    Every byte is read; no array is made.

    Raises:
        DamagedError: if a file is altered, missing or of a kind that Carnot does not write.
        InputError: if a newer version wrote it.
    """
    try:
        if not is_plain_folder(entry):
            raise ValueError("it is not a folder, or a link to one")
        files = plain_files(entry)
        _refuse_foreign(files)
        root = read_root(entry)
        if root.digest != digest_of(entry, root, files):
            raise ValueError("its files are not those that were written")
        for name in files.sizes:
            if Path(name).name == ROOT:
                _refuse_unknown_codecs(json.loads((entry / name).read_bytes()))
    except InputError:
        raise
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(entry, error) from error
    return root


def digest_of(entry: Path, root: Root, files: PlainFiles) -> str:
    """Return the digest of an entry by the rule of its version.

    Names, sizes and bytes of all files but the root's description; from version 2 on also that
    description without the digest itself, so that attributes are guarded, too.
    """
    digest = hashlib.sha256()
    for name, size in sorted(files.sizes.items()):
        if name != ROOT:
            digest.update(f"{name}\n{size}\n".encode())
            with (entry / name).open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    if root.version > 1:
        rest = {k: v for k, v in root.content["attributes"].items() if k != DIGEST_ATTRIBUTE}
        whole = {**root.content, "attributes": rest}
        digest.update(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode())
    return digest.hexdigest()


def kind_of(groups: Any) -> str:
    """Return what an entry is by the names of its groups.

    >>> kind_of(["checks", "observation", "prediction"]), kind_of(["draw"])
    ('arm', 'part')
    """
    return "arm" if set(groups) >= ARM_GROUPS else "part"


def foreign_files(files: PlainFiles) -> tuple[str, ...]:
    """Return what lies in an entry and is nothing that Carnot writes there.

    >>> foreign_files(PlainFiles({"zarr.json": 1, "u/c/0": 1, "u/c": 1, "notes": 1}, ("link",)))
    ('link', 'notes')
    """
    return (*files.odd, *sorted(name for name in files.sizes if not _OURS.fullmatch(name)))


def damaged(entry: Path, error: Exception) -> DamagedError:
    """Say in one line that an entry is damaged and how to mend that."""
    return DamagedError(
        f"a damaged entry {entry} ({error})",
        "an entry as it was written",
        "delete that folder, or let `carnot runs prune --damaged` do it, and repeat the command",
    )


def newer(path: Path, version: object, known: int = FORMAT) -> InputError:
    """Say that something was written by a newer version."""
    return InputError(
        f"{path} of version {version}",
        f"a version up to {known}, which is what this Carnot reads",
        "update Carnot: pip install --upgrade carnotlab",
    )


def declared_bytes(entry: Path) -> int:
    """Return the memory that all arrays of an entry say they need."""
    total = 0
    for name in plain_files(entry).sizes:
        if Path(name).name == ROOT:
            content = json.loads((entry / name).read_bytes())
            if content["node_type"] == "array":
                total += prod(int(n) for n in content["shape"]) * _item_bytes(content["data_type"])
    return total


def _item_bytes(data_type: Any) -> int:
    if isinstance(data_type, dict) and data_type.get("name") == FIXED_TEXT:
        return int(data_type["configuration"]["length_bytes"])
    if isinstance(data_type, str) and data_type in BYTES_OF:
        return BYTES_OF[data_type]
    raise ValueError(f"an array of type {str(data_type)[:60]}, which Carnot does not write")


def _refuse_foreign(files: PlainFiles) -> None:
    foreign = foreign_files(files)
    if foreign:
        raise ValueError(f"{foreign[0]!r} in it is nothing that Carnot writes")


def _refuse_unknown_codecs(content: Any) -> None:
    if content["zarr_format"] != 3 or content["node_type"] not in ("group", "array"):
        raise ValueError("a node that is no group or array of Zarr 3")
    if content["node_type"] == "group":
        return
    _item_bytes(content["data_type"])
    names = [codec["name"] for codec in content["codecs"]]
    unknown = [name for name in names if name not in CODECS]
    if unknown or content.get("storage_transformers"):
        raise ValueError(f"codec {str(unknown)[:60]}, which Carnot does not write")
