"""Everything in an output folder: by kind, by ID, and what does not belong to Carnot."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from carnotlab.core.errors import InputError, require
from carnotlab.runs.entries import STORE
from carnotlab.runs.folder.blocks import FOLDER as BLOCKS
from carnotlab.runs.folder.blocks import KernelBlockFolders
from carnotlab.runs.folder.entries import Entries
from carnotlab.runs.folder.held import Held, Kind
from carnotlab.runs.folder.studies import Studies
from carnotlab.runs.folder.sweeps import FOLDER as SWEEPS
from carnotlab.runs.folder.sweeps import Sweeps
from carnotlab.runs.plain_files import is_plain_folder

STUDIES, ENTRIES, KERNEL_BLOCKS = Studies(), Entries(), KernelBlockFolders()
OTHER_KINDS: tuple[Kind, ...] = (Sweeps(), KERNEL_BLOCKS)

PAGE = "report.html"
SHOWN_IDS = 8
"""IDs that an error names before it counts the others."""


@dataclass(frozen=True)
class Contents:
    """What an output folder holds, as far as can be seen without reading arrays.

    ``held`` are studies' runs, sweeps and kernel blocks with the kind of each; ``entries`` all
    entries of the store; ``unknown`` what Carnot did not write, and links, which are not followed.
    """

    out: Path
    held: tuple[tuple[Kind, Held], ...]
    entries: tuple[Held, ...]
    unknown: tuple[Path, ...]

    @property
    def studies(self) -> tuple[Held, ...]:
        """Runs of studies."""
        return tuple(held for kind, held in self.held if kind is STUDIES)

    @property
    def used(self) -> frozenset[str]:
        """Keys of the entries that studies need."""
        return frozenset(key for held in self.studies for key in held.uses)

    @property
    def loose(self) -> tuple[Held, ...]:
        """Entries that no study here needs."""
        return tuple(e for e in self.entries if e.key not in self.used or e.path.parent == self.out)

    @property
    def rows(self) -> tuple[tuple[Kind, Held], ...]:
        """What ``carnot runs list`` shows: all but the entries that studies stand for."""
        return (*self.held, *((ENTRIES, entry) for entry in self.loose))

    @property
    def size(self) -> int:
        """Bytes of everything, entries that several studies share counted once."""
        own = sum(held.size for kind, held in self.held if kind is not STUDIES)
        folders = sum(held.size - self._arms(held) for held in self.studies)
        return own + folders + sum(entry.size for entry in self.entries)

    def _arms(self, study: Held) -> int:
        store = self.out / STORE
        return sum(e.size for e in self.entries if e.key in study.uses and e.path.parent == store)

    def pick(self, wanted: str) -> tuple[Kind, Held]:
        """Return the one thing whose name or key begins with some text.

        Raises:
            InputError: if there is none, or several.
        """
        everything = (*self.held, *((ENTRIES, entry) for entry in self.entries))
        exact = [each for each in everything if wanted in (each[1].name, each[1].key)]
        found = exact or [
            each
            for each in everything
            if wanted and (each[1].name.startswith(wanted) or each[1].key.startswith(wanted))
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise InputError(
                f"ID {wanted!r}",
                f"the beginning of one in {self.out}",
                "`carnot runs list` says which there are",
            )
        names = [held.name for _, held in found]
        more = f" and {len(names) - SHOWN_IDS} more" if len(names) > SHOWN_IDS else ""
        raise InputError(
            f"ID {wanted!r}, which stands for {', '.join(names[:SHOWN_IDS])}{more}",
            "the beginning of one alone",
            "give more of it",
        )


def contents_of(out: Path) -> Contents:
    """Return what an output folder holds; no array is read.

    Raises:
        InputError: if it is not a folder or cannot be read.
    """
    require(
        out.is_dir(),
        f"folder {out}",
        "one that `carnot run` wrote",
        "give it with --out, or run something first",
    )
    try:
        studies: list[tuple[Kind, Held]] = [(STUDIES, held) for held in STUDIES.find(out)]
        others = [(kind, held) for kind in OTHER_KINDS for held in kind.find(out)]
        entries = tuple(ENTRIES.find(out))
        known = {held.path for _, held in (*studies, *others)} | {entry.path for entry in entries}
        return Contents(out, (*studies, *others), entries, tuple(_unknown(out, known)))
    except OSError as error:
        raise InputError(
            f"folder {out} ({error.strerror or error})", "one that can be read", "mend that"
        ) from error


def leftovers_in(out: Path) -> list[Path]:
    """Return temporaries in an output folder, whoever wrote them and whether they still run."""
    return [path for path in _listed(out) if _is_temporary(path)]


def _unknown(out: Path, known: set[Path]) -> Sequence[Path]:
    ours = {out / PAGE, out / STORE, out / STORE / BLOCKS, out / SWEEPS}
    return [
        path
        for path in _listed(out)
        if path not in known
        and not _is_temporary(path)
        and (path not in ours or (path.is_symlink()))
    ]


def _listed(out: Path) -> list[Path]:
    places = [out, *(p for p in (out / STORE, out / STORE / BLOCKS) if is_plain_folder(p))]
    return sorted(path for place in places for path in place.iterdir())


def _is_temporary(path: Path) -> bool:
    return path.name.startswith(".") and path.name.endswith(".part")
