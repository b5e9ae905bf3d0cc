"""What of a network's behaviour is the data's: spectrum, classes, labels, or none of them?"""

from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_LOSS, TRAIN_LOSS
from carnotlab.networks.architectures import mlp
from carnotlab.studies.data_folder import find_data, not_found
from carnotlab.studies.errors import average_course_error, mean_apart
from carnotlab.studies.infinite_width.step_sizes import largest_eigenvalue
from carnotlab.studies.robustness.structure_panels import draw_courses, draw_errors
from carnotlab.studies.robustness.structure_run import StructureRun, of_task
from carnotlab.studies.robustness.structure_table import structure_table
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.base import Task
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.label_noise import RandomLabels, ShuffledLabels
from carnotlab.tasks.matched_inputs import ClassMatched, SpectrumMatched, WhiteInputs
from carnotlab.tasks.user_file import from_file

REAL, MATCHED, BY_CLASS = "real", "spectrum-matched", "class-matched"
SHUFFLED, WORST = "shuffled labels", "white inputs, random labels"
KINDS = (REAL, MATCHED, BY_CLASS, SHUFFLED, WORST)
NETWORKS = ("linear", "rectifier")

OWN_WHY = (
    "a hidden layer of several hundred units starts with a kernel a few per cent from its limit, "
    "at random, and the mean over seeds comes closer; the same on every kind of data"
)
OWN = Tolerance(TRAIN_LOSS, 0.05, OWN_WHY)
LINEAR_TRAIN = Tolerance(
    TRAIN_LOSS,
    0.02,
    "a linear model's loss depends on the data through second moments alone, which are those of "
    "the real data exactly; what is left is the scatter of small random starts",
)
LINEAR_TEST = Tolerance(TEST_LOSS, LINEAR_TRAIN.error, LINEAR_TRAIN.why)
RECTIFIER_TRAIN = Tolerance(
    TRAIN_LOSS,
    0.05,
    "the strong directions of a rectifier's kernel are those of the inputs' second moments, and "
    "they make most of the course; beside that the width leaves as much as in its own theory",
)
BY_CLASS_TRAIN = Tolerance(
    TRAIN_LOSS,
    0.05,
    "the same, with the covariance of every class for itself, which products of rectifiers see",
)
CHANCE = Quantity("wrong_beside_chance", (), "fraction", "held-out share wrong, minus that of luck")


class StructureSettings(Settings, frozen=True, kw_only=True):
    """Settings of `StructureOfData`; ``step`` is learning rate times largest kernel eigenvalue.

    ``sets`` are ``digits`` and names of image archives in the data folder.
    """

    sets: tuple[str, ...] = ("digits",)
    samples: Count = 160
    held_out: Count = 400
    width: Count = 512
    step: Positive = 1.0
    steps: Count = 150
    records: Count = 16
    output_variance: Positive = 0.01
    target: str | None = None


class _Source(NamedTuple):
    name: str
    task: Task


class StructureOfData(Study):
    """The same networks on real data, on Gaussian stand-ins, and on data without structure."""

    name: ClassVar[str] = "structure-of-data"
    question: ClassVar[str] = (
        "Which parts of a network's behaviour come from its data: from their spectrum, their "
        "classes, their labels, or from nothing in them?"
    )
    message: ClassVar[str] = (
        "The course of learning is that of the data's second moments: exactly for linear networks, "
        "nearly for rectifiers until late; labels decide the rest, and without them the same "
        "network learns slower and what it learns is of no use."
    )
    source: ClassVar[tuple[str, ...]] = ("jacot2018", "zhang2017", "goldt2020")
    data: ClassVar[str] = "scikit-learn's digits (real); at full size MNIST and Fashion-MNIST too"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = StructureSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return StructureSettings()
        return StructureSettings(
            seeds=8,
            sets=("digits", "mnist_20k_5k", "fashion_mnist_20k_5k"),
            samples=500,
            width=2048,
            steps=1000,
            records=25,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return, per data set, both networks on every kind of data."""
        chosen = StructureSettings.of(settings)
        sources, skipped = _sources(chosen)
        arms = [_arm(chosen, source, network) for source in sources for network in NETWORKS]
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge stand-ins against the real course, each course against its own kernel, and luck."""
        chosen = StructureSettings.of(settings)
        found: list[Judgement] = []
        for source in _sources(chosen)[0]:
            found += _judgements(source)
        return tuple(judgement for judgement in found if set(judgement.arms) <= set(labels))

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return speed, end, generalization, alignment and order of learning of every arm."""
        chosen = StructureSettings.of(result.settings)
        return tuple(
            structure_table(
                source.name,
                {name: result.results[_label(source.name, name)] for name in NETWORKS},
                KINDS,
            )
            for source in _sources(chosen)[0]
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw courses over the stand-ins' predictions, and errors on held-out samples."""
        sources = _sources(StructureSettings.of(result.settings))[0]
        figure = Figure(figsize=(11.5, 4.4 * len(sources)))
        grid = figure.add_gridspec(2 * len(sources), 3, height_ratios=(3, 1) * len(sources))
        for row, source in enumerate(sources):
            for column, network in enumerate(NETWORKS):
                courses = figure.add_subplot(grid[2 * row, column])
                strip = figure.add_subplot(grid[2 * row + 1, column], sharex=courses)
                run = result.results[_label(source.name, network)]
                arms = {kind: of_task(run, place) for place, kind in enumerate(KINDS)}
                draw_courses(courses, strip, arms)
                courses.set_title(f"{source.name}: {network} network, training")
            errors = figure.add_subplot(grid[2 * row : 2 * row + 2, 2])
            runs = {name: result.results[_label(source.name, name)] for name in NETWORKS}
            draw_errors(errors, runs, KINDS, _luck(source.task))
            errors.set_title(f"{source.name}: wrong on held-out samples")
        headline(figure, "What of learning is the data's: second moments carry most of its course")
        return figure


def _judgements(source: _Source) -> list[Judgement]:
    linear, rectifier = (_label(source.name, network) for network in NETWORKS)

    def predicted_from(words: str, arm: str, kind: str, tolerance: Tolerance) -> Judgement:
        place = KINDS.index(kind)
        return Judgement(
            words,
            role_of(words),
            tolerance,
            (arm,),
            lambda results: average_course_error(
                of_task(results[arm], 0, place), tolerance.quantity
            ),
        )

    def own(kind: str) -> Judgement:
        return Judgement(
            f"{rectifier}, {kind}",
            "test",
            OWN,
            (rectifier,),
            lambda results: average_course_error(
                of_task(results[rectifier], KINDS.index(kind)), TRAIN_LOSS
            ),
        )

    luck, held_out = _luck(source.task), source.task.data().test.size
    at_chance = Tolerance(
        CHANCE,
        3.0 * float(np.sqrt(luck * (1.0 - luck) / held_out)),
        f"three standard deviations of luck over {held_out} held-out labels, which all seeds share",
    )

    def lucky(words: str, kind: str) -> Judgement:
        def error(results: Results) -> Statistic:
            seen = of_task(results[rectifier], KINDS.index(kind)).observation
            wrong = 1.0 - np.asarray(seen["test_accuracy"].values[:, -1], dtype=np.float64)
            return mean_apart(wrong, luck)

        return Judgement(words, role_of(words), at_chance, (rectifier,), error)

    return [
        predicted_from(f"{linear}, from matched moments", linear, MATCHED, LINEAR_TRAIN),
        predicted_from(f"{linear}, from matched moments", linear, MATCHED, LINEAR_TEST),
        predicted_from(f"control: {linear}, from shuffled", linear, SHUFFLED, LINEAR_TRAIN),
        predicted_from(f"control: {linear}, from white", linear, WORST, LINEAR_TRAIN),
        *(own(kind) for kind in KINDS),
        predicted_from(f"{rectifier}, from matched moments", rectifier, MATCHED, RECTIFIER_TRAIN),
        predicted_from(f"{rectifier}, from class moments", rectifier, BY_CLASS, BY_CLASS_TRAIN),
        predicted_from(
            f"control: {rectifier}, from shuffled", rectifier, SHUFFLED, RECTIFIER_TRAIN
        ),
        predicted_from(f"control: {rectifier}, from white", rectifier, WORST, RECTIFIER_TRAIN),
        lucky(f"{rectifier}, {SHUFFLED}", SHUFFLED),
        lucky(f"{rectifier}, {WORST}", WORST),
        lucky(f"control: {rectifier}, {REAL}", REAL),
    ]


def _luck(task: Task) -> float:
    """Return the expected share wrong of labels dealt at random with the same frequencies."""
    shares = [
        np.bincount(np.asarray(batch.y).argmax(axis=1), minlength=task.output_size) / batch.size
        for batch in task.data()
    ]
    return 1.0 - float(shares[0] @ shares[1])


def _label(source: str, network: str) -> str:
    return f"{source}, {network}"


def _sources(settings: StructureSettings) -> tuple[list[_Source], tuple[str, ...]]:
    # Each image is brought to mean 0 and norm 1: pixels that are nearly always dark would, scaled
    # one by one, have a few huge values.
    if settings.data is not None:
        task = from_file(
            settings.data,
            target=settings.target,
            kind="classification",
            standardise_targets=True,
            rows=settings.samples + settings.held_out,
        )
        return [_Source(Path(settings.data).stem, task)], ()
    found: list[_Source] = []
    skipped: list[str] = []
    rows = "zero mean, unit norm rows"
    for name in settings.sets:
        path = find_data(f"{name}.npz")
        if name == "digits":
            digits = Digits(settings.samples, settings.held_out, rows, centre_targets=True)
            found.append(_Source(name, digits))
        elif path is None:
            skipped.append(not_found(f"{name}.npz", "such a file"))
        else:
            task = from_file(
                path, standardise=rows, standardise_targets=True, rows=settings.samples
            )
            found.append(_Source(name.split("_20k")[0], task))
    return found, tuple(skipped)


def _kinds(task: Task) -> tuple[Task, ...]:
    """Return the task as it is and changed, in the order of `KINDS`."""
    return (
        task,
        SpectrumMatched(task),
        ClassMatched(task),
        ShuffledLabels(task),
        RandomLabels(WhiteInputs(task)),
    )


def _arm(settings: StructureSettings, source: _Source, network: str) -> Arm:
    task = source.task
    x = np.asarray(task.data().train.x)
    # Preactivations of order one, whatever the scale of the inputs: else no width is wide.
    inputs = task.input_size / float(np.mean(np.sum(x.reshape(len(x), -1) ** 2, axis=1)))
    description = mlp(
        task.input_size,
        () if network == "linear" else (settings.width,),
        task.output_size,
        weight_variance=2.0 * inputs,
        # A linear model is lazy from any start, and from a small one its loss scatters little.
        output_variance=0.1 * settings.output_variance * inputs
        if network == "linear"
        else settings.output_variance,
    )
    # The same rule on all kinds of data: the step is measured on the real ones.
    rate = settings.step / largest_eigenvalue(description, task)
    training = Training(
        GradientDescent(rate),
        duration=settings.steps,
        record=Logarithmically(settings.records, first=1),
    )
    experiment = Experiment(task, description, training)
    # Labels dealt out anew are the hardest to fit, and move the weights farthest.
    hardest = KINDS.index(SHUFFLED)
    run = StructureRun(experiment, _kinds(task), tuple(range(settings.seeds)), hardest)
    return Arm(_label(source.name, network), run)
