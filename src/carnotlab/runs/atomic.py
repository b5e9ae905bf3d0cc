"""Files and folders that appear whole or not at all."""

import json
import os
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
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
    name = f".{target.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}"
    temporary, replaced = target.with_name(f"{name}.part"), target.with_name(f"{name}0.part")
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


def write_text(target: Path, text: str) -> None:
    """Write a text file that appears whole or not at all."""
    with appearing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any) -> None:
    """Write JSON that appears whole or not at all; numbers that are not finite are refused."""
    write_text(target, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def clear_leftovers(folder: Path) -> None:
    """Remove temporaries left behind by processes that were killed and no longer run."""
    if not folder.is_dir():
        return
    for leftover in folder.glob(".*.part"):
        owner = leftover.name.rsplit(".", 2)[-2].split("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            _remove(leftover)


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
