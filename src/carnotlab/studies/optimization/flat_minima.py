"""Does flatness of the loss say how well a network generalizes, if it can be scaled at will?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of
from carnotlab.studies.judging import judge
from carnotlab.studies.optimization.flatness_panels import (
    draw_change,
    draw_measures,
    draw_sharpness,
)
from carnotlab.studies.optimization.flatness_run import (
    BY_UNITS,
    CHANGE,
    FLATNESS,
    HELD_OUT,
    MEASURES,
    PREDICTED,
    TRACES,
    FlatnessRun,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline

SMALL, FULL, TANH = "rectifiers, batches of 10", "rectifiers, full batches", "control: tanh"
SPREAD = Quantity("spread", (), "1", "range of the logarithm of a measure over the scalings")


class FlatSettings(Settings, frozen=True, kw_only=True):
    """Settings of `FlatMinima`; the first layer is multiplied by each scale, the last divided."""

    seeds: Count = 3
    scales: tuple[Positive, ...] = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    images: Count = 200
    hidden: Count = 10
    steps: Count = 1500
    rate: Positive = 0.1


class FlatMinima(Study):
    """Rectifier networks at one function and many sharpnesses, and what does not change."""

    name: ClassVar[str] = "flat-minima"
    question: ClassVar[str] = (
        "Can the sharpness of a minimum say how well it generalizes, and which measures of "
        "flatness belong to the function at all?"
    )
    message: ClassVar[str] = (
        "The same rectifier network has any sharpness one likes, as predicted to ten digits, so "
        "sharpness by itself says nothing of the function; nor does sharpness times the norm. "
        "Curvature relative to each weight and the Gauss-Newton norm do not move."
    )
    source: ClassVar[tuple[str, ...]] = ("dinh2017", "keskar2017", "kwon2021", "liang2019")
    data: ClassVar[str] = "scikit-learn's digits"
    settings: ClassVar[type[Settings]] = FlatSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return FlatSettings()
        return FlatSettings(seeds=8, images=1000, hidden=16, steps=10_000)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return rectifiers trained in small and full batches, and hyperbolic tangents."""
        own = FlatSettings.of(settings)

        def run(tanh: bool, batch: int | None) -> FlatnessRun:
            return FlatnessRun(
                own.scales, tanh, batch, own.images, own.hidden, own.steps, own.rate,
                tuple(range(own.seeds)),
            )  # fmt: skip

        return (
            Arm(SMALL, run(False, 10)),
            Arm(FULL, run(False, None)),
            Arm(TANH, run(True, 10)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold functions, sharpness and other measures at all scales against those at one."""
        del settings, labels
        same = Tolerance(CHANGE, 1e-10, "double precision, rounded in three layers")
        law = Tolerance(PREDICTED, 1e-6, "sixty Lanczos steps against a dense eigenvalue")
        fixed = Tolerance(SPREAD, 1e-4, "Lanczos at one relative residual; the measure is fixed")

        found: list[Judgement] = []
        for arm in (SMALL, FULL):
            found += [
                judge(f"{arm}: one function at all scales", same, arm, largest_change),
                judge(f"{arm}: sharpness at all scales", law, arm, sharpness_apart),
                *(
                    judge(f"{arm}: {name}, layers and units scaled", fixed, arm, spread_of(name))
                    for name in MEASURES[2:]
                ),
                *(
                    judge(f"control: {arm}: {name}, scaled", fixed, arm, spread_of(name))
                    for name in MEASURES[:2]
                ),
            ]
        return (
            *found,
            judge("control: tanh: one function at all scales", same, TANH, largest_change),
            judge("control: tanh: sharpness at all scales", law, TANH, sharpness_apart),
        )

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return held-out losses beside measures at the weights that training found."""
        table = Table(
            "network", "held-out loss", *MEASURES, "trace", "least trace", title="behind training"
        )
        for label, run in result.results.items():
            place = int(np.argmin(np.abs(np.log(run.observation["scale"].values))))
            flat = run.observation[FLATNESS.name].values[:, place].mean(axis=0)
            traces = run.observation[TRACES.name].values.mean(axis=0)
            loss = float(run.observation[HELD_OUT.name].mean())
            table.add_row(label, f"{loss:.4f}", *(f"{v:.3g}" for v in (*flat, *traces)))
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw sharpness, all measures and changes of the function, by scale."""
        figure = Figure(figsize=(12.5, 4.6))
        left, middle, right = figure.subplots(1, 3)
        runs = result.results
        draw_sharpness(left, {arm: runs[arm] for arm in (SMALL, FULL)})
        draw_measures(middle, runs[SMALL])
        draw_change(right, runs)
        headline(figure, "One function at any sharpness; relative curvature does not move")
        return figure


def largest_change(result: RunResult) -> Statistic:
    """Return the largest change of outputs over scales."""
    return mean_of(np.asarray(result.observation[CHANGE.name].values).max(axis=1))


def sharpness_apart(result: RunResult) -> Statistic:
    """Return the largest relative distance of measured sharpness from the scaled Hessian's."""
    seen = np.asarray(result.observation[FLATNESS.name].values)[:, :, 0]
    expected = np.asarray(result.prediction[PREDICTED.name].values)
    return mean_of(np.abs(seen / expected - 1.0).max(axis=1))


def spread_of(name: str) -> Callable[[RunResult], Statistic]:
    """Return the range of the logarithm of a measure over scaled layers and scaled units."""

    def error(result: RunResult) -> Statistic:
        place = MEASURES.index(name)
        layers = np.asarray(result.observation[FLATNESS.name].values)[:, :, place]
        units = np.asarray(result.observation[BY_UNITS.name].values)[:, place, None]
        every = np.log(np.concatenate([layers, units], axis=1))
        return mean_of(every.max(axis=1) - every.min(axis=1))

    return error
