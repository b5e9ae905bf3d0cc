"""Can a network be trained at a hundredth of the usual rate, throughout, and be none the worse?"""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of
from carnotlab.studies.normalization.gaps import EXACT, judged_gap
from carnotlab.studies.normalization.normalized_networks import NormalizedSettings
from carnotlab.studies.normalization.scale_panels import draw_courses
from carnotlab.studies.normalization.scale_run import NORM, VARIANT_LOSS, ScaleRun, Setting
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline, ink
from carnotlab.tasks.digits import Digits
from carnotlab.theories.scale_invariance.initial_scale import at_scale, steps_of_shrinking

MLP = "MLP on digits"
FACTOR = 10.0
"""How much smaller weights are in the end; the rate is the square of it smaller."""

USUAL = "usual rate"
SCALED = "rate / 100, decay × 100, start / 10"
SAME_START = "rate / 100, decay × 100, usual start"
NO_DECAY = "rate / 100, usual decay and start"

LOG_NORM = Quantity("log_norm", (), "1", "logarithm of norms' ratio, less that of the scale")
LOG_TIME = Quantity("log_time", (), "1", "logarithm of a time over the predicted one")
LOG_LOSS = Quantity("log_loss", (), "1", "logarithm of a mean loss over that at the usual rate")
SETTLED = Tolerance(
    LOG_NORM,
    0.1,
    "norms of different runs fluctuate in equilibrium by a few hundredths: gradients of a fitted "
    "network differ from run to run",
)
IN_TIME = Tolerance(
    LOG_TIME,
    0.7,
    "a factor of two: decay shrinks weights as predicted as long as gradients are small against "
    "it, and the end of the approach is slower",
)
ALIKE = Tolerance(LOG_LOSS, 0.7, "a factor of two: minibatch losses of different runs scatter so")


class TinySettings(NormalizedSettings, frozen=True, kw_only=True):
    """Settings of `TinyRateThroughout`, besides those of all studies here: ``steps`` to train."""

    seeds: Count = 3
    steps: Count = 2000


class TinyRateThroughout(Study):
    """A tiny rate is the usual one from small weights, or the usual one later."""

    name: ClassVar[str] = "tiny-rate-throughout"
    question: ClassVar[str] = (
        "Can a network with batch norm be trained at a hundredth of the usual rate from first step "
        "to last?"
    )
    message: ClassVar[str] = (
        "Yes: with a hundred times the decay, a hundredth of the rate is exactly usual training "
        "from weights a tenth as large. From the usual weights it is no training at first, until "
        "decay has made them as small, in a time that is predicted; then losses and norms are as "
        "usual. Without more decay weights stay large, and it takes several times as long."
    )
    source: ClassVar[tuple[str, ...]] = ("li2020", "li2020b")
    data: ClassVar[str] = "scikit-learn's digits"
    settings: ClassVar[type[Settings]] = TinySettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return TinySettings()
        return TinySettings(seeds=8, samples=1000, width=48, batch=32)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return one run: the usual training and three at a tiny rate."""
        own = TinySettings.of(settings)
        its = at_scale(1.0 / FACTOR, 1.0, 1.0)
        run = ScaleRun(
            Digits(own.samples, 100),
            "MLP",
            own.width,
            (
                Setting(USUAL),
                Setting(SCALED, 1.0 / FACTOR, its.rate, its.decay),
                Setting(SAME_START, 1.0, its.rate, its.decay),
                Setting(NO_DECAY, 1.0, its.rate, 1.0),
            ),
            own.rate,
            own.decay,
            0.9,
            own.steps,
            tuple(range(own.seeds)),
            own.batch,
            records=101,
        )
        return (Arm(MLP, run),), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold the scaled start to the usual training, and the usual start to it in the end."""
        del labels
        own = TinySettings.of(settings)
        steps = steps_of_shrinking(FACTOR, own.rate, own.decay, 0.9)

        def judged(
            label: str, tolerance: Tolerance, error: Callable[[Results], Statistic]
        ) -> Judgement:
            return Judgement(label, role_of(label), tolerance, (MLP,), error)

        return (
            # At a rate that never drops training is chaotic, and rounding grows exponentially.
            judged_gap("scaled start, first half", MLP, SCALED, EXACT, until=0.5),
            judged("usual start, norm at the end", SETTLED, _norm_at_end(SAME_START)),
            judged("usual start, time to shrink", IN_TIME, _time_to_shrink(steps)),
            judged("usual start, loss at the end", ALIKE, _loss_apart(SAME_START, late=True)),
            judged("control: usual start, loss early", ALIKE, _loss_apart(SAME_START, late=False)),
            judged("control: usual decay, norm at the end", SETTLED, _norm_at_end(NO_DECAY)),
            judged("control: usual decay, loss early", ALIKE, _loss_apart(NO_DECAY, late=False)),
        )

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return norms and losses of all settings at a tenth of the course and at its end."""
        table = Table("setting", "norm, early", "norm, late", "loss, early", "loss, late")
        run = result.results[MLP]
        for variant in run.observation["variant"].values:
            at = run.observation.sel(variant=variant)
            early = at.isel(time=at.sizes["time"] // 10)
            late = at.isel(time=slice(-10, None)).mean("time")
            values = [
                each[q.name].values.mean() for q in (NORM, VARIANT_LOSS) for each in (early, late)
            ]
            table.add_row(str(variant), *(f"{value:.3g}" for value in values))
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw losses and norms over steps, with the predicted time of shrinking."""
        own = TinySettings.of(result.settings)
        figure = Figure(figsize=(10.0, 4.2))
        losses, norms = figure.subplots(1, 2)
        run, shown = result.results[MLP], (USUAL, SCALED, SAME_START, NO_DECAY)
        steps = steps_of_shrinking(FACTOR, own.rate, own.decay, 0.9)
        draw_courses(losses, run, shown, VARIANT_LOSS)
        losses.set(title="the function learned", ylabel="training loss")
        draw_courses(norms, run, shown, NORM)
        norms.set(title="the weights", ylabel="norm of weights")
        for axes in (losses, norms):
            axes.axvline(steps, color=ink(), lw=0.9, ls=":")
        norms.text(steps * 1.03, 4.0, "decay alone has\ndivided by 10", fontsize="x-small")
        headline(figure, "A hundredth of the rate throughout: the usual training, at once or later")
        return figure


def _course(run: RunResult, quantity: Quantity, variant: str) -> np.ndarray:
    return run.observation[quantity.name].sel(variant=variant).values


def _norm_at_end(variant: str) -> Callable[[Results], Statistic]:
    """Return the error that is how far norms are from a tenth of the usual, in logarithm."""

    def error(results: Results) -> Statistic:
        late = slice(-20, None)
        seen, usual = (_course(results[MLP], NORM, each)[:, late] for each in (variant, USUAL))
        return mean_of(np.abs(np.log(FACTOR * seen.mean(axis=1) / usual.mean(axis=1))))

    return error


def _time_to_shrink(predicted: float) -> Callable[[Results], Statistic]:
    """Return the error that is the logarithm of observed over predicted steps.

    Observed: the first record with a norm within a fifth of a tenth of the usual norm at the end.
    """

    def error(results: Results) -> Statistic:
        run = results[MLP]
        time = run.observation["time"].values
        seen, usual = (_course(run, NORM, each) for each in (SAME_START, USUAL))
        near = seen < 1.2 * usual[:, -20:].mean(axis=1, keepdims=True) / FACTOR
        first = np.where(near.any(axis=1), time[np.argmax(near, axis=1)], np.inf)
        return mean_of(np.abs(np.log(first / predicted)))

    return error


def _loss_apart(variant: str, *, late: bool) -> Callable[[Results], Statistic]:
    """Return the error that is the distance of logarithms of mean losses, over a fifth."""

    def error(results: Results) -> Statistic:
        run = results[MLP]
        fifth = run.observation.sizes["time"] // 5
        part = slice(-fifth, None) if late else slice(1, fifth)
        seen, usual = (_course(run, VARIANT_LOSS, each)[:, part] for each in (variant, USUAL))
        return mean_of(np.abs(np.log(seen.mean(axis=1) / usual.mean(axis=1))))

    return error
