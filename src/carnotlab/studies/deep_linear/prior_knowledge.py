"""The same task from rich, lazy and wrong prior knowledge: does the start decide the course?"""

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
from carnotlab.networks.initialisation import Gaussian, Initialisation, LambdaBalanced
from carnotlab.runs.run import Run, RunResult
from carnotlab.studies.deep_linear.task_switch import OtherTargets, TaskSwitch
from carnotlab.studies.errors import flow_time, mean_course_error, mean_of, observed, predicted
from carnotlab.studies.panels import course_panels
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
from carnotlab.studies.style import COLOURS, LINES, MARKERS, headline, ink
from carnotlab.tasks.base import Task
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import Isotropic, PowerLaw, Spectrum
from carnotlab.theories.deep_linear.prior_knowledge import HIDDEN_SIMILARITY, PriorKnowledge

WHY = (
    "the prediction is of gradient flow and exact; steps of size η differ from it by about η q / 2 "
    "of the course, q the largest curvature, which is 0.8 % for the fastest arms and 0.4 % for "
    "each task of a switch"
)
COURSES = Tolerance(MODE_STRENGTH, 0.01, WHY)
SIMILARITY = Tolerance(HIDDEN_SIMILARITY, 0.01, WHY)
UNMOVED = Tolerance(
    Quantity("similarity_change", (), "fraction", "change of hidden similarity over its end"),
    0.1,
    "a first layer of squared strength λ learns a mode s by growing to "
    "(λ + (λ² + 4 s²)^(1/2)) / 2, a relative change of at most (s/λ)² = 1/16 for the strongest "
    "mode and less for all of them together; half as much again for what the start contains",
)
FIRST_LARGE, SECOND_LARGE = "lazy, first layer large", "lazy, second layer large"
RICH, WRONG, REVERSED = "rich", "wrong knowledge", "reversed knowledge"


class KnowledgeSettings(Settings, frozen=True, kw_only=True):
    """Settings of `KnowledgeDecides`; ``balance`` is the λ of lazy starts.

    ``slight`` is the λ of networks that learn a second task, ``scale`` the standard deviation of
    the entries of the map known at the start, ``duration`` a flow time.
    """

    seeds: Count = 4
    strengths: tuple[Positive, ...] = (2.0, 1.2, 0.7)
    size: Count = 6
    balance: float = 8.0
    slight: Positive = 0.2
    scale: Positive = 3e-3
    duration: Positive = 7.0
    rate: Positive = 0.002
    records: Count = 50


class KnowledgeDecides(Study):
    """One task, learned from rich, lazy and wrong prior knowledge, against the exact solution."""

    name: ClassVar[str] = "prior-knowledge"
    question: ClassVar[str] = (
        "Does what a network knows before a task decide how it learns it, and is that exactly "
        "predictable?"
    )
    message: ClassVar[str] = (
        "From stages to exponentials, through wrong and reversed knowledge, outputs and hidden "
        "similarity follow the exact solution. A large imbalance makes learning exponential, but "
        "hidden similarity stays put only if the first layer is the large one."
    )
    source: ClassVar[tuple[str, ...]] = ("fukumizu1998", "braun2022", "domine2025")
    data: ClassVar[str] = "synthetic linear maps"
    settings: ClassVar[type[Settings]] = KnowledgeSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return KnowledgeSettings()
        return KnowledgeSettings(
            seeds=16,
            strengths=(2.0, 1.5, 1.1, 0.8, 0.6),
            size=16,
            duration=9.0,
            rate=0.0005,
            records=100,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return starts from rich to lazy, two task switches, and the controls."""
        chosen = KnowledgeSettings.of(settings)
        rich = LambdaBalanced(0.0, chosen.scale)
        middle = LambdaBalanced(-1.0, chosen.scale)
        first = LambdaBalanced(-chosen.balance, chosen.scale)
        second = LambdaBalanced(chosen.balance, chosen.scale)
        wrong = OtherTargets(_task(chosen), _task(chosen, seed=1))
        reverse = OtherTargets(_task(chosen), _task(chosen), -1.0)
        short = 5.0 / chosen.balance
        arms = (
            _arm(chosen, RICH, rich),
            _arm(chosen, "between", middle),
            _arm(chosen, FIRST_LARGE, first, duration=short),
            _arm(chosen, SECOND_LARGE, second, duration=short),
            _switch(chosen, WRONG, wrong),
            _switch(chosen, REVERSED, reverse),
            _arm(chosen, "control: unwhitened inputs", middle, inputs=PowerLaw(1.0)),
            _arm(chosen, "control: layers out of balance", Gaussian(1.0), duration=1.0),
            _arm(
                chosen,
                "control: imbalance ignored",
                first,
                duration=short,
                theory=PriorKnowledge(balance=0.0),
            ),
        )
        return arms, ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold courses of modes and of similarity against their tolerance, and the lazy claim."""
        del settings
        courses = [
            Judgement(
                label,
                role_of(label),
                tolerance,
                (label,),
                lambda results, label=label, tolerance=tolerance: mean_course_error(
                    results[label], tolerance.quantity
                ),
            )
            for label in labels
            for tolerance in (COURSES, SIMILARITY)
        ]
        return (
            *courses,
            _unmoved(FIRST_LARGE, "test"),
            _unmoved(SECOND_LARGE, "control"),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw the modes of every arm, theory over experiment, and how hidden similarity moves."""
        figure = Figure(figsize=(12.5, 6.4))
        labels = list(result.results)
        panels = course_panels(figure, labels, columns=5, extra=1)
        for label in labels:
            panels.draw(label, result.results[label], COURSES.error)
        for label in (WRONG, REVERSED):
            end = float(KnowledgeSettings.of(result.settings).duration)
            panels.pairs[label][0].axvline(end, color=ink(), lw=0.6, ls=":")
        _draw_motion(panels.extra[0], result.results)
        headline(
            figure,
            "What was known before decides the course: lines theory, bands and marks experiment",
        )
        return figure


def similarity_change(
    course: Float[np.ndarray, "seed time n n"],
) -> Float[np.ndarray, "seed time"]:
    """Return the distance of hidden similarity from its start over its size at the end."""
    gap = np.linalg.norm(course - course[:, :1], axis=(2, 3))
    return gap / np.linalg.norm(course[:, -1:], axis=(2, 3))


def _task(settings: KnowledgeSettings, inputs: Spectrum | None = None, seed: int = 0) -> LinearMap:
    return LinearMap(
        settings.size,
        settings.size,
        settings.strengths,
        input_spectrum=Isotropic() if inputs is None else inputs,
        held_out=1,
        seed=seed,
    )


def _experiment(
    settings: KnowledgeSettings, task: Task, start: Initialisation, duration: float | None = None
) -> Experiment:
    size = settings.size
    return Experiment(
        task,
        deep_linear(size, (size,), size, initialisation=start),
        Training(
            GradientDescent(settings.rate),
            duration=float(round((duration or settings.duration) / settings.rate)),
            record=Evenly(settings.records),
            precision="float64",
        ),
    )


def _arm(
    settings: KnowledgeSettings,
    label: str,
    start: Initialisation,
    *,
    inputs: Spectrum | None = None,
    duration: float | None = None,
    theory: PriorKnowledge | None = None,
) -> Arm:
    experiment = _experiment(settings, _task(settings, inputs), start, duration)
    chosen = PriorKnowledge() if theory is None else theory
    return Arm(label, Run(experiment, chosen, tuple(range(settings.seeds))))


def _switch(settings: KnowledgeSettings, label: str, known: Task) -> Arm:
    start = LambdaBalanced(settings.slight, settings.scale)
    before = _experiment(settings, known, start)
    after = _experiment(settings, _task(settings), start)
    return Arm(label, TaskSwitch(before, after, tuple(range(settings.seeds))))


def _unmoved(label: str, role: Role) -> Judgement:
    def error(results: Results) -> Statistic:
        changes = similarity_change(observed(results[label], HIDDEN_SIMILARITY))[:, -1]
        return mean_of(changes)

    return Judgement(
        label if role == "test" else f"control: {label}", role, UNMOVED, (label,), error
    )


def _draw_motion(axes: Axes, results: Results) -> None:
    for index, label in enumerate((RICH, FIRST_LARGE, SECOND_LARGE)):
        run = results[label]
        time = flow_time(run)
        part = time / time[-1]
        axes.plot(part, _motion(run, seen=False), color=ink(), lw=1.1, ls=LINES[index])
        axes.plot(
            part,
            _motion(run, seen=True),
            color=COLOURS[index],
            lw=0,
            marker=MARKERS[index],
            ms=3.5,
            markevery=max(len(time) // 12, 1),
            label=label,
        )
    axes.set(
        title="hidden similarity: change",
        xlabel="part of the time",
        ylabel="over its size at the end",
        ylim=(-0.03, 1.25),
    )
    axes.legend(fontsize="x-small", loc="upper left")


def _motion(run: RunResult, *, seen: bool) -> Float[np.ndarray, " time"]:
    course = observed(run, HIDDEN_SIMILARITY) if seen else predicted(run, HIDDEN_SIMILARITY)
    return similarity_change(course).mean(axis=0)
