"""Does a deep linear network learn the modes of its task in stages, each on an exact course?"""

from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.modes import MODE_STRENGTH
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, Gaussian, Initialisation
from carnotlab.runs.run import Run
from carnotlab.studies.errors import flow_time, mean_course_error, observed
from carnotlab.studies.panels import course_panels
from carnotlab.studies.semantic.taxonomy import half_times
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import COLOURS, LINES, MARKERS, headline, ink
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import Isotropic, PowerLaw, Spectrum
from carnotlab.theories.deep_linear.mode_dynamics import time_to_reach
from carnotlab.theories.deep_linear.modes import DeepLinearModes

TOLERANCE = Tolerance(
    MODE_STRENGTH,
    0.02,
    "the prediction is of second order in the step, (rate x curvature)^2 <= 1 %, over the e-folds "
    "a mode grows by; a small random start adds its decaying half, of the order of start/strength",
)


class StagesSettings(Settings, frozen=True, kw_only=True):
    """Settings of `DeepLinearStages`; ``step`` is learning rate times largest curvature."""

    strengths: tuple[Positive, ...] = (3.0, 2.0, 1.2, 0.7)
    start: Positive = 1e-3
    step: Positive = 0.1
    width: Count = 16
    records: Count = 80


class DeepLinearStages(Study):
    """Modes of a linear map, learned one after the other, at depths 1 to 5."""

    name: ClassVar[str] = "deep-linear-stages"
    question: ClassVar[str] = (
        "Does a deep linear network learn the modes of its task one by one, on the exact course?"
    )
    message: ClassVar[str] = (
        "Strong modes are learned first and each follows its closed form at every depth; a large "
        "start, inputs that mix the modes, or an unaligned start at depth 3 break the law."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2014",)
    data: ClassVar[str] = "synthetic linear map"
    settings: ClassVar[type[Settings]] = StagesSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return StagesSettings(seeds=4)
        return StagesSettings(seeds=16, step=0.05)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return depths 1 to 5 from an aligned start, a small random start, and the controls."""
        chosen = StagesSettings.of(settings)
        aligned, white = Aligned(chosen.start), Isotropic()
        arms = [_arm(chosen, f"depth {depth}", depth, aligned, white) for depth in range(1, 6)]
        tiny = Gaussian(0.01)
        arms += [
            _arm(chosen, "small random start, depth 2", 2, tiny, white),
            _arm(chosen, "control: large start, depth 2", 2, Gaussian(1.0), white),
            _arm(chosen, "control: unwhitened inputs, depth 3", 3, aligned, PowerLaw(1.0)),
            _arm(chosen, "control: random start, depth 3", 3, Gaussian(0.1), white),
        ]
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold the relative error of all courses of an arm against the tolerance."""
        return tuple(_judgement(label) for label in labels)

    def figure(self, result: StudyResult) -> Figure:
        """Draw every arm's courses, theory over experiment, and half-times against strength."""
        figure = Figure(figsize=(12.5, 6.4))
        labels = list(result.results)
        panels = course_panels(figure, labels, columns=5, extra=1)
        for label in labels:
            panels.draw(label, result.results[label], TOLERANCE.error)
        _draw_half_times(panels.extra[0], result)
        headline(
            figure, "Deep linear networks learn in stages: lines theory, bands and marks experiment"
        )
        return figure


def _arm(
    settings: StagesSettings, label: str, depth: int, start: Initialisation, inputs: Spectrum
) -> Arm:
    strengths = np.asarray(settings.strengths)
    count = len(strengths)
    task = LinearMap(count + 8, count + 6, settings.strengths, input_spectrum=inputs)
    hidden = [settings.width + 2 * layer for layer in range(depth - 1)]
    strongest = float(strengths.max())
    rate = settings.step / (depth * strongest ** (2.0 - 2.0 / depth))
    # Until the slowest mode of the whitened task is nearly learned, and a little longer.
    slowest = np.array(strengths.min())
    duration = (
        6.0
        if depth == 1
        else 1.3 * float(time_to_reach(0.95 * slowest, depth, slowest, np.array(settings.start)))
    )
    experiment = Experiment(
        task,
        deep_linear(task.inputs, hidden, task.outputs, initialisation=start),
        Training(
            GradientDescent(rate),
            duration=float(round(duration / rate)),
            record=Evenly(settings.records),
        ),
    )
    return Arm(label, Run(experiment, DeepLinearModes(), tuple(range(settings.seeds))))


def _judgement(label: str) -> Judgement:
    role = role_of(label)
    return Judgement(
        label,
        role,
        TOLERANCE,
        (label,),
        lambda results: mean_course_error(results[label], MODE_STRENGTH),
    )


def _draw_half_times(axes: Axes, result: StudyResult) -> None:
    """When each mode is half learned against its strength: strong first, and how at each depth."""
    settings = StagesSettings.of(result.settings)
    strengths = np.asarray(settings.strengths)
    fine = np.geomspace(0.9 * strengths.min(), 1.1 * strengths.max(), 60)
    for depth in range(2, 6):
        start = np.full(fine.shape, settings.start)
        axes.plot(
            fine,
            time_to_reach(fine / 2, depth, fine, start),
            color=ink(),
            lw=0.9,
            ls=LINES[depth - 2],
        )
        run = result.results[f"depth {depth}"]
        time = flow_time(run)
        seen = half_times(time, observed(run, MODE_STRENGTH).mean(axis=0) / strengths)
        axes.plot(
            strengths,
            seen,
            MARKERS[depth - 2],
            ms=4,
            color=COLOURS[depth - 2],
            label=f"depth {depth}",
        )
    axes.set(
        title="half-time of each mode",
        xlabel="mode strength",
        ylabel="flow time",
        xscale="log",
        yscale="log",
    )
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([float(s) for s in strengths], [f"{s:g}" for s in strengths])
    axes.legend(fontsize="x-small", ncols=2)
