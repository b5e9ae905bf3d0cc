"""Files and folders that appear whole or not at all."""

import json
import os
import platform
import shutil
import uuid
import zlib
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from carnotlab.core.errors import InputError


def unwritable(folder: Path, error: OSError) -> InputError:
    """Say in one line why a folder cannot be written and what to do."""
    return InputError(
        f"output folder {folder} ({error.strerror or error})",
        "a folder that can be written, with room on its disk",
        "choose another with --out, or free some space and repeat the same command",
    )


@contextmanager
def appearing(target: Path) -> Generator[Path]:
    """Give a temporary sibling of ``target`` to write to, and move it into place at the end.

    The move is one rename on the same file system, so that a process killed at any moment leaves
    either the whole or nothing of ``target``. If the body fails, the temporary is removed.

    Raises:
        InputError: if the folder cannot be written or its disk is full.
    """
    temporary, replaced = temporary_beside(target), temporary_beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if target.is_dir() and not target.is_symlink():
            # Moved away first: a process killed while deleting in place would leave half of it.
            target.rename(replaced)
        temporary.replace(target)
    except OSError as error:
        raise unwritable(target.parent, error) from error
    finally:
        for leftover in (temporary, replaced):
            _remove(leftover)


def prepare(root: Path) -> None:
    """Make a folder, see that it can be written, and clear what killed processes left in it.

    Raises:
        InputError: if it cannot be written.
    """
    # A name of its own: other processes probe at the same time.
    probe = temporary_beside(root / "writable")
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"carnot")
    except OSError as error:
        raise unwritable(root, error) from error
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    clear_leftovers(root)


def write_text(target: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    with appearing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write JSON that appears whole or not at all; numbers that are not finite are refused."""
    write_text(target, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def clear_leftovers(folder: Path) -> None:
    """Remove temporaries left behind by processes that were killed and no longer run.

    Those of other machines are left: whether their processes run cannot be seen from here.
    """
    if not folder.is_dir():
        return
    for leftover in folder.glob(".*.part"):
        owner, _, rest = leftover.name.rsplit(".", 2)[-2].partition("-")
        ours = "-" not in rest or rest.endswith(f"-{_machine()}")
        if ours and owner.isdigit() and not _alive(int(owner)):
            _remove(leftover)


def temporary_beside(target: Path) -> Path:
    """Return a sibling of ``target`` that names its process and machine, for the next one's use."""
    unique = uuid.uuid4().hex[:8]
    return target.with_name(f".{target.name}.{os.getpid()}-{unique}-{_machine()}.part")


@cache
def _machine() -> str:
    """Return a word for this machine, without dots and dashes."""
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _remove(path: Path) -> None:
    """Remove a file or folder if it is there and can be; what stays is cleared another time."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
