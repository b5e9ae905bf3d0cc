"""Which setting of a growing sweep leads, and its course so far."""

from typing import NamedTuple

import numpy as np

from carnotlab.runs.sweeps.archive import Archive, Array, Records, words_of
from carnotlab.runs.sweeps.layout import Pack


class Leader(NamedTuple):
    """A setting: its row, itself in words, members done, mean and standard error at the end.

    ``course`` is the mean over those members at every recorded time.
    """

    row: int
    words: str
    members: int
    mean: float
    error: float
    course: Array


def losses(values: Array, unit: str) -> Array:
    """Return what is smallest where values of a unit are best; infinite where they are not finite.

    Fractions are best large, like the share answered right; everything else is best small.

    >>> losses(np.array([0.5, np.nan]), "fraction"), losses(np.array([0.5, np.nan]), "1")
    (array([-0.5,  inf]), array([0.5, inf]))
    """
    return np.where(np.isfinite(values), -values if unit == "fraction" else values, np.inf)


class Ranking:
    """Settings by the mean, over members done, of the first measure at the end.

    Losses lead by being small, fractions by being large. A member that diverged counts as worst.
    Numbers alone are ranked: where the first measure is an array, nothing is. Means and errors are
    the same to the bit in whatever order packs are added; each is to be added once.
    """

    def __init__(self, archive: Archive) -> None:
        layout = archive.layout
        self.name, variable = next(iter(layout.variables.items()))
        self.ranks = len(variable.shape) == 1
        self._unit = variable.unit
        self._archive = archive
        times = variable.shape[0] if self.ranks else 1
        self._count = np.zeros(layout.settings, int)
        self._courses = np.zeros((layout.settings, times))
        self._last = np.zeros((len(layout.seeds), layout.settings))
        self._tables: dict[int, Array] = {}

    def add(self, pack: Pack, records: Records | None = None) -> None:
        """Count the members of a pack that is done, read from its archive unless given."""
        if not self.ranks:
            return
        records = records or self._archive.read(*pack)
        if records is None:
            return
        program, number = pack
        if program not in self._tables:
            self._tables[program] = self._archive.members_of(program)
        members = self._tables[program][self._archive.layout.rows_of(program, number)]
        rows, seeds = np.divmod(members, len(self._last))
        courses = np.asarray(records[self.name], float)
        np.add.at(self._count, rows, 1)
        with np.errstate(invalid="ignore", over="ignore"):
            np.add.at(self._courses, rows, courses)
        self._last[seeds, rows] = courses[:, -1]

    def best(self, count: int) -> list[Leader]:
        """Return the leading settings, the best first."""
        started = np.flatnonzero(self._count)
        n, last = self._count[started], self._last[:, started]
        with np.errstate(invalid="ignore", over="ignore"):
            means = last.sum(0) / n
            spread = np.sqrt(np.maximum((last**2).sum(0) / n - means**2, 0.0))
            errors = spread / np.sqrt(np.maximum(n - 1, 1))
        order = np.argsort(losses(means, self._unit), kind="stable")[:count]
        return [
            Leader(
                int(started[at]),
                words_of(self._archive, int(started[at])),
                int(n[at]),
                float(means[at]),
                float(errors[at]) if n[at] > 1 else float("nan"),
                self._courses[started[at]] / n[at],
            )
            for at in order
        ]
