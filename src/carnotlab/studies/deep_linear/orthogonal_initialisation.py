"""Do orthogonal weights make the learning time of deep linear networks independent of depth?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Gaussian, Initialisation, Orthogonal
from carnotlab.studies.deep_linear.determinant_gaps import mean_where, steps_to_learn, wrong_sign
from carnotlab.studies.deep_linear.determinant_panels import draw_square, draw_times
from carnotlab.studies.deep_linear.determinant_run import STUCK_LOSS, DeterminantRun
from carnotlab.studies.errors import mean_of, observed
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
from carnotlab.studies.style import headline
from carnotlab.tasks.linear_map import LinearMap

GROWTH = Tolerance(
    Quantity("learning_time_exponent", (), "1", "power of depth in the number of steps to learn"),
    0.25,
    "halfway between a time that does not grow and the root of depth, the slowest growth known of "
    "starts without isometry; times of single networks scatter by a half, medians of sixteen by "
    "an eighth, over a factor of eight or more in depth",
)
STUCK = Tolerance(
    STUCK_LOSS,
    0.15,
    "loss at the end against half the square of the weakest strength, relative, for networks whose "
    "product starts with the wrong sign of the determinant: balanced layers cannot change it, so "
    "that the weakest mode stays unlearned; the rest is learned to a few percent of it",
)
LEARNED = Tolerance(
    Quantity("unlearned", (), "fraction", "loss at the end over that at the start"),
    0.01,
    "networks that learn lose all but e^(-2) of the weakest mode's loss in each of its times, and "
    "train for tens of them",
)
SQUARE_GROWTH = Tolerance(
    Quantity("unlearned_share", (), "fraction", "share of networks that have not learned"),
    0.05,
    "a start that works has every network learn; one in twenty is left for slow ones",
)


class OrthogonalSettings(Settings, frozen=True, kw_only=True):
    """Settings of `OrthogonalInitialisation`; ``depths`` count weight layers.

    ``step`` is learning rate times depth: the curvature at the solution grows as the depth.
    ``width`` is that of inputs and hidden layers, ``outputs`` fewer; ``square`` the size of the
    task whose map has full rank and as many outputs as inputs.
    """

    depths: tuple[Count, ...] = (2, 4, 8, 16, 32)
    square_depths: tuple[Count, ...] = (2, 4, 16)
    width: Count = 16
    outputs: Count = 4
    square: Count = 4
    networks: Count = 4
    step: Positive = 0.15
    steps: Count = 600
    square_steps: Count = 2000
    records: Count = 60


class OrthogonalInitialisation(Study):
    """Steps to learn over depth, orthogonal and Gaussian, and where a sign cannot be changed."""

    name: ClassVar[str] = "orthogonal-initialisation"
    question: ClassVar[str] = (
        "Do deep linear networks learn at any depth in the same number of steps if their weights "
        "start orthogonal?"
    )
    message: ClassVar[str] = (
        "With steps in proportion to one over depth they do where outputs are fewer than inputs, "
        "and Gaussian weights do not. On a square task of full rank half of all orthogonal starts "
        "have the wrong sign of the determinant, which balanced layers keep: from four layers on "
        "they stop at the saddle without the weakest mode. What steps of finite size do to the "
        "balance takes two and three layers out of it, in a number of steps that goes as the rate "
        "to the power of minus half the depth."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2014", "arora2018")
    data: ClassVar[str] = "synthetic linear maps, wide and square"
    settings: ClassVar[type[Settings]] = OrthogonalSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return OrthogonalSettings()
        return OrthogonalSettings(
            seeds=8,
            depths=(2, 4, 8, 16, 32, 64),
            square_depths=(2, 3, 4, 8, 16),
            steps=4000,
            square_steps=8000,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return both starts over depth on a wide task, and orthogonal ones on a square one."""
        chosen = OrthogonalSettings.of(settings)
        arms = [
            Arm(_label(name, depth), _wide(chosen, name, depth))
            for name in STARTS
            for depth in chosen.depths
        ]
        arms += [
            Arm(_square_label(depth), _square(chosen, depth)) for depth in chosen.square_depths
        ]
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge growth with depth, then who is stuck on the square task, and where."""
        del labels
        chosen = OrthogonalSettings.of(settings)
        square = [judgement for depth in chosen.square_depths for judgement in _of_square(depth)]
        return (
            _of_growth(chosen, "orthogonal", "test"),
            _of_growth(chosen, "Gaussian", "control"),
            *square,
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw steps over depth, then losses on the square task by sign."""
        chosen = OrthogonalSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 4.4))
        times, *squares = figure.subplots(1, 3)
        runs = {
            name: {depth: result.results[_label(name, depth)] for depth in chosen.depths}
            for name in STARTS
        }
        title = f"{chosen.outputs} outputs, {chosen.width} inputs; rate ∝ 1/depth"
        draw_times(times, runs, chosen.steps, title)
        shown = (chosen.square_depths[0], chosen.square_depths[-1])
        for axes, depth in zip(squares, shown, strict=True):
            draw_square(axes, result.results[_square_label(depth)], depth)
        headline(
            figure,
            "Orthogonal starts learn as fast at any depth, unless a sign is wrong: lines theory",
        )
        return figure


STAYING = 4
"""Layers from which networks of the wrong sign stay at the saddle.

Steps of rate η unbalance layers by c ~ η in all. At two layers the saddle is strict and c grows
exponentially; at depth D it is left when the weakest mode's weights have sunk to √c, after a time
c^(-(D-2)/2), which is η^(-D/2) steps: some 2000 at three layers, over 90 000 at four.
"""

STARTS: dict[str, Initialisation] = {"orthogonal": Orthogonal(), "Gaussian": Gaussian()}


def _label(start: str, depth: int) -> str:
    return f"{start}, depth {depth}"


def _square_label(depth: int) -> str:
    return f"square task, depth {depth}"


def _seeds(settings: OrthogonalSettings) -> tuple[int, ...]:
    return tuple(range(settings.seeds * settings.networks))


def _wide(settings: OrthogonalSettings, start: str, depth: int) -> DeterminantRun:
    task = LinearMap(settings.width, settings.outputs, (1.0,) * settings.outputs, held_out=1)
    network = deep_linear(
        settings.width,
        (settings.width,) * (depth - 1),
        settings.outputs,
        initialisation=STARTS[start],
    )
    training = Training(
        GradientDescent(settings.step / depth),
        duration=settings.steps,
        record=Logarithmically(settings.records),
    )
    return DeterminantRun(Experiment(task, network, training), _seeds(settings))


def _square(settings: OrthogonalSettings, depth: int) -> DeterminantRun:
    size = settings.square
    strengths = tuple(np.linspace(1.4, 0.8, size).tolist())
    task = LinearMap(size, size, strengths, held_out=1)
    network = deep_linear(size, (size,) * (depth - 1), size, initialisation=Orthogonal())
    training = Training(
        GradientDescent(settings.step / depth),
        duration=settings.square_steps,
        record=Logarithmically(settings.records),
        precision="float64",
    )
    return DeterminantRun(Experiment(task, network, training), _seeds(settings))


def _of_growth(settings: OrthogonalSettings, start: str, role: Role) -> Judgement:
    arms = tuple(_label(start, depth) for depth in settings.depths)

    def error(results: Results) -> Statistic:
        times = np.stack([steps_to_learn(results[arm]) for arm in arms])
        times = np.where(np.isfinite(times), times, 10.0 * settings.steps)
        depths = np.log(settings.depths)

        def growth(rows: np.ndarray) -> float:
            means = np.log(np.median(times[:, rows], axis=1))
            return float(max(np.polyfit(depths, means, 1)[0], 0.0))

        return growth

    prefix = "control: " if role == "control" else ""
    return Judgement(f"{prefix}{start}, over depth", role, GROWTH, arms, error)


def _of_square(depth: int) -> tuple[Judgement, ...]:
    arm = _square_label(depth)

    def stuck(results: Results) -> Statistic:
        run = results[arm]
        ends, wrong = observed(run, TRAIN_LOSS)[:, -1], wrong_sign(run)
        level = float(run.prediction[STUCK_LOSS.name].values)
        return mean_where(np.abs(ends - level) / level, wrong)

    def learned(results: Results) -> Statistic:
        run = results[arm]
        losses = observed(run, TRAIN_LOSS)
        return mean_where(losses[:, -1] / losses[:, 0], ~wrong_sign(run))

    def unlearned(results: Results) -> Statistic:
        losses = observed(results[arm], TRAIN_LOSS)
        left = losses[:, -1] > LEARNED.error * losses[:, 0]
        return mean_of(left)

    right = Judgement(f"{arm}, right sign", "test", LEARNED, (arm,), learned)
    if depth < STAYING:
        return (
            Judgement(f"control: {arm}, wrong sign", "control", STUCK, (arm,), stuck),
            right,
        )
    return (
        Judgement(f"{arm}, wrong sign", "test", STUCK, (arm,), stuck),
        right,
        Judgement(f"control: {arm}, all", "control", SQUARE_GROWTH, (arm,), unlearned),
    )
