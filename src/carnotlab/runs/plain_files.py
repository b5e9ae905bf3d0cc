"""Files of a folder that may come from anyone: nothing is followed that leads out of it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class PlainFiles(NamedTuple):
    """Regular files under a folder by name relative to it, with sizes; and whatever is no file."""

    sizes: dict[str, int]
    odd: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(self.sizes.values())


def plain_files(folder: Path) -> PlainFiles:
    """List regular files; links, pipes and devices are named as odd and neither read nor followed.

    Raises:
        OSError: if the folder cannot be read.
    """
    sizes: dict[str, int] = {}
    odd: list[str] = []
    for name, entry in _walk(folder):
        if entry.is_file(follow_symlinks=False):
            sizes[name] = entry.stat(follow_symlinks=False).st_size
        else:
            odd.append(name)
    return PlainFiles(sizes, tuple(sorted(odd)))


def is_plain_folder(path: Path) -> bool:
    """Whether a path is a folder itself, not a link to one.

    >>> is_plain_folder(Path("/no such folder"))
    False
    """
    return path.is_dir() and not path.is_symlink()


def is_plain_file(path: Path) -> bool:
    """Whether a path is a regular file itself, not a link to one.

    >>> is_plain_file(Path("/no such file"))
    False
    """
    return path.is_file() and not path.is_symlink()


def _walk(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield everything below a folder but the folders themselves."""
    waiting = [("", str(folder))]
    while waiting:
        prefix, place = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((f"{prefix}{entry.name}/", entry.path))
                else:
                    yield f"{prefix}{entry.name}", entry
