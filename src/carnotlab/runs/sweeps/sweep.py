"""A sweep: experiments that differ in settings, times seeds, as one description."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import jax
import numpy as np

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import CarnotError, InputError, require
from carnotlab.core.provenance import code_digest
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.base import Measure
from carnotlab.measures.losses import (
    test_accuracy,
    test_loss,
    train_accuracy,
    train_loss,
)
from carnotlab.runs.sweeps.settings import Settings
from carnotlab.training.members import Member


@dataclass(frozen=True)
class Sweep:
    """Experiments, one a setting, times seeds: what `run_sweep` trains.

    ``experiments`` holds None where a setting cannot be an experiment (batches larger than the
    data, say); ``refused`` says why, by row. All record at the same times. Members are numbered
    ``setting * len(seeds) + seed``, both by position. Made by `sweep_over`.

    Raises:
        InputError: for no experiment at all, different record times, seeds given twice.
    """

    settings: Settings
    experiments: tuple[Experiment | None, ...]
    seeds: tuple[int, ...]
    measures: tuple[Measure, ...]
    refused: Mapping[int, str] = field(default_factory=dict[int, str])

    def __post_init__(self) -> None:
        require(
            len(self.experiments) == len(self.settings),
            f"{len(self.experiments)} experiments for {len(self.settings)} settings",
            "one for each",
            "use sweep_over()",
        )
        require(
            0 < len(set(self.seeds)) == len(self.seeds)
            and min(self.seeds) >= 0
            and max(self.seeds) < 2**31,
            f"seeds = {self.seeds[:8]}",
            "at least one whole number from 0 to 2147483647, none twice",
            "use range(n)",
        )
        names = [measure.quantity.name for measure in self.measures]
        require(
            0 < len(set(names)) == len(names),
            f"measures {names}",
            "at least one, with different names",
            "name what to record",
        )
        clash = set(names) & set(self.settings.names)
        require(not clash, f"settings named as measures: {clash}", "other names", "rename them")
        require(
            len(self.present) > 0,
            f"no experiment in {len(self.settings)} settings",
            "at least one that can be trained",
            "change the settings",
        )
        trainings = [self._experiment(row).training for row in self.present]
        several = {(each.record, each.duration, each.is_flow): each for each in trainings}
        clocks = {(each.times.tobytes(), each.is_flow) for each in several.values()}
        require(
            len(clocks) == 1,
            f"settings with {len(clocks)} different sets of record times",
            "the same times in all, so that they make one array",
            "give them the same duration and record times (`At`), or run two sweeps",
        )

    @cached_property
    def present(self) -> tuple[int, ...]:
        """Rows of settings that are experiments."""
        return tuple(row for row, each in enumerate(self.experiments) if each is not None)

    @property
    def first(self) -> Experiment:
        """The first experiment, for what all have in common."""
        return self._experiment(self.present[0])

    @property
    def members(self) -> int:
        """How many networks are trained."""
        return len(self.present) * len(self.seeds)

    def member(self, index: int) -> Member:
        """Return the experiment and the seed of a member."""
        row, seed = divmod(index, len(self.seeds))
        return Member(self._experiment(row), self.seeds[seed])

    @cached_property
    def key(self) -> str:
        """A digest of settings, experiments, seeds, measures, code, versions and kind of device.

        Not of how many devices or processes there are: members do not depend on it.
        """
        experiments = [None if each is None else _key_of(each) for each in self.experiments]
        versions = [
            code_digest(),
            code_digest(("runs/sweeps",)),
            jax.__version__,
            np.__version__,
            jax.devices()[0].device_kind,
        ]
        table: list[Any] = [list(self.settings.names), [list(row) for row in self.settings.rows]]
        table.append(list(self.settings.shape or ()))
        return content_key("sweep", table, experiments, self.seeds, self.measures, versions)[:32]

    def _experiment(self, row: int) -> Experiment:
        experiment = self.experiments[row]
        if experiment is None:
            raise InputError(f"setting {row}", "an experiment", self.refused.get(row, "mend it"))
        return experiment


def sweep_over(
    experiment: Callable[..., Experiment],
    settings: Settings,
    seeds: Sequence[int] | int = 4,
    measures: Sequence[Measure] | None = None,
) -> Sweep:
    """Return the sweep of ``experiment(**setting)`` over settings and seeds.

    Args:
        experiment: From one setting's values by name to an experiment. What it refuses by an
            `InputError` is kept as refused; the others are trained.
        settings: From `grid`, `listed` or `sampled`.
        seeds: One member of each setting each; a number stands for 0, 1, ...
        measures: What to record; by default losses, and accuracies for classifications. The first
            is what members are compared by.

    Raises:
        InputError: if no setting is an experiment; see `Sweep`.

    >>> import carnotlab as carnot
    >>> task = carnot.GaussianRegression(inputs=3, samples=5)
    >>> def experiment(lr: float, width: int) -> carnot.Experiment:
    ...     training = carnot.Training(carnot.GradientDescent(lr), duration=10)
    ...     return carnot.Experiment(task, carnot.mlp(3, (width,), 1), training)
    >>> from carnotlab.runs.sweeps.settings import grid
    >>> sweep_over(experiment, grid(lr=(0.1, 0.3), width=(8, 16)), seeds=5).members
    20
    """
    made: list[Experiment | None] = []
    refused: dict[int, str] = {}
    fault: CarnotError | None = None
    for row in range(len(settings)):
        try:
            made.append(experiment(**settings.row(row)))
        except CarnotError as error:
            fault = fault or error
            refused[row] = str(error)
            made.append(None)
    first = next((each for each in made if each is not None), None)
    if first is None:
        assert fault is not None
        raise fault
    if measures is None:
        measures = default_measures(first)
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(int(s) for s in seeds)
    return Sweep(settings, tuple(made), chosen, tuple(measures), refused)


def default_measures(experiment: Experiment) -> tuple[Measure, ...]:
    """Return what is recorded unless said otherwise: losses, and accuracies of classifications."""
    if experiment.task.is_classification:
        return (test_loss, train_loss, test_accuracy, train_accuracy)
    return (test_loss, train_loss)


@lru_cache(maxsize=1024)
def _part_key(part: Any) -> str:
    return content_key(part)


def _key_of(experiment: Experiment) -> str:
    """Return a digest of a description, whose parts recur in others of a sweep."""
    parts = experiment.task, experiment.network, experiment.training
    return content_key(*map(_part_key, parts))
