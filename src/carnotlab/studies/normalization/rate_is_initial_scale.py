"""Are the learning rate and the scale of initial weights two numbers or one?"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import mean_of
from carnotlab.studies.normalization.equivalence_run import FUNCTION_GAP
from carnotlab.studies.normalization.gaps import DEPARTS, EXACT, judged_gap
from carnotlab.studies.normalization.normalized_networks import NormalizedSettings
from carnotlab.studies.normalization.scale_panels import draw_collapse, draw_courses
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
)
from carnotlab.studies.style import headline
from carnotlab.tasks.digits import Digits
from carnotlab.theories.scale_invariance.initial_scale import at_scale

TRADED, LAW = "MLP on digits", "MLP on digits, rates and scales"
PLAIN, RESNET = "control: MLP without batch norm", "ResNet on digits"
USUAL, TENTH, EIGHTH = "usual", "start / 10", "start / 8"
MOVING, MOVING_TENTH = "moving start", "moving start / 10"
SCALES = (0.25, 1.0, 4.0)
RATES = (0.25, 1.0, 4.0)

SPREAD = Quantity("loss_spread", (), "1", "largest difference of logarithms of losses")
NO_BIT = Tolerance(FUNCTION_GAP, 0.0, "powers of two change exponents alone: no bit may differ")
NORMS = Tolerance(NORM, 1e-6, "exact but for rounding, which training amplifies by orders")
COLLAPSE = Tolerance(SPREAD, 1e-6, "exact but for rounding, which training amplifies by orders")
APART = Tolerance(SPREAD, 0.1, "a tenth of the loss is far beyond rounding")


def traded_settings() -> tuple[Setting, ...]:
    """Return scales traded for rates and decays, rightly and in ways that are wrong.

    >>> [each.label for each in traded_settings()][:3]
    ['usual', 'start / 10', 'start / 8']
    """

    def traded(label: str, factor: float) -> Setting:
        its = at_scale(factor, 1.0, 1.0)
        return Setting(label, factor, its.rate, its.decay)

    tenth, buffer = traded(TENTH, 0.1), -3.0
    moved = buffer * at_scale(0.1, 1.0, 1.0).buffer
    moving = replace(tenth, label=MOVING_TENTH, buffer=moved, against=MOVING)
    return (
        Setting(USUAL),
        tenth,
        traded(EIGHTH, 0.125),
        Setting(MOVING, buffer=buffer),
        moving,
        replace(tenth, label="control: the rate is left", rate=1.0),
        replace(tenth, label="control: the decay is left", decay=1.0),
        replace(tenth, label="control: the start is left", scale=1.0),
        replace(moving, label="control: the buffer is left", buffer=buffer),
    )


def law_settings() -> tuple[Setting, ...]:
    """Return all pairs of scales and of rates over squared scales.

    >>> len(law_settings())
    9
    """
    return tuple(
        Setting(f"scale {c:g}, rate {r * c * c:g}", c, r * c * c) for r in RATES for c in SCALES
    )


class ScaleSettings(NormalizedSettings, frozen=True, kw_only=True):
    """Settings of `RateIsInitialScale`, besides those of all studies here.

    ``steps`` of training, and ``short`` ones for the pairs of rates and scales, without batch
    norm, and for a residual net, which there is if ``residual``.
    """

    steps: Count = 1000
    short: Count = 200
    residual: bool = False


class RateIsInitialScale(Study):
    """With batch norm, weights c times as large at c² times the rate are the same training."""

    name: ClassVar[str] = "rate-is-initial-scale"
    question: ClassVar[str] = (
        "Are the learning rate and the scale of initial weights two numbers or one?"
    )
    message: ClassVar[str] = (
        "With batch norm they are one, the rate over the squared norm: weights c times as large at "
        "c² times the rate and 1/c² times the decay, with a momentum buffer 1/c times as large, "
        "take the same course, bit for bit where c is a power of two. Without batch norm, or with "
        "one of the factors left out, they do not."
    )
    source: ClassVar[tuple[str, ...]] = ("vanlaarhoven2017", "li2020", "li2020b")
    data: ClassVar[str] = "scikit-learn's digits"
    settings: ClassVar[type[Settings]] = ScaleSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ScaleSettings()
        return ScaleSettings(seeds=4, short=500, samples=1000, width=48, batch=32, residual=True)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return traded scales, pairs of rates and scales, and a network without batch norm."""
        own = ScaleSettings.of(settings)
        digits, seeds = Digits(own.samples, 100), tuple(range(own.seeds))
        traded = ScaleRun(
            digits,
            "MLP",
            own.width,
            traded_settings(),
            own.rate,
            own.decay,
            0.9,
            own.steps,
            seeds,
            own.batch,
        )
        law = replace(
            traded,
            settings=law_settings(),
            decay=0.0,
            steps=own.short,
            records=11,
            rate=own.rate / 4,
        )
        plain = replace(
            traded,
            kind="MLP without batch norm",
            settings=traded_settings()[:2],
            steps=own.short,
        )
        arms = [Arm(TRADED, traded), Arm(LAW, law), Arm(PLAIN, plain)]
        if own.residual:
            net = replace(
                traded, kind="ResNet", width=4, settings=traded_settings()[:3], steps=own.short
            )
            arms.append(Arm(RESNET, net))
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold the function of each setting to that of the usual one."""
        del settings
        found: list[Judgement] = []
        for arm in (each for each in labels if each in (TRADED, RESNET)):
            found += [
                judged_gap(f"{arm}, {TENTH}", arm, TENTH, EXACT),
                judged_gap(f"{arm}, {EIGHTH}", arm, EIGHTH, NO_BIT),
                Judgement(f"{arm}, norms", "test", NORMS, (arm,), _norms_apart(arm)),
            ]
        found.append(judged_gap(f"{TRADED}, {MOVING_TENTH}", TRADED, MOVING_TENTH, EXACT))
        wrong = [each.label for each in traded_settings() if each.label.startswith("control")]
        found += [judged_gap(label, TRADED, label, DEPARTS) for label in wrong]
        found += [
            judged_gap(PLAIN, PLAIN, TENTH, DEPARTS),
            Judgement("one rate over squared scale", "test", COLLAPSE, (LAW,), _spread(True)),
            Judgement("control: one rate", "control", APART, (LAW,), _spread(False)),
        ]
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return gaps of all settings."""
        table = Table("run", "setting", "largest gap", "loss at the end")
        for label, run in result.results.items():
            for variant in run.observation["variant"].values:
                at = run.observation.sel(variant=variant)
                gap = at[FUNCTION_GAP.name].values.max(axis=1).mean()
                loss = at[VARIANT_LOSS.name].values[:, -1].mean()
                table.add_row(label, str(variant), f"{gap:.1e}", f"{loss:.4g}")
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw gaps over steps, norms, and losses over rates."""
        figure = Figure(figsize=(12.0, 4.0))
        gaps, norms, law = figure.subplots(1, 3)
        run = result.results[TRADED]
        shown = [
            TENTH,
            MOVING_TENTH,
            *(each.label for each in traded_settings() if each.label.startswith("control")),
        ]
        draw_courses(gaps, run, shown, FUNCTION_GAP, EXACT.error)
        gaps.set(title="gap to the usual training", ylabel="largest gap of outputs")
        draw_courses(norms, run, [USUAL, TENTH, shown[2]], NORM)
        norms.set(title="weights", ylabel="norm of weights")
        draw_collapse(law, result.results[LAW], SCALES, RATES)
        headline(figure, "One number, not two: the rate over the squared scale of the start")
        return figure


def _norms_apart(arm: str) -> Callable[[Results], Statistic]:
    """Return the error that is the largest relative distance of a traded start's norm."""

    def error(results: Results) -> Statistic:
        run: RunResult = results[arm]
        seen = run.observation[NORM.name].sel(variant=TENTH).values
        expected = run.prediction[NORM.name].sel(variant=TENTH).values
        return mean_of(np.abs(seen / expected - 1.0).max(axis=1))

    return error


def _spread(at_one_ratio: bool) -> Callable[[Results], Statistic]:
    """Return the error that is the spread of log losses at one ratio, or at one rate itself."""

    def error(results: Results) -> Statistic:
        losses = results[LAW].observation[VARIANT_LOSS.name].isel(time=-1).values
        table = np.log(losses).reshape(len(losses), len(RATES), len(SCALES))
        if at_one_ratio:
            return mean_of(np.ptp(table, axis=2).max(axis=1))
        # Scales 1/4 and 1 at ratios 4 and 1/4 share the rate 1/4.
        return mean_of(np.abs(table[:, 2, 0] - table[:, 0, 1]))

    return error
