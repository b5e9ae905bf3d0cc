"""Are the plateaus of training local minima, or saddles that the network will leave?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At, Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.initialisation import Aligned, Gaussian, Initialisation
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import RunResult
from carnotlab.studies.deep_linear.plateau_run import (
    CURVATURES,
    LEAST_LOSS,
    SADDLE_CURVATURES,
    SADDLE_LOSS,
    SLOPE,
    PlateauRun,
    plateau_times,
)
from carnotlab.studies.errors import observed
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
)
from carnotlab.studies.style import COLOURS, LINES, draw_experiment, ink
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
        chosen = _own(settings)
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
        chosen = _own(settings)
        clear = CLEAR * min(chosen.strengths)
        return (
            *(_of(label, LEVEL, label, _level_gap) for label in (TWO, THREE)),
            *(_of(label, CURVATURE, label, _curvature_gap) for label in (TWO, THREE)),
            *(
                _of(label, INDEX, label, lambda run: _index_gap(run, clear))
                for label in (TWO, THREE)
            ),
            _of(f"{TWO}, strict", STRICT, TWO, lambda run: _without_way_down(run, clear)),
            _of(
                f"control: {THREE}, strict",
                STRICT,
                THREE,
                lambda run: _without_way_down(run, clear),
            ),
            *(_of(label, STUCK, label, _stuck) for label in (WIDE, NARROW)),
            _of(f"control: {BENT}", STUCK, BENT, _stuck),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw losses over saddle levels, the lowest curvatures, and where networks end."""
        figure = Figure(figsize=(12.5, 5.6))
        grid = figure.add_gridspec(2, 3, height_ratios=(1.4, 1))
        for column, label in enumerate((TWO, THREE)):
            loss = figure.add_subplot(grid[0, column])
            curved = figure.add_subplot(grid[1, column], sharex=loss)
            _draw_walk(loss, curved, result.results[label], label)
        _draw_ends(figure.add_subplot(grid[:, 2]), result)
        figure.suptitle("Plateaus are saddles: lines theory, marks training", x=0.01, ha="left")
        return figure


TWO = "2 layers, small random start"
THREE = "3 layers, small aligned start"
WIDE = "3 layers, random starts"
NARROW = "3 layers, narrow, random starts"
BENT = "rectifiers, random starts"


def _own(settings: Settings) -> SaddlesSettings:
    assert isinstance(settings, SaddlesSettings)
    return settings


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
    role: Role = "control" if label.startswith("control") else "test"

    def statistic(results: Results) -> Statistic:
        values = error(results[arm])
        return lambda rows: float(np.mean(values[rows]))

    return Judgement(label, role, tolerance, (arm,), statistic)


def plateaus(result: RunResult) -> Int[np.ndarray, "seed saddle"]:
    """Return the record at which each member passes each saddle of the sequence, -1 for never."""
    time = np.asarray(result.observation["time"].values, dtype=np.float64)
    levels = result.prediction[SADDLE_LOSS.name].values
    return np.stack([plateau_times(time, loss, levels) for loss in observed(result, TRAIN_LOSS)])


def _level_gap(result: RunResult) -> Float[np.ndarray, " seed"]:
    levels, loss = result.prediction[SADDLE_LOSS.name].values, observed(result, TRAIN_LOSS)
    at = plateaus(result)
    gaps = np.abs(np.take_along_axis(loss, np.maximum(at, 0), axis=1) - levels) / levels[0]
    return np.where(at < 0, np.inf, gaps).max(axis=1)


def _at_plateaus(result: RunResult) -> Float[np.ndarray, "seed saddle weight"]:
    at = plateaus(result)
    values = observed(result, CURVATURES)
    found = np.take_along_axis(values, np.maximum(at, 0)[:, :, None], axis=1)
    return np.where(at[:, :, None] < 0, np.nan, found)


def _curvature_gap(result: RunResult) -> Float[np.ndarray, " seed"]:
    expected = result.prediction[SADDLE_CURVATURES.name].values
    gaps = np.abs(_at_plateaus(result) - expected).max(axis=(1, 2)) / expected.max()
    return np.where(np.isnan(gaps), np.inf, gaps)


def _index_gap(result: RunResult, clear: float) -> Float[np.ndarray, " seed"]:
    expected = np.sum(result.prediction[SADDLE_CURVATURES.name].values < 0.0, axis=-1)
    counts = np.sum(_at_plateaus(result) < -clear, axis=-1)
    return np.mean(counts != expected, axis=-1)


def _without_way_down(result: RunResult, clear: float) -> Float[np.ndarray, " seed"]:
    lowest = _at_plateaus(result)[:, :-1, 0]
    return np.mean(~(lowest < -clear), axis=-1)


def _stuck(result: RunResult) -> Float[np.ndarray, " seed"]:
    loss = observed(result, TRAIN_LOSS)
    return (~(_excess(result) < 1e-3 * loss[:, 0].mean())).astype(float)


def _excess(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return the loss at the end above the least a network of this kind can reach."""
    return observed(result, TRAIN_LOSS)[:, -1] - float(result.prediction[LEAST_LOSS.name].values)


def _draw_walk(loss: Axes, curved: Axes, result: RunResult, label: str) -> None:
    time = np.asarray(result.observation["flow_time"].values)
    levels = result.prediction[SADDLE_LOSS.name].values
    draw_experiment(loss, time, observed(result, TRAIN_LOSS), 0)
    loss.plot(time, observed(result, TRAIN_LOSS).mean(axis=0), color=COLOURS[0], lw=1.0)
    for place, level in enumerate(levels):
        loss.axhline(level, color=ink(), lw=0.9, ls=LINES[min(place, 3)])
        loss.annotate(
            f"{place} learned", (time[-1], level), ha="right", va="bottom", fontsize="x-small"
        )
    loss.set(title=label, ylabel="loss")
    loss.set_ylim(-0.03 * levels[0], 1.12 * levels[0])
    loss.tick_params(labelbottom=False)
    seen = observed(result, CURVATURES)[0]
    curved.plot(time, seen[:, : max(8, seen.shape[1] // 4)], color=COLOURS[0], lw=0.7, alpha=0.7)
    expected, at = result.prediction[SADDLE_CURVATURES.name].values, plateaus(result)[0]
    for place, values in zip(at, expected, strict=True):
        low = values[values < 0.0] if np.any(values < 0.0) else values[:1]
        curved.plot(np.full(len(low), time[place]), low, "_", color=ink(), ms=14, mew=1.4)
    slope = observed(result, SLOPE)[0]
    scale = float(np.abs(seen[:, 0]).max()) / slope.max()
    curved.fill_between(time, 0.0, slope * scale, color=COLOURS[1], alpha=0.3, lw=0)
    curved.set(xlabel="flow time", ylabel="lowest curvatures")
    curved.set_ylim(1.15 * float(seen[:, 0].min()) - 0.05, 1.1 * float(np.abs(seen[:, 0]).max()))


def _draw_ends(axes: Axes, result: StudyResult) -> None:
    for index, label in enumerate((WIDE, NARROW, BENT)):
        run = result.results[label]
        excess = np.maximum(_excess(run) / observed(run, TRAIN_LOSS)[:, 0].mean(), 1e-9)
        axes.plot(
            np.sort(excess),
            np.arange(1, len(excess) + 1) / len(excess),
            color=COLOURS[index],
            ls=LINES[index],
            drawstyle="steps-post",
            label=label,
        )
    axes.axvline(1e-3, color=ink(), lw=0.8, ls=":")
    axes.set(
        title="where random networks end",
        xlabel="loss above the minimum, over that at the start",
        ylabel="share of networks below",
        xscale="log",
        ylim=(0.0, 1.05),
    )
    axes.legend(fontsize="x-small", loc="lower right")
