"""One thing that an output folder holds, and what each kind of thing must be able to say."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from carnotlab.runs.folder.present_code import Code

if TYPE_CHECKING:
    import xarray as xr

State = Literal["whole", "partial", "damaged", "newer"]
"""As far as can be seen without reading arrays; ``newer``: of a version that is not known here."""

Labels: TypeAlias = Mapping[str, str]


@dataclass(frozen=True)
class Held:
    """A study's run, a sweep, an entry of the store, blocks of a kernel matrix.

    ``name`` is the name of its folder without suffix and ``key`` the digest in it: an ID is the
    beginning of either. ``done`` of ``total`` ``counted`` (arms, members, blocks) are there;
    ``size`` is in bytes on disk. ``uses`` are the keys of entries that it needs.
    """

    kind: str
    name: str
    key: str
    path: Path
    title: str
    size: int
    state: State
    code: Code
    done: int = 1
    total: int = 1
    counted: str = "entries"
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return what ``carnot runs list --json`` prints of it."""
        return {
            "kind": self.kind,
            "id": self.name,
            "what": self.title,
            "settings": dict(self.settings),
            "bytes": self.size,
            "done": self.done,
            "total": self.total,
            "counted": self.counted,
            "state": self.state,
            "code": self.code,
            "path": str(self.path),
        }


@dataclass(frozen=True)
class Fault:
    """Something damaged: where, why, and whether pruning would remove it."""

    path: Path
    reason: str


class Kind(ABC):
    """One kind of thing in an output folder: how it is found, checked, shown and read.

    Finding must be quick: it reads descriptions and sizes of files, never arrays, and imports
    neither JAX nor xarray.
    """

    @abstractmethod
    def find(self, out: Path) -> list[Held]:
        """Return all there are of this kind, in the order of their names."""

    @abstractmethod
    def faults(self, held: Held) -> list[Fault]:
        """Read everything that belongs to a thing alone and say what is damaged."""

    @abstractmethod
    def details(self, held: Held) -> dict[str, Any]:
        """Return what ``carnot runs show`` prints beside the row, as JSON data."""

    @abstractmethod
    def foreign(self, held: Held) -> Sequence[str]:
        """Return what lies in its folder and was not written by Carnot, relative to it."""

    @abstractmethod
    def tables(self, held: Held) -> "Iterator[tuple[Labels, xr.Dataset]]":
        """Yield its arrays with what tells them apart, for export.

        Raises:
            InputError: if there is nothing to export, or it is damaged.
        """
