"""What a study is: a question, arms that may agree, controls that must not, and a figure."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

import msgspec
import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Int
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.assumptions import Check
from carnotlab.core.provenance import Provenance
from carnotlab.core.verdicts import Role, Tolerance, Verdict
from carnotlab.runs.run import Computable, RunResult
from carnotlab.runs.store import Store
from carnotlab.studies.linear_baselines import BaselineRow

Size: TypeAlias = Literal["smoke", "full"]
Rows: TypeAlias = Int[np.ndarray, " seeds"]
Results: TypeAlias = Mapping[str, RunResult]
Statistic: TypeAlias = Callable[[Rows], float]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
"""A setting that counts something there must be one of."""
Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
"""A setting above zero: a scale, a rate, a time."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Numbers of a study that can be set from outside; each study adds its own.

    ``data`` is the user's own file, for studies that take one.
    """

    seeds: Count = 4
    data: str | None = None

    @classmethod
    def of(cls, settings: "Settings") -> Self:
        """Return settings as those of one study, which they must be.

        >>> Settings.of(Settings(seeds=2)).seeds
        2
        """
        assert isinstance(settings, cls)
        return settings


@dataclass(frozen=True)
class Arm:
    """One experiment of a study, with the theory it is held against."""

    label: str
    run: Computable


@dataclass(frozen=True)
class Judgement:
    """One error, from one arm or several, and the tolerance it is held against.

    ``error(results)`` returns the statistic that is resampled: from the members ``rows`` (indices
    into the seed dimension, possibly repeated) to the error. What does not depend on the rows is
    computed once, outside the statistic. ``arms`` names the arms
    whose assumptions say whether the judgement is inside the theory's regime. ``role`` is
    ``control`` where the error must exceed the tolerance.
    """

    label: str
    role: Role
    tolerance: Tolerance
    arms: tuple[str, ...]
    error: Callable[[Results], Statistic]


def role_of(label: str) -> Role:
    """Return the role that a label states: controls are named so, all others are tests.

    >>> role_of("control: large start"), role_of("small start")
    ('control', 'test')
    """
    return "control" if label.startswith("control") else "test"


@dataclass(frozen=True)
class StudyResult:
    """Everything a study found. ``skipped`` says in words what could not be run and why.

    ``keys`` are the names under which the store holds the arms. ``baselines`` hold, for each real
    data set of the study, the errors of regularized linear models on the same samples.
    """

    study: "Study"
    settings: Settings
    size: Size
    results: Results
    verdicts: tuple[Verdict, ...]
    provenance: Provenance
    skipped: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    baselines: tuple[BaselineRow, ...] = ()

    @property
    def as_expected(self) -> bool:
        """Whether every verdict is what the study expects."""
        return all(verdict.as_expected for verdict in self.verdicts)

    def to_dict(self) -> dict[str, Any]:
        """Return verdicts and provenance as plain JSON data."""
        return {
            "verdicts": [verdict.to_dict() for verdict in self.verdicts],
            "provenance": self.provenance.to_dict(),
            "skipped": list(self.skipped),
            "linear_baselines": [row.to_dict() for row in self.baselines],
        }

    def to_xarray(self) -> xr.DataTree:
        """Return prediction, observation and checks of every arm as one labelled tree."""
        return xr.DataTree(
            name=self.study.name,
            children={
                label.replace("/", " "): run.to_xarray() for label, run in self.results.items()
            },
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Return the verdicts as rows."""
        rows = [verdict.to_dict() for verdict in self.verdicts]
        return pd.DataFrame(rows).drop(columns=["checks"])

    def __rich__(self) -> Table:
        """Show the verdicts as a table in terminals and notebooks."""
        table = Table("arm", "quantity", "error", "tolerance", "verdict", title=self.study.name)
        for verdict in self.verdicts:
            low, high = verdict.interval
            error = f"{verdict.error:.2g} [{low:.2g}, {high:.2g}]"
            table.add_row(
                verdict.arm, verdict.quantity, error, f"{verdict.tolerance:g}", verdict.reading
            )
        return table

    def plot(self) -> Figure:
        """Draw the study's figure: theory over experiment, with residuals."""
        return self.study.figure(self)


class Study(ABC):
    """A claim of the field, as something that can be run. Subclasses are final.

    ``arms`` and ``judgements`` depend on the settings alone; ``figure`` on the result alone.
    """

    name: ClassVar[str]
    question: ClassVar[str]
    message: ClassVar[str]
    source: ClassVar[tuple[str, ...]]
    data: ClassVar[str]
    takes_data: ClassVar[bool] = False
    settings: ClassVar[type[Settings]]

    @abstractmethod
    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size: ``smoke`` for minutes on a laptop, ``full`` to publish."""

    @abstractmethod
    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return the arms, and in words what is skipped (data that is not there)."""

    @abstractmethod
    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Return what is judged, given the labels of the arms that are run."""

    def outlook(self, settings: Settings, store: Store) -> tuple[str, ...]:
        """Say in words what is left to compute and for how long, where that is hours."""
        del settings, store
        return ()

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return numbers of the result that are worth more than their figure; none by default."""
        del result
        return ()

    @abstractmethod
    def figure(self, result: StudyResult) -> Figure:
        """Draw the message of the study in the present style."""


def checks_of(results: Results, arms: tuple[str, ...]) -> tuple[Check, ...]:
    """Return the checks of some arms; where several share an assumption, the worst of them."""
    worst: dict[str, Check] = {}
    for arm in arms:
        for check in results[arm].checks:
            held = worst.get(check.name)
            # A value that is not a number fails, so it counts as the worst there is.
            if held is None or not check.value <= held.value:
                worst[check.name] = check
    return tuple(worst.values())
