"""Does learning to reconstruct inputs speed up a task, as a large unbalanced start would?"""

from typing import ClassVar

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Gaussian
from carnotlab.runs.run import Run, RunResult
from carnotlab.studies.deep_linear.pretrained_run import FirstLayer, PretrainedRun
from carnotlab.studies.errors import flow_time, mean_course_error, mean_of, observed
from carnotlab.studies.panels import course_panels
from carnotlab.studies.semantic.taxonomy import half_times
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
from carnotlab.studies.style import COLOURS, MARKERS, headline, ink
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import Eigenvalues
from carnotlab.tasks.statistics import input_output_modes
from carnotlab.theories.deep_linear.modes import DeepLinearModes
from carnotlab.theories.deep_linear.pretrained_modes import PretrainedModes
from carnotlab.theories.deep_linear.unbalanced_modes import time_between

COURSES = Tolerance(
    MODE_STRENGTH,
    0.05,
    "steps of rate times curvature 0.03 lag by half of that; the rest of the small layers couples "
    "modes by their norm over what is learned, 0.03 at most",
)
FROM_SMALL = Tolerance(
    MODE_STRENGTH,
    0.1,
    "modes of a small random start share hidden directions: with 6 units cos² = 1/6 on average, "
    "over the ln(s/u0) = 10 of a half-time a shift of 2 %, and of up to three times that for one "
    "member; a course that rises within a third of its half-time is off by about as much again",
)
HALF_TIMES = Tolerance(
    Quantity("half_time", (), "1", "log2 of a half-time over that of a first layer of strength 1"),
    0.15,
    "reconstruction stops within a few percent of strength 1, on which the time depends in "
    "proportion, and the second layer's start of 0.005 over the 0.5 still to learn moves it by 1 "
    "%: 5 % in all is 0.07; without pretraining it is a factor of two and more, 1 here",
)
PRETRAINED, SCRATCH = "pretrained", "small start"
SCRATCH_ELSEWHERE = "small start, other directions"
RANDOM = "control: random first layer of the same size"
ELSEWHERE = "control: pretrained on other directions"
CLAIMED = "as if the first layer had strength 1"


class PretrainingSettings(Settings, frozen=True, kw_only=True):
    """Settings of `UnsupervisedPretraining`; times are flow times.

    Inputs vary by ``loud`` along as many directions as there are hidden units and by ``quiet``
    along the others; the modes of the task lie in the first or, in one control, in the others.
    """

    seeds: Count = 8
    strengths: tuple[Positive, ...] = (1.0, 0.8, 0.6)
    loud: tuple[float, ...] = (2.0, 1.8, 1.6, 1.4, 1.2, 1.0)
    quiet: float = 0.2
    start: Positive = 0.005
    pretraining: float = 14.0
    duration: Positive = 5.0
    rate: Positive = 0.007
    records: Count = 100


class UnsupervisedPretraining(Study):
    """A first layer that reconstructs its inputs, then a task: a large-scale start by learning."""

    name: ClassVar[str] = "unsupervised-pretraining"
    question: ClassVar[str] = (
        "Does unsupervised pretraining speed learning up because it is a large unbalanced start, "
        "and does its closed form say when each mode is learned?"
    )
    message: ClassVar[str] = (
        "A first layer trained on reconstruction carries every mode of a task at strength one, and "
        "learning begins at once, on the closed form. A random layer of the same size mixes the "
        "modes; one pretrained on directions that the task does not use is slower than none."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2014",)
    data: ClassVar[str] = "synthetic linear map"
    settings: ClassVar[type[Settings]] = PretrainingSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return PretrainingSettings()
        return PretrainingSettings(seeds=32, rate=0.002, start=0.002, pretraining=18.0, records=200)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return a pretrained and a small start, and the controls."""
        chosen = PretrainingSettings.of(settings)
        return (
            _pretrained(chosen, PRETRAINED, "reconstruction", _task(chosen)),
            _scratch(chosen, SCRATCH),
            _scratch(chosen, SCRATCH_ELSEWHERE),
            _pretrained(chosen, RANDOM, "random", _task(chosen)),
            _pretrained(chosen, ELSEWHERE, "reconstruction", _task(chosen, elsewhere=True)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge courses, then half-times against those of a first layer of strength one."""
        chosen = PretrainingSettings.of(settings)
        courses = [
            Judgement(
                label,
                role_of(label),
                _tolerance(label),
                (label,),
                lambda results, label=label: mean_course_error(results[label], MODE_STRENGTH),
            )
            for label in labels
        ]
        return (
            *courses,
            _of_half_times(chosen, PRETRAINED, "test"),
            _of_half_times(chosen, SCRATCH, "control"),
            _of_half_times(chosen, ELSEWHERE, "control"),
            _no_slower(chosen),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw every arm's courses, theory over experiment, and half-times against strength."""
        figure = Figure(figsize=(13.5, 3.8))
        labels = list(result.results)
        panels = course_panels(figure, labels, columns=6, extra=1)
        for label in labels:
            panels.draw(label, result.results[label], _tolerance(label).error)
            panels.pairs[label][0].set_title(_title(label))
        _draw_half_times(panels.extra[0], result)
        headline(
            figure,
            "A pretrained first layer lets learning begin at once, if it knows the task's "
            "directions: lines theory, bands and marks experiment",
        )
        return figure


def _tolerance(label: str) -> Tolerance:
    return FROM_SMALL if label.startswith(SCRATCH) else COURSES


def _title(label: str) -> str:
    return {
        RANDOM: "control, random layer\nof the same size",
        ELSEWHERE: "control, pretrained on\nother directions",
        SCRATCH_ELSEWHERE: "small start,\nother directions",
    }.get(label, label)


def _task(settings: PretrainingSettings, *, elsewhere: bool = False) -> LinearMap:
    hidden = len(settings.loud)
    quiet = (settings.quiet,) * hidden
    variances = quiet + settings.loud if elsewhere else settings.loud + quiet
    return LinearMap(
        2 * hidden,
        hidden + 2,
        settings.strengths,
        input_spectrum=Eigenvalues(variances),
        basis="aligned",
        held_out=1,
    )


def _experiment(settings: PretrainingSettings, task: LinearMap, duration: float) -> Experiment:
    small = Gaussian(settings.start)
    return Experiment(
        task,
        deep_linear(task.inputs, (len(settings.loud),), task.outputs, initialisation=small),
        Training(
            GradientDescent(settings.rate),
            duration=float(round(duration / settings.rate)),
            record=Evenly(settings.records),
        ),
    )


def _pretrained(
    settings: PretrainingSettings, label: str, first_layer: FirstLayer, task: LinearMap
) -> Arm:
    # Modes along quiet directions have that much weaker correlations, so longer times.
    longer = 1.5 * settings.loud[0] / settings.quiet if label == ELSEWHERE else 1.0
    run = PretrainedRun(
        _experiment(settings, task, settings.duration * longer),
        PretrainedModes(),
        tuple(range(settings.seeds)),
        first_layer,
        round(settings.pretraining / settings.rate),
        settings.start,
    )
    return Arm(label, run)


def _scratch(settings: PretrainingSettings, label: str) -> Arm:
    elsewhere = label == SCRATCH_ELSEWHERE
    # Both layers have to grow by ln(1/start) each before the first mode is seen.
    duration = settings.duration * (1.5 * settings.loud[0] / settings.quiet if elsewhere else 2.5)
    experiment = _experiment(settings, _task(settings, elsewhere=elsewhere), duration)
    return Arm(label, Run(experiment, DeepLinearModes(), tuple(range(settings.seeds))))


def _claimed(settings: PretrainingSettings, label: str) -> Float[np.ndarray, " mode"]:
    """Half-times of modes whose first layer has strength one and whose second has none."""
    task = _task(settings, elsewhere=label in (ELSEWHERE, SCRATCH_ELSEWHERE))
    correlation = np.asarray(input_output_modes(task).strengths)
    final = np.asarray(settings.strengths)
    return time_between(final / 2.0, correlation, np.zeros(len(final)), 1.0, correlation / final)


def _seen(settings: PretrainingSettings, result: RunResult) -> Float[np.ndarray, "seed mode"]:
    time = flow_time(result)
    final = np.asarray(settings.strengths)
    return np.stack([half_times(time, one / final) for one in observed(result, MODE_STRENGTH)])


def _of_half_times(settings: PretrainingSettings, label: str, role: Role) -> Judgement:
    def error(results: Results) -> Statistic:
        ratios = np.abs(np.log2(_seen(settings, results[label]) / _claimed(settings, label)))
        worst = ratios.max(axis=1)
        return mean_of(worst)

    name = label.removeprefix("control: ")
    name = f"{name}, {CLAIMED}"
    return Judgement(
        f"control: {name}" if role == "control" else name, role, HALF_TIMES, (label,), error
    )


def _no_slower(settings: PretrainingSettings) -> Judgement:
    def error(results: Results) -> Statistic:
        pretrained = _seen(settings, results[ELSEWHERE])
        scratch = _seen(settings, results[SCRATCH_ELSEWHERE])
        worst = np.maximum(np.log2(pretrained / scratch), 0.0).max(axis=1)
        return mean_of(worst)

    name = f"{ELSEWHERE}, no slower than a small start"
    return Judgement(name, "control", HALF_TIMES, (ELSEWHERE, SCRATCH_ELSEWHERE), error)


def _draw_half_times(axes: Axes, result: StudyResult) -> None:
    settings = PretrainingSettings.of(result.settings)
    strengths = np.asarray(settings.strengths)
    for index, label in enumerate((PRETRAINED, SCRATCH, SCRATCH_ELSEWHERE, ELSEWHERE)):
        seen = _seen(settings, result.results[label]) / _claimed(settings, label)
        name = _title(label).replace("\n", " ")
        name = name if np.isfinite(seen).any() else f"{name}: never"
        for mode, strength in enumerate(strengths):
            values = seen[np.isfinite(seen[:, mode]), mode]
            axes.plot(
                np.full(len(values), strength),
                values,
                MARKERS[index],
                ms=4,
                color=COLOURS[index],
                alpha=0.7,
                label=name if mode == 0 else None,
            )
    axes.axhline(1.0, color=ink(), lw=1.1)
    axes.set(
        title="half-times over those of\na first layer of strength 1",
        xlabel="mode strength",
        yscale="log",
        ylim=(0.7, None),
    )
    axes.legend(fontsize="x-small")
