"""One claim again and again, over data sets, settings and seeds: how far does it carry?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from rich.table import Table

from carnotlab.core.descriptions import describe
from carnotlab.core.errors import require
from carnotlab.core.verdicts import Role, Verdict
from carnotlab.studies.running import arms_of, resolve, run_study
from carnotlab.studies.study import Size, Study, StudyResult

Progress = Callable[[str, float], None]

OWN_DATA = "own"
"""What stands for the study's own data in a list of files."""

NORMAL_QUANTILE = 1.96


@dataclass(frozen=True)
class Condition:
    """One way to run a study: what is changed of its settings, and what this is called.

    ``data`` is the name of the data set where data sets are varied, else empty.
    """

    name: str
    changes: Mapping[str, Any]
    data: str = ""


@dataclass(frozen=True)
class Claim:
    """What one role and quantity of a study came to over all conditions that judge it.

    A condition is as expected if every verdict of this role and quantity is; ``breaks`` names
    those where one contradicts, ``undecided`` those where none does but one is underpowered.
    """

    role: Role
    quantity: str
    conditions: int
    as_expected: int
    breaks: tuple[str, ...]
    undecided: tuple[str, ...]

    @property
    def share(self) -> float:
        """Share of the conditions in which the verdicts are as expected."""
        return self.as_expected / self.conditions

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of that share, were the conditions drawn at random."""
        return wilson(self.as_expected, self.conditions)


@dataclass(frozen=True)
class Replication:
    """A study's results under some conditions, in the same order."""

    conditions: tuple[Condition, ...]
    results: tuple[StudyResult, ...]

    @property
    def study(self) -> Study:
        """The study that was run."""
        return self.results[0].study

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Every role and quantity, in the order in which they first occur."""
        keys: dict[tuple[Role, str], None] = dict.fromkeys(
            (verdict.role, verdict.quantity)
            for result in self.results
            for verdict in result.verdicts
        )
        return tuple(self._claim(role, quantity) for role, quantity in keys)

    @property
    def as_expected(self) -> bool:
        """Whether every verdict under every condition is as the study expects."""
        return all(result.as_expected for result in self.results)

    @property
    def summary(self) -> str:
        """In one line: over how many conditions everything carries, and where it does not."""
        names = [
            condition.name
            for condition, result in zip(self.conditions, self.results, strict=True)
            if not result.as_expected
        ]
        only_data = all(condition.name == condition.data for condition in self.conditions)
        what = "data sets" if only_data else "conditions"
        total = len(self.results)
        line = f"{self.study.name} carries over {total - len(names)} of {total} {what}"
        return f"{line}; breaks on {'; '.join(names)}" if names else line

    def to_dict(self) -> dict[str, Any]:
        """Return conditions with their verdicts, claims and summary as plain JSON data."""
        return {
            "study": self.study.name,
            "summary": self.summary,
            "claims": [
                {
                    "role": claim.role,
                    "quantity": claim.quantity,
                    "conditions": claim.conditions,
                    "as_expected": claim.as_expected,
                    "share": claim.share,
                    "interval": list(claim.interval),
                    "breaks": list(claim.breaks),
                    "undecided": list(claim.undecided),
                }
                for claim in self.claims
            ],
            "conditions": [
                {
                    "condition": condition.name,
                    "size": result.size,
                    "settings": describe(msgspec.structs.asdict(result.settings)),
                    "as_expected": result.as_expected,
                    "verdicts": [verdict.to_dict() for verdict in result.verdicts],
                    "skipped": list(result.skipped),
                }
                for condition, result in zip(self.conditions, self.results, strict=True)
            ],
        }

    def to_dataframe(self) -> pd.DataFrame:
        """Return the verdicts as rows, with their condition first."""
        rows = [
            {"condition": condition.name, **verdict.to_dict()}
            for condition, result in zip(self.conditions, self.results, strict=True)
            for verdict in result.verdicts
        ]
        return pd.DataFrame(rows).drop(columns=["checks"])

    def __rich__(self) -> Table:
        """Show every claim as a row in terminals and notebooks."""
        table = Table(title=self.summary, title_justify="left")
        headings = ("role", "quantity", "as expected", "interval", "breaks", "undecided")
        for heading in headings:
            table.add_column(heading, overflow="fold")
        for claim in self.claims:
            low, high = claim.interval
            table.add_row(
                claim.role,
                claim.quantity,
                f"{claim.as_expected} of {claim.conditions}",
                f"{low:.2f} to {high:.2f}",
                "; ".join(claim.breaks) or "–",
                "; ".join(claim.undecided) or "–",
            )
        return table

    def _claim(self, role: Role, quantity: str) -> Claim:
        found = {
            condition.name: verdicts
            for condition, result in zip(self.conditions, self.results, strict=True)
            if (verdicts := _of(result.verdicts, role, quantity))
        }
        against = {
            name: [verdict for verdict in verdicts if not verdict.as_expected]
            for name, verdicts in found.items()
        }
        open_only = {
            name: all(verdict.agreement == "underpowered" for verdict in verdicts)
            for name, verdicts in against.items()
            if verdicts
        }
        return Claim(
            role,
            quantity,
            len(found),
            len(found) - len(open_only),
            tuple(name for name, undecided in open_only.items() if not undecided),
            tuple(name for name, undecided in open_only.items() if undecided),
        )


def conditions_of(
    study: Study,
    size: Size = "smoke",
    *,
    data: Sequence[str | Path] = (),
    seeds: Sequence[int] = (),
    settings: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[Condition, ...]:
    """Return every combination of some data files, numbers of seeds and values of settings.

    What is given no values stays as the size has it. ``"own"`` among the files stands for the
    study's own data. Names tell what varies. Every combination is resolved and its arms
    described, so that whatever cannot be run is refused before anything is.

    Raises:
        InputError: for a list without values, a setting or value that does not fit, data for a
            study that takes none, or unusable data.

    >>> from carnotlab.studies.deep_linear.deep_linear_stages import DeepLinearStages
    >>> found = conditions_of(DeepLinearStages(), seeds=(2, 4), settings={"step": (0.1, 0.05)})
    >>> [condition.name for condition in found][:2]
    ['seeds=2, step=0.1', 'seeds=2, step=0.05']
    """
    choices: dict[str, list[Any]] = {}
    if data:
        choices["data"] = [str(each) for each in data]
    if seeds:
        choices["seeds"] = list(seeds)
    for name, values in (settings or {}).items():
        require(name not in choices, f"setting '{name}' twice", "each once", "leave one out")
        require(
            len(values) > 0,
            f"no value of the setting '{name}'",
            "at least one",
            f"write it as in --set {name}=1,2",
        )
        choices[name] = list(dict.fromkeys(values))
    found: dict[Any, Condition] = {}
    for values in product(*choices.values()):
        changes = dict(zip(choices, values, strict=True))
        if changes.get("data") == OWN_DATA:
            changes["data"] = None
        resolved = resolve(study, size, changes)
        arms_of(study, resolved)
        name = _data_name(changes)
        varied = {key: value for key, value in changes.items() if len(choices[key]) > 1}
        varied.pop("data", None)
        parts = [name] if name else []
        parts += [f"{key}={_written(value)}" for key, value in varied.items()]
        found.setdefault(resolved, Condition(", ".join(parts) or "as it is", changes, name))
    return tuple(found.values())


def replicate(
    study: Study,
    size: Size = "smoke",
    conditions: Sequence[Condition] = (),
    *,
    out: Path | str | None = None,
    progress: Progress | None = None,
) -> Replication:
    """Run a study under some conditions and say how far what it claims carries.

    Args:
        study: The study.
        size: ``smoke`` or ``full``, whose settings the conditions change.
        conditions: From `conditions_of`.
        out: Where results are kept; what is there already is not computed again.
        progress: Called with the condition and the fraction of all that is done.

    Raises:
        InputError: for no conditions, unfitting settings, unusable data, an unwritable folder.
    """
    require(len(conditions) > 0, "no conditions", "at least one", "use conditions_of(study)")
    results: list[StudyResult] = []
    for index, condition in enumerate(conditions):

        def tell(_label: str, part: float, index: int = index) -> None:
            if progress is not None:
                progress(conditions[index].name, (index + part) / len(conditions))

        results.append(
            run_study(
                study,
                size,
                condition.changes,
                out=out,
                progress=None if progress is None else tell,
            )
        )
    return Replication(tuple(conditions), tuple(results))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    r"""Return Wilson's 95 % interval of a share, :math:`(p + z^2/2n \pm \ldots)/(1 + z^2/n)`.

    >>> tuple(round(end, 3) for end in wilson(5, 5))
    (0.566, 1.0)
    """
    z, p = NORMAL_QUANTILE, successes / trials
    middle = p + z**2 / (2 * trials)
    reach = z * float(np.sqrt(p * (1.0 - p) / trials + (z / (2 * trials)) ** 2))
    scale = 1.0 + z**2 / trials
    return max((middle - reach) / scale, 0.0), min((middle + reach) / scale, 1.0)


def _of(verdicts: Sequence[Verdict], role: Role, quantity: str) -> tuple[Verdict, ...]:
    return tuple(each for each in verdicts if (each.role, each.quantity) == (role, quantity))


def _written(value: Any) -> str:
    parts: Sequence[Any] = value if isinstance(value, tuple) else (value,)
    return ",".join(str(part) for part in parts)


def _data_name(changes: Mapping[str, Any]) -> str:
    if "data" not in changes:
        return ""
    return "own data" if changes["data"] is None else Path(str(changes["data"])).name
