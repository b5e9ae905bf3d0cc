"""What can be removed from an output folder, for which reason, and its removal."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from carnotlab.core.errors import InputError
from carnotlab.runs.atomic import clear_leftovers, temporary_beside
from carnotlab.runs.entries import STORE
from carnotlab.runs.folder.contents import ENTRIES, KERNEL_BLOCKS, STUDIES, Contents, leftovers_in
from carnotlab.runs.folder.held import Held, Kind
from carnotlab.runs.plain_files import plain_files

Reason = Literal["damaged", "other code", "unused"]
REASONS: tuple[Reason, ...] = ("damaged", "other code", "unused")


@dataclass(frozen=True)
class Removable:
    """Something that may go, why, and how much that frees, in bytes.

    ``only`` names files in it, where the rest stays.
    """

    kind: Kind
    held: Held
    reason: Reason
    frees: int
    why: str = ""
    only: tuple[str, ...] = ()


def removable(contents: Contents, reasons: Sequence[Reason] = REASONS) -> list[Removable]:
    """Return what may be removed for each of some reasons; a thing may be there for several.

    *damaged*: what is not as it was written; finding it reads everything. *other code*: what other
    code computed, which no run of the present code will ever read: studies with their arms, and
    entries that no other study needs. Where nobody wrote down which code it was, it stays.
    *unused*: entries that no study in this folder needs, and blocks of kernel matrices; they stay
    as long as a study here is unfinished, which might need them to go on.
    """
    found: list[Removable] = []
    if "damaged" in reasons:
        found += _damaged(contents)
    if "other code" in reasons:
        found += _of_other_code(contents)
    if "unused" in reasons:
        found += _unused(contents)
    return found


def remove(each: Removable) -> tuple[int, tuple[Path, ...]]:
    """Remove a thing; return the bytes freed, and the files left because Carnot did not write them.

    Where all is Carnot's, the folder vanishes at once, so that whoever reads it at the time sees
    it whole or not at all. Links are never followed.

    Raises:
        InputError: if files cannot be removed.
    """
    folder = each.held.path
    try:
        foreign = each.kind.foreign(each.held)
        sizes = plain_files(folder).sizes
        if not each.only and not foreign:
            aside = temporary_beside(folder)
            folder.rename(aside)
            shutil.rmtree(aside)
            return sum(sizes.values()), ()
        going = each.only or tuple(name for name in sizes if name not in foreign)
        for name in going:
            (folder / name).unlink(missing_ok=True)
        _drop_empty_folders(folder)
        left = () if each.only else tuple(folder / name for name in foreign)
        return sum(sizes.get(name, 0) for name in going), left
    except FileNotFoundError:
        return 0, ()  # another process was faster
    except OSError as error:
        raise InputError(
            f"{folder}, which cannot be removed ({error.strerror or error})",
            "a folder that can be written",
            "mend that and repeat the same command",
        ) from error


def clear_temporaries(contents: Contents) -> int:
    """Remove what killed processes left behind; return how many temporaries went."""
    before = leftovers_in(contents.out)
    for place in {path.parent for path in before}:
        clear_leftovers(place)
    return len(before) - len(leftovers_in(contents.out))


def _damaged(contents: Contents) -> Iterator[Removable]:
    for entry in contents.entries:
        faults = [] if entry.state == "newer" else ENTRIES.faults(entry)
        if faults:
            yield Removable(ENTRIES, entry, "damaged", _own_size(ENTRIES, entry), faults[0].reason)
    for kind, held in contents.held:
        if kind is STUDIES:
            # Its arms are entries, seen above; a study goes only where its record is lost.
            if held.state == "damaged" and held.note:
                yield Removable(kind, held, "damaged", _own_size(kind, held), held.note)
            continue
        faults = kind.faults(held)
        if not faults:
            continue
        only = tuple(str(fault.path.relative_to(held.path)) for fault in faults)
        sizes = plain_files(held.path).sizes
        frees, why = sum(sizes.get(name, 0) for name in only), f"{len(only)} files"
        yield Removable(kind, held, "damaged", frees, why, only)


def _of_other_code(contents: Contents) -> Iterator[Removable]:
    going = [(kind, held) for kind, held in contents.held if held.code == "other"]
    staying = [held for _, held in contents.held if held.code != "other"]
    needed = {key for held in staying for key in held.uses}
    theirs = {key for _, held in going for key in held.uses} - needed
    for kind, held in going:
        yield Removable(kind, held, "other code", _own_size(kind, held))
    for entry in contents.entries:
        in_store = entry.path.parent == contents.out / STORE
        unsaid = entry.code == "unknown" and entry.state == "whole"
        of_theirs = in_store and entry.key in theirs and unsaid
        if of_theirs or (entry.code == "other" and not (in_store and entry.key in needed)):
            yield Removable(ENTRIES, entry, "other code", _own_size(ENTRIES, entry))


def _unused(contents: Contents) -> Iterator[Removable]:
    if any(study.state != "whole" for study in contents.studies):
        return
    for entry in contents.loose:
        # What `compare` keeps lies beside the store and belongs to no study.
        if entry.path.parent != contents.out and entry.state == "whole":
            yield Removable(ENTRIES, entry, "unused", _own_size(ENTRIES, entry))
    for kind, held in contents.held:
        if kind is KERNEL_BLOCKS:
            yield Removable(kind, held, "unused", _own_size(kind, held))


def distinct(found: Sequence[Removable]) -> list[Removable]:
    """Return each thing once, whole where one of its reasons is to remove it whole."""
    chosen: dict[Path, Removable] = {}
    for each in found:
        before = chosen.get(each.held.path)
        if before is None:
            chosen[each.held.path] = each
        elif before.only and not each.only:
            chosen[each.held.path] = replace(each, reason=before.reason)
    return list(chosen.values())


def _own_size(kind: Kind, held: Held) -> int:
    """Return the bytes of a thing's own files that Carnot wrote."""
    foreign = set(kind.foreign(held))
    sizes = plain_files(held.path).sizes
    return sum(size for name, size in sizes.items() if name not in foreign)


def _drop_empty_folders(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False, followlinks=False):
        with suppress(OSError):
            os.rmdir(place)
