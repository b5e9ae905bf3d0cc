"""How much longer does a deeper network take, and what is it that slows it?"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, TypeAlias

import msgspec
import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, Gaussian
from carnotlab.studies.deep_linear.depth_panels import draw_depths, draw_powers, draw_times
from carnotlab.studies.deep_linear.start_sweep import (
    LEARNING_TIME,
    StartSweep,
    exponents,
    half_time,
    learning_times,
)
from carnotlab.studies.errors import largest_of, mean_apart
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

TIMES = Tolerance(
    LEARNING_TIME,
    0.02,
    "relative difference of times; descent is late by half the rate times the log of how much "
    "faster it has become, below 1 % as rates are at most 0.002 of the shortest time, and times "
    "are read between records that lie 2 % apart",
)
ALIGNED = Tolerance(
    Quantity("exponent_aligned", (), "1", "power of the strength per layer in the learning time"),
    0.05,
    "what is left out of the power law is a time of order 1/2 against times of 30 and more, a "
    "share that falls from a hundredth to a thousandth over the starts and so bends the slope by "
    "some (D - 2) times half a percent, 0.03 at depth 8",
)
RANDOM = Tolerance(
    Quantity("exponent_random", (), "1", "power of a random start's scale in the learning time"),
    0.1,
    "the same for random starts, whose unequal layers add corrections; times of single networks "
    "differ widely, their powers of the scale do not",
)
LOGARITHM = Tolerance(
    Quantity("time_per_fold", (), "flow time", "time per e-fold of strength per layer, times s"),
    0.05,
    "at two layers the time is ln(s/u0)/2s and a constant, hence 1/s for each e-fold per layer; "
    "what is left out is of order u0 / s, below 1 %",
)
END_TO_END = Tolerance(
    Quantity("growth_per_layer", (), "1", "log of the factor by which a further layer slows"),
    0.5,
    "slowing that is exponential in depth multiplies the time by one number per layer at every "
    "depth, 1/b at fixed strength b per layer; half of ln(1/b) = 2.3 is far from either",
)


Deep: TypeAlias = Annotated[int, msgspec.Meta(ge=3)]
"""Depths from which on the learning time has a power of the start."""


class DepthSlowsSettings(Settings, frozen=True, kw_only=True):
    """Settings of `DepthSlowsLearning`; ``shortest`` and ``longest`` are times aimed at.

    ``step`` is learning rate times curvature at the solution. ``whole`` is the strength end to
    end at which depths are compared.
    """

    depths: tuple[Deep, ...] = (3, 4, 5, 6, 7, 8)
    random_depths: tuple[Deep, ...] = (3, 4, 6)
    shortest: float = 30.0
    longest: float = 300.0
    starts: Count = 4
    width: Count = 6
    whole: float = 5e-4
    step: Positive = 0.3
    records: Count = 600


class DepthSlowsLearning(Study):
    """Learning times over the size of the start at depths 2 to 8, aligned and random."""

    name: ClassVar[str] = "depth-slows-learning"
    question: ClassVar[str] = (
        "With which power of its starting weights does the learning time of a deep network grow, "
        "and is the slowing exponential in depth?"
    )
    message: ClassVar[str] = (
        "The time goes as b^-(D-2) in the strength b of each of D layers, from aligned and from "
        "random starts: the D of the saying '1/b^D' counts layers minus two. At two layers it is a "
        "logarithm. The slowing is exponential in depth at fixed strength per layer; at fixed "
        "strength end to end it levels off."
    )
    source: ClassVar[tuple[str, ...]] = ("saxe2014", "saxe2019")
    data: ClassVar[str] = "synthetic linear map with one mode"
    settings: ClassVar[type[Settings]] = DepthSlowsSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return DepthSlowsSettings()
        return DepthSlowsSettings(
            seeds=16,
            random_depths=(3, 4, 5, 6, 7, 8),
            shortest=100.0,
            longest=1e4,
            starts=6,
            records=3000,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return aligned starts at every depth, random ones, and starts that are not small."""
        chosen = DepthSlowsSettings.of(settings)
        arms = [Arm(_aligned(2), _sweep(chosen, 2, tuple(np.geomspace(1e-4, 1e-1, chosen.starts))))]
        arms += [
            Arm(
                _aligned(d),
                # One more start, at which depths are compared.
                _sweep(
                    chosen,
                    d,
                    (*_starts(chosen, d, 1.0 / (d - 2)), chosen.whole ** (1.0 / d)),
                ),
            )
            for d in chosen.depths
        ]
        arms += [
            Arm(_random(d), _sweep(chosen, d, _starts(chosen, d, 1.0 / LONGER), random=True))
            for d in chosen.random_depths
        ]
        large = tuple(np.linspace(0.45, 0.75, chosen.starts).tolist())
        return (*arms, Arm(LARGE, _sweep(chosen, LARGE_DEPTH, large))), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge times by the closed form, then powers of the start, then the growth with depth."""
        del labels
        chosen = DepthSlowsSettings.of(settings)
        deepest, n = max(chosen.depths), chosen.starts
        aligned = [_aligned(depth) for depth in (2, *chosen.depths)]
        return (
            *(_of_times(label) for label in (*aligned, LARGE)),
            _of_logarithm(_aligned(2)),
            *(_of_power(_aligned(d), _aligned(d), d - 2, ALIGNED, n) for d in chosen.depths),
            *(_of_power(_random(d), _random(d), d - 2, RANDOM, n) for d in chosen.random_depths),
            _of_power(LARGE, LARGE, LARGE_DEPTH - 2, ALIGNED, n),
            *(
                _of_power(f"control: {_random(d)}, 1/b^D", _random(d), d, RANDOM, n)
                for d in chosen.random_depths
            ),
            _of_growth(
                f"control: end to end {chosen.whole:g}, exponential in depth", chosen, deepest
            ),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw times over the start, exponents over depth, and times over depth."""
        chosen = DepthSlowsSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 4.6))
        times, powers, depths = figure.subplots(1, 3)
        aligned = {depth: result.results[_aligned(depth)] for depth in chosen.depths}
        random = {depth: result.results[_random(depth)] for depth in chosen.random_depths}
        draw_times(times, aligned, random, chosen.starts)
        draw_powers(powers, aligned, random, chosen.starts)
        draw_depths(depths, aligned, chosen.whole)
        headline(
            figure,
            "The learning time is a power D − 2 of one over the strength per layer: lines theory, "
            "marks networks",
        )
        return figure


LARGE_DEPTH = 5
LONGER = 3.0
LARGE = "control: depth 5, large starts"


def _aligned(depth: int) -> str:
    return f"depth {depth}, aligned"


def _random(depth: int) -> str:
    return f"depth {depth}, random starts"


def _starts(settings: DepthSlowsSettings, depth: int, share: float) -> tuple[float, ...]:
    """Return starts whose times by the power law, ``share`` times a power, span what is aimed at.

    The share is 1 / (D - 2) for aligned layers. It is about 1 for random ones, which miss each
    other; their corrections are larger, so that starts are taken for times longer by `LONGER`.
    """
    times = np.geomspace(settings.longest, settings.shortest, settings.starts)
    return tuple((times / share) ** (-1.0 / (depth - 2)))


def _sweep(
    settings: DepthSlowsSettings, depth: int, starts: Sequence[float], *, random: bool = False
) -> StartSweep:
    task = LinearMap(settings.width, settings.width, (1.0,), held_out=1)
    # Random layers miss each other and the mode, so that their times are known to a factor only.
    times = [half_time(depth, b**depth) for b in starts]
    end = 2.0 * LONGER * settings.longest if random else 1.1 * max(times)
    # A share of the curvature at the solution, and no coarser than the shortest time needs.
    rate = settings.step / depth if random else min(settings.step / depth, 0.002 * min(times))
    training = Training(
        GradientDescent(rate),
        duration=float(round(end / rate)),
        record=Logarithmically(settings.records),
        precision="float64",
    )
    experiments = tuple(
        Experiment(
            task,
            deep_linear(
                task.inputs,
                (settings.width,) * (depth - 1),
                task.outputs,
                initialisation=Gaussian(float(b)) if random else Aligned(float(b) ** depth),
            ),
            training,
        )
        for b in starts
    )
    return StartSweep(experiments, tuple(map(float, starts)), tuple(range(settings.seeds)))


def _of_times(label: str) -> Judgement:
    def error(results: Results) -> Statistic:
        run = results[label]
        gaps = np.abs(learning_times(run) / run.prediction[LEARNING_TIME.name].values - 1.0)
        return largest_of(gaps)

    # The closed form holds from large starts too: what fails there is the power law.
    return Judgement(label.removeprefix("control: "), "test", TIMES, (label,), error)


def _of_power(label: str, arm: str, power: float, tolerance: Tolerance, count: int) -> Judgement:
    def error(results: Results) -> Statistic:
        found = exponents(results[arm], count)
        return mean_apart(found, -power)

    return Judgement(label, role_of(label), tolerance, (arm,), error)


def _of_logarithm(arm: str) -> Judgement:
    def error(results: Results) -> Statistic:
        run = results[arm]
        folds = -np.log(run.observation["start"].values)
        found = np.array([np.polyfit(folds, own, 1)[0] for own in learning_times(run)])
        return mean_apart(found, 1.0)

    return Judgement(f"{arm}, logarithm", "test", LOGARITHM, (arm,), error)


def _of_growth(label: str, settings: DepthSlowsSettings, deepest: int) -> Judgement:
    """Hold growth from the last but one depth to the last against that from the first to the next.

    Exponential slowing has the growth of every layer equal, ln(1/b) at b = 0.1.
    """
    arms = tuple(_aligned(depth) for depth in (deepest - 1, deepest))

    def error(results: Results) -> Statistic:
        before, after = (np.log(learning_times(results[arm])[:, -1]) for arm in arms)
        return mean_apart(after - before, float(np.log(10.0)))

    return Judgement(label, "control", END_TO_END, arms, error)
