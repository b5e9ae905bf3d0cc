"""A file outside the output folder: refused where one is there, whole or not at all."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from carnotlab.core.errors import InputError, require
from carnotlab.runs.atomic import appearing


@contextmanager
def exported(target: Path, *, force: bool) -> Generator[Path, None, None]:
    """Give a temporary to write to, which becomes ``target`` at the end.

    Raises:
        InputError: if the file is there and ``force`` is not set, or cannot be written.
    """
    require_absent(target, force=force)
    try:
        with appearing(target) as temporary:
            yield temporary
    except InputError as error:
        if not isinstance(error.__cause__, OSError):
            raise
        reason = error.__cause__.strerror or error.__cause__
        raise InputError(
            f"file {target} ({reason})",
            "one that can be written, with room on its disk",
            "choose another with --to, or free some space",
        ) from error


def require_absent(target: Path, *, force: bool) -> None:
    """Raise `InputError` where there is something already that may not be replaced.

    >>> require_absent(Path("no such file.csv"), force=False)
    """
    require(not target.is_dir(), f"folder {target}", "a file", "name a file in it")
    require(
        force or not (target.exists() or target.is_symlink()),
        f"file {target}, which is there already",
        "a new file",
        "choose another, or replace it with --force",
    )
