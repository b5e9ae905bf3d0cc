"""How many members of a sweep are done, diverged, failed or refused."""

from dataclasses import dataclass

import numpy as np

from carnotlab.runs.sweeps.archive import Archive, words_of


@dataclass(frozen=True)
class Tally:
    """Counts of a sweep's members; it may still be growing.

    ``failures`` say, by settings in words, why members could not be trained, to be tried again by
    the next run; ``refused`` why a setting is no experiment.
    """

    key: str
    members: int
    done: int
    diverged: int
    failures: dict[str, str]
    refused: dict[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether every member is done."""
        return self.done == self.members


def tally_of(archive: Archive, done: int, diverged: int) -> Tally:
    """Return the tally of an archive of whose members so many are done and have diverged."""
    layout = archive.layout
    failures: dict[str, str] = {}
    for (program, pack), reason in archive.failures().items():
        members = archive.members_of(program)[layout.rows_of(program, pack)]
        for row in np.unique(members // len(layout.seeds)):
            failures[words_of(archive, int(row))] = reason
    refused = {words_of(archive, int(row)): why for row, why in layout.refused.items()}
    return Tally(layout.key, layout.members, done, diverged, failures, refused)
