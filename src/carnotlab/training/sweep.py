"""Settings that differ only in numbers share one compiled program; this finds those numbers."""

import dataclasses
import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from carnotlab.core.descriptions import describe
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.schedules import Tabulated

Path: TypeAlias = tuple[str | int, ...]
Label = TypeVar("Label", bound=Hashable)

STRUCTURAL = frozenset({"task", "duration", "record", "rtol", "atol", "options"})
"""Fields whose numbers decide shapes or the solver, so that they cannot differ in one program."""


def by_skeleton(experiments: Mapping[Label, Experiment]) -> list[dict[Label, Experiment]]:
    """Group labelled experiments by `skeleton`: those of a group can share a compiled program."""
    groups: dict[str, dict[Label, Experiment]] = {}
    for label, experiment in experiments.items():
        groups.setdefault(skeleton(experiment), {})[label] = experiment
    return list(groups.values())


def differing_numbers(experiments: Sequence[Experiment]) -> tuple[Path, ...]:
    """Return where experiments differ that have one skeleton, as those of a `by_skeleton` group."""
    paths = _number_paths(experiments[0], ())
    first = {path: number_at(experiments[0], path) for path in paths}
    return tuple(
        path
        for path in paths
        if not all(np.array_equal(number_at(each, path), first[path]) for each in experiments)
    )


def skeleton(experiment: Experiment) -> str:
    """Return a text equal for experiments that can share one compiled program."""
    paths = _number_paths(experiment, ())
    zeroed = with_numbers(experiment, dict.fromkeys(paths, 0.5))
    # A zero switches code off (no momentum buffer, no decay), so it is part of the structure, as
    # the shape of a table is; but a decay given for each linear map is always on.
    off = [
        number.shape if isinstance(number, np.ndarray) else float(number) == 0.0
        for path in paths
        for number in [number_at(experiment, path)]
        if path[:-1] != ("training", "weight_decay")
    ]
    return json.dumps([describe(zeroed), off], sort_keys=True)


def rebuild(experiment: Experiment, paths: Sequence[Path]) -> Callable[[Any], Experiment]:
    """Return the function from numbers, one per path, to the experiment that has them."""
    return lambda numbers: with_numbers(experiment, dict(zip(paths, numbers, strict=True)))


def number_at(thing: Any, path: Path) -> Any:
    """Return the number, or the table of numbers, at a path of field names and positions."""
    for part in path:
        thing = thing[part] if isinstance(part, int) else getattr(thing, part)
    return thing


def with_numbers(thing: Any, numbers: dict[Path, Any]) -> Any:
    """Return a copy with other numbers at some paths; traced values pass, so nothing is validated.

    >>> from carnotlab.experiment.training import Training
    >>> with_numbers(Training(), {("rule", "learning_rate"): 7.0}).rule.learning_rate
    7.0
    """
    if () in numbers:
        return numbers[()]
    if not numbers:
        return thing
    below: dict[str | int, dict[Path, Any]] = {}
    for path, value in numbers.items():
        below.setdefault(path[0], {})[path[1:]] = value
    if isinstance(thing, tuple):
        return tuple(with_numbers(part, below.get(i, {})) for i, part in enumerate(thing))
    copy = object.__new__(type(thing))
    for field in dataclasses.fields(thing):
        value = with_numbers(getattr(thing, field.name), below.get(field.name, {}))
        object.__setattr__(copy, field.name, value)
    return copy


def _number_paths(thing: Any, path: Path) -> list[Path]:
    if isinstance(thing, float):
        return [path]
    if isinstance(thing, tuple):
        return [p for i, part in enumerate(thing) for p in _number_paths(part, (*path, i))]
    if isinstance(thing, Tabulated):
        fields = [field.name for field in dataclasses.fields(thing)]
        return [(*path, name) for name in fields if getattr(thing, name) is not None]
    if dataclasses.is_dataclass(thing):
        return [
            p
            for field in dataclasses.fields(thing)
            if field.name not in STRUCTURAL
            for p in _number_paths(getattr(thing, field.name), (*path, field.name))
        ]
    return []
