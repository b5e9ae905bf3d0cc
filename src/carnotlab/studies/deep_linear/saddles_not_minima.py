"""Are the plateaus of training local minima, or saddles that the network will leave?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At, Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.initialisation import Aligned, Gaussian, Initialisation
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import RunResult
from carnotlab.studies.deep_linear.plateau_gaps import (
    curvature_gap,
    index_gap,
    level_gap,
    stuck,
    without_way_down,
)
from carnotlab.studies.deep_linear.plateau_panels import draw_ends, draw_walk
from carnotlab.studies.deep_linear.plateau_run import (
    SADDLE_CURVATURES,
    SADDLE_LOSS,
    PlateauRun,
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
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.teacher_student import TeacherStudent

LEVEL = Tolerance(
    SADDLE_LOSS,
    0.02,
    "loss at a plateau minus that at its saddle, over the loss at the start: at two layers what "
    "one mode still lacks and what the next has gained meet at u0^((1-r)/(1+r)) of their ends, "
    "5e-4 for starting strengths of 1e-10 and neighbours of ratio r = 1/2; at three layers at less",
)
CURVATURE = Tolerance(
    SADDLE_CURVATURES,
    0.05,
    "largest difference of any Hessian eigenvalue from that at the saddle, over the largest of "
    "all: the Hessian moves by the distance of the weights from the saddle, which is the root of "
    "what modes lack or have gained at two layers, (5e-4)^(1/2) = 2 %, and the strength per layer "
    "of modes yet to rise at three, twice 1e-5^(1/3) = 4 %",
)
INDEX = Tolerance(
    Quantity("index", (), "1", "share of plateaus whose number of negative eigenvalues is wrong"),
    0.05,
    "counts are whole numbers, so that nothing but a plateau miscounted in one of twenty passes",
)
STRICT = Tolerance(
    Quantity("strictness", (), "1", "share of plateaus before the last without a way down"),
    0.05,
    "where every saddle is strict, every plateau has an eigenvalue clearly below zero",
)
STUCK = Tolerance(
    Quantity("stuck", (), "1", "share of networks that end above the global minimum"),
    0.05,
    "without local minima none stays above the minimum by a thousandth of the initial loss, but "
    "one in twenty may still be passing a saddle when training ends",
)
CLEAR = 0.25
"""Eigenvalues below minus this share of the weakest mode's strength count as negative."""


class SaddlesSettings(Settings, frozen=True, kw_only=True):
    """Settings of `SaddlesNotMinima`; ``strengths`` of the task, ``hidden`` units of each layer.

    ``start`` scales a random start with two layers; ``aligned`` is the strength of modes from
    which deeper networks start. ``step`` is learning rate times largest curvature; ``trials`` how
    many random networks, of each of ``scales``, are trained to the end for each seed.
    """

    seeds: Count = 4
    strengths: tuple[Positive, ...] = (4.0, 2.0, 1.0)
    hidden: Count = 4
    start: Positive = 1e-5
    aligned: Positive = 1e-5
    step: Positive = 0.1
    records: Count = 100
    trials: Count = 8
    steps: Count = 4000


class SaddlesNotMinima(Study):
    """Loss, slope and all curvatures at plateaus against saddles; where random networks end."""

    name: ClassVar[str] = "saddles-not-minima"
    question: ClassVar[str] = (
        "Are the plateaus of a deep linear network saddles of known loss and curvature, and is "
        "there anything else to get stuck at?"
    )
    message: ClassVar[str] = (
        "Each plateau is the saddle at which the strongest modes are learned, with every Hessian "
        "eigenvalue as predicted. Two layers have ways down that curvature shows; from three "
        "layers on it shows none, and yet the network leaves. No random start ends elsewhere than "
        "in the global minimum; small rectifying networks do."
    )
    source: ClassVar[tuple[str, ...]] = ("baldi1989", "kawaguchi2016", "achour2024")
    data: ClassVar[str] = "synthetic linear map; a rectifying teacher"
    settings: ClassVar[type[Settings]] = SaddlesSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return SaddlesSettings()
        return SaddlesSettings(seeds=16, hidden=6, records=240, step=0.05, steps=12000)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return two runs over plateaus, and random networks trained to the end."""
        chosen = SaddlesSettings.of(settings)
        return (
            Arm(TWO, _walk(chosen, 2)),
            Arm(THREE, _walk(chosen, 3)),
            Arm(WIDE, _ended(chosen, chosen.hidden)),
            Arm(NARROW, _ended(chosen, len(chosen.strengths) - 1)),
            Arm(BENT, _bent(chosen)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge losses, curvatures and their signs at plateaus, then where training ends."""
        del labels
        chosen = SaddlesSettings.of(settings)
        clear = CLEAR * min(chosen.strengths)
        return (
            *(_of(label, LEVEL, label, level_gap) for label in (TWO, THREE)),
            *(_of(label, CURVATURE, label, curvature_gap) for label in (TWO, THREE)),
            *(
                _of(label, INDEX, label, lambda run: index_gap(run, clear))
                for label in (TWO, THREE)
            ),
            _of(f"{TWO}, strict", STRICT, TWO, lambda run: without_way_down(run, clear)),
            _of(
                f"control: {THREE}, strict",
                STRICT,
                THREE,
                lambda run: without_way_down(run, clear),
            ),
            *(_of(label, STUCK, label, stuck) for label in (WIDE, NARROW)),
            _of(f"control: {BENT}", STUCK, BENT, stuck),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw losses over saddle levels, the lowest curvatures, and where networks end."""
        figure = Figure(figsize=(12.5, 5.6))
        grid = figure.add_gridspec(2, 3, height_ratios=(1.4, 1))
        for column, label in enumerate((TWO, THREE)):
            loss = figure.add_subplot(grid[0, column])
            curved = figure.add_subplot(grid[1, column], sharex=loss)
            draw_walk(loss, curved, result.results[label], label)
        ends = {label: result.results[label] for label in (WIDE, NARROW, BENT)}
        draw_ends(figure.add_subplot(grid[:, 2]), ends)
        headline(figure, "Plateaus are saddles: lines theory, marks training")
        return figure


TWO = "2 layers, small random start"
THREE = "3 layers, small aligned start"
WIDE = "3 layers, random starts"
NARROW = "3 layers, narrow, random starts"
BENT = "rectifiers, random starts"


def _task(settings: SaddlesSettings) -> LinearMap:
    modes = len(settings.strengths)
    return LinearMap(modes + 1, modes, settings.strengths, held_out=1)


def _walk(settings: SaddlesSettings, depth: int) -> PlateauRun:
    task, strongest, weakest = _task(settings), max(settings.strengths), min(settings.strengths)
    start: Initialisation = Gaussian(settings.start) if depth == 2 else Aligned(settings.aligned)
    # Until the weakest mode has risen, from the square of a weight or along its own course.
    end = (
        0.7 * float(np.log(weakest / settings.start**2)) / weakest
        if depth == 2
        else 1.6 * settings.aligned ** (-1.0 / 3.0) / weakest
    )
    rate = settings.step / (depth * strongest ** (2.0 - 2.0 / depth))
    network = deep_linear(
        task.inputs, (settings.hidden,) * (depth - 1), task.outputs, initialisation=start
    )
    training = Training(
        GradientDescent(rate),
        duration=float(round(end / rate)),
        record=Evenly(settings.records),
        precision="float64",
    )
    return PlateauRun(Experiment(task, network, training), tuple(range(settings.seeds)))


def _ends(settings: SaddlesSettings, rate: float) -> Training:
    times = At((0.0, float(settings.steps)))
    return Training(GradientDescent(rate), duration=settings.steps, record=times)


def _ended(settings: SaddlesSettings, hidden: int) -> PlateauRun:
    task, strongest = _task(settings), max(settings.strengths)
    network = deep_linear(task.inputs, (hidden, hidden), task.outputs)
    rate = 0.5 * settings.step / (3.0 * strongest ** (4.0 / 3.0))
    seeds = tuple(range(settings.seeds * settings.trials))
    return PlateauRun(Experiment(task, network, _ends(settings, rate)), seeds, curved=False)


def _bent(settings: SaddlesSettings) -> PlateauRun:
    """A teacher of as many rectifiers as its students have, so that they could fit it exactly.

    Of two rectifiers on eight samples both may fall silent: no weight then moves the loss.
    """
    task = TeacherStudent(2, 2, "relu", samples=8, held_out=1)
    network = mlp(2, (2,), 1, parameterization=Standard())
    seeds = tuple(range(settings.seeds * settings.trials))
    return PlateauRun(
        Experiment(task, network, _ends(settings, 0.1)), seeds, curved=False, least=0.0
    )


def _of(
    label: str,
    tolerance: Tolerance,
    arm: str,
    error: Callable[[RunResult], Float[np.ndarray, " seed"]],
) -> Judgement:
    role = role_of(label)

    def statistic(results: Results) -> Statistic:
        values = error(results[arm])
        return mean_of(values)

    return Judgement(label, role, tolerance, (arm,), statistic)
