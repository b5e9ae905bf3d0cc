"""Do networks with activations follow the course of linear ones, and until when?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Activation, Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.initialisation import Gaussian
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Run
from carnotlab.studies.deep_linear.linear_departures import (
    departures,
    draw_course,
    draw_departures,
    first_mode,
    settled,
    symmetric_task,
)
from carnotlab.studies.errors import mean_of
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
from carnotlab.theories.deep_linear.early_linear_course import (
    DEPARTED,
    EarlyLinearCourse,
)

EARLY = Tolerance(
    Quantity("early_course", (), "1", "relative error of the course up to the departure predicted"),
    DEPARTED,
    "the deviation that counts as departure: before it the course is linear to that, by definition "
    "of the prediction and not of the networks",
)
DEPARTURE = Tolerance(
    Quantity("departure", (), "1", "|log| of the strength at departure over the one predicted"),
    0.3,
    "the formula is of first order in pre-activations, and at departure the mode is a tenth of its "
    "end and the next order of that size; times are then right to 0.3 / 2s, a third of an e-fold",
)

SMOOTH, RECTIFIER = "tanh, {} units", "rectifier, {} units"
LARGE = "control: tanh, large start"
ALL_ACTIVE = "control: rectifier, as if all units were active"
ONE_SIGN = "control: rectifier, positive inputs"


class NonlinearSettings(Settings, frozen=True, kw_only=True):
    """Settings of `LinearPredictsNonlinear`; ``step`` is learning rate times largest curvature."""

    seeds: Count = 8
    widths: tuple[Count, ...] = (16, 64)
    rectified: tuple[Count, ...] = (32, 128)
    inputs: Count = 6
    outputs: Count = 3
    strength: Positive = 4.0
    samples: Count = 200
    start: Positive = 0.01
    large: Positive = 1.5
    step: Positive = 0.05
    records: Count = 120


class LinearPredictsNonlinear(Study):
    """Tanh and rectifier networks on the course of a linear one, and when they leave it."""

    name: ClassVar[str] = "linear-predicts-nonlinear"
    question: ClassVar[str] = (
        "Do networks with activations learn as linear ones at first, and does the size of their "
        "pre-activations say until when?"
    )
    message: ClassVar[str] = (
        "From a small start tanh networks follow the linear course until three times their "
        "weighted mean square pre-activation is felt; rectifiers follow one at half the gain, wide "
        "ones to the end. From a large start there is no linear phase."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2014",)
    data: ClassVar[str] = "synthetic linear map"
    settings: ClassVar[type[Settings]] = NonlinearSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return NonlinearSettings()
        return NonlinearSettings(
            seeds=32, widths=(8, 16, 32, 64), rectified=(32, 128, 512), samples=400, step=0.02
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return both activations at several widths from a small start, and three controls."""
        own = NonlinearSettings.of(settings)
        theory = EarlyLinearCourse()
        arms = [_arm(own, SMOOTH.format(n), Tanh(), n, theory) for n in own.widths]
        arms += [_arm(own, RECTIFIER.format(n), Relu(), n, theory) for n in own.rectified]
        widest = own.rectified[-1]
        arms += [
            _arm(own, LARGE, Tanh(), own.widths[-1], theory, start=own.large),
            _arm(own, ALL_ACTIVE, Relu(), widest, EarlyLinearCourse(gain=1.0)),
            _arm(own, ONE_SIGN, Relu(), widest, theory, positive=True),
        ]
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge every course up to its departure, and the departure of tanh networks."""
        own = NonlinearSettings.of(settings)
        found = [_early(label) for label in labels]
        found += [_departure(SMOOTH.format(n)) for n in own.widths]
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw courses and their quotient to the linear one, and departures against prediction."""
        own = NonlinearSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 6.6))
        grid = figure.add_gridspec(2, 3)
        shown = (
            SMOOTH.format(own.widths[0]),
            SMOOTH.format(own.widths[-1]),
            LARGE,
            RECTIFIER.format(own.rectified[-1]),
            ALL_ACTIVE,
        )
        for place, label in enumerate(shown):
            cell = grid[place // 3, place % 3].subgridspec(2, 1, height_ratios=(3, 1))
            courses = figure.add_subplot(cell[0])
            strip = figure.add_subplot(cell[1], sharex=courses)
            draw_course(courses, strip, result.results[label], place)
            courses.set_title(label.replace("control: ", "control, "))
        axes = figure.add_subplot(grid[1, 2])
        draw_departures(
            axes, {n: result.results[SMOOTH.format(n)] for n in own.widths}, DEPARTURE.error
        )
        headline(
            figure,
            "Linear at first: lines the linear course, bands and marks networks with activations, "
            "ticks the departure predicted",
        )
        return figure


def _arm(
    settings: NonlinearSettings,
    label: str,
    activation: Activation,
    units: int,
    theory: EarlyLinearCourse,
    *,
    start: float | None = None,
    positive: bool = False,
) -> Arm:
    task = symmetric_task(
        settings.inputs, settings.outputs, settings.strength, settings.samples, positive
    )
    gain = 0.5 if isinstance(activation, Relu) else 1.0
    rate = settings.step / (2.0 * gain * settings.strength)
    # A start of this size per weight grows by s / u0 at the rate 2 g s; then as long again to end.
    begun = settings.start**2 * (units / settings.inputs + 1.0) / 4.0
    duration = 1.4 * np.log(settings.strength / begun) / (2.0 * gain * settings.strength)
    network = mlp(
        settings.inputs,
        (units,),
        settings.outputs,
        activation=activation,
        weight_variance=1.0,
        parameterization=Standard(),
        initialisation=Gaussian(settings.start if start is None else start),
    )
    training = Training(
        GradientDescent(rate),
        float(max(round(duration / rate), settings.records)),
        record=Evenly(settings.records),
        precision="float64",
    )
    run = Run(Experiment(task, network, training), theory, tuple(range(settings.seeds)))
    return Arm(label, run)


def _early(label: str) -> Judgement:
    role = role_of(label)

    def error(results: Results) -> Statistic:
        seen, expected, departure = first_mode(results[label])
        early = settled(expected) & (expected <= departure[:, None])
        # Beyond its departure from the first moment on: judged on that moment and a few more.
        none = ~early.any(axis=1)
        early[none, :5] = True
        gap = np.sqrt(np.sum(np.where(early, (seen - expected) ** 2, 0.0), axis=1))
        sizes = gap / np.sqrt(np.sum(np.where(early, expected**2, 0.0), axis=1))
        return mean_of(sizes)

    return Judgement(label, role, EARLY, (label,), error)


def _departure(label: str) -> Judgement:
    def error(results: Results) -> Statistic:
        found, meant = departures(results[label]), first_mode(results[label])[2]
        with np.errstate(invalid="ignore"):
            sizes = np.abs(np.log(found / meant))

        return mean_of(sizes)

    return Judgement(f"departure, {label}", "test", DEPARTURE, (label,), error)
