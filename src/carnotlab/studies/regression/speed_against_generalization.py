"""A larger start learns sooner: what does it cost where samples are fewer than inputs?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.measures.losses import TEST_LOSS
from carnotlab.studies.errors import average_course_error
from carnotlab.studies.regression.course_run import CourseRun
from carnotlab.studies.regression.deep_start_run import FROZEN, HALF_TIME, DeepStartRun
from carnotlab.studies.regression.start_panels import draw_frozen, draw_starts, draw_times
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Rows,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)

KEPT = Quantity("kept_error", (), "fraction", "frozen error over theory's, - 1, worst scale")
LATER = Quantity("delay", (), "fraction", "time per e-fold of the start over theory's, - 1")

COURSE = Tolerance(
    TEST_LOSS,
    0.02,
    "corrections are a few times one over the number of inputs, 200; the error of a draw scatters "
    "by a tenth, over the root of 192 draws below 1 %",
)
FROZEN_WITHIN = Tolerance(
    KEPT,
    0.15,
    "what is kept scatters by the root of 2/40, a fifth, in each of 36 draws, 4 % in their mean; "
    "the second layer is balanced with the first but for its start, up to a tenth",
)
LATER_WITHIN = Tolerance(
    LATER,
    0.15,
    "the rate is the length of a correlation of 40 samples, which scatters by a tenth, and grows "
    "exponentially from a random start only after an e-fold",
)

SHALLOW, FULL = "shallow, start {:g}", "shallow, start 1, twice as many samples as inputs"
IGNORED = "control: shallow, start 1 taken for none"
DEEP, SOONER = "two layers, frozen directions", "two layers, learned sooner"
AS_SHALLOW = "control: two layers, frozen as in one"


class SpeedSettings(Settings, frozen=True, kw_only=True):
    """Settings of `SpeedAgainstGeneralization`; ``starts`` are standard deviations of weights.

    ``seeds`` times ``networks`` are draws of inputs, noise and weights of each shallow arm,
    ``seeds`` times 3 of the deep one, of ``deep_inputs``, half as many samples, and starts
    ``scales`` of both layers. The teacher's weights have variance 1.
    """

    seeds: Count = 12
    networks: Count = 16
    inputs: Count = 200
    noise: Positive = 0.25
    steps: Count = 200
    starts: tuple[float, ...] = (0.0, 0.5, 1.0)
    scales: tuple[Positive, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    deep_inputs: Count = 80
    deep_steps: Count = 900


class SpeedAgainstGeneralization(Study):
    """Shallow courses and deep ends from several starts, fewer and more samples than inputs."""

    name: ClassVar[str] = "speed-against-generalization"
    question: ClassVar[str] = (
        "Does a larger start buy speed with test error, and does theory say how much of each?"
    )
    message: ClassVar[str] = (
        "Directions that no sample speaks of keep their start for good. In one layer this costs "
        "(1 - α)σ² and buys nothing. In two layers each factor e of the start comes sooner by the "
        "same time, while what is kept grows as its square, multiplied by the second layer."
    )
    source: ClassVar[tuple[str, ...]] = ("advani2020", "saxe2014")
    data: ClassVar[str] = "Gaussian inputs, a linear teacher"
    settings: ClassVar[type[Settings]] = SpeedSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return SpeedSettings()
        return SpeedSettings(
            inputs=800,
            starts=(0.0, 0.5, 1.0, 2.0),
            scales=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
            deep_inputs=200,
            deep_steps=2500,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return shallow networks by start, one with samples enough, deep ones, and the control."""
        own = SpeedSettings.of(settings)

        def shallow(start: float, per_input: float = 0.5, ignorant: bool = False) -> CourseRun:
            return CourseRun(
                own.inputs,
                round(per_input * own.inputs),
                noise=own.noise,
                start=start,
                steps=own.steps,
                draws=own.seeds * own.networks,
                ignorant=ignorant,
            )

        arms = [Arm(SHALLOW.format(start), shallow(start)) for start in own.starts]
        arms += [
            Arm(FULL, shallow(1.0, 2.0)),
            Arm(IGNORED, shallow(1.0, ignorant=True)),
            Arm(
                DEEP,
                DeepStartRun(
                    scales=own.scales,
                    draws=3 * own.seeds,
                    steps=own.deep_steps,
                    inputs=own.deep_inputs,
                    samples=own.deep_inputs // 2,
                ),
            ),
        ]
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold courses, frozen errors and times against theory."""
        own = SpeedSettings.of(settings)
        found = [
            Judgement(
                label,
                "control" if label.startswith("control") else "test",
                COURSE,
                (label,),
                lambda results, label=label: average_course_error(results[label], TEST_LOSS),
            )
            for label in labels
            if label != DEEP
        ]
        small = tuple(scale for scale in own.scales if scale <= 0.1)
        found += [
            _frozen(DEEP, "test", small, ""),
            _frozen(AS_SHALLOW, "control", small, "shallow"),
            Judgement(SOONER, "test", LATER_WITHIN, (DEEP,), lambda r: _later(r, small)),
        ]
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw shallow courses by start, what deep networks keep, and when they learn."""
        own = SpeedSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 3.9))
        axes = figure.subplots(1, 3)
        shallow = {f"σ₀ = {s:g}": result.results[SHALLOW.format(s)] for s in own.starts}
        shallow["σ₀ = 1, twice as many\nsamples as inputs"] = result.results[FULL]
        draw_starts(axes[0], shallow, result.results[IGNORED])
        draw_frozen(axes[1], result.results[DEEP])
        draw_times(axes[2], result.results[DEEP])
        figure.suptitle(
            "A larger start: sooner by a logarithm, worse by a square", x=0.01, ha="left"
        )
        return figure


def _frozen(label: str, role: Role, scales: tuple[float, ...], kind: str) -> Judgement:
    def error(results: Results) -> Statistic:
        seen = results[DEEP].observation[FROZEN.name].sel(scale=list(scales))
        values = seen.transpose("seed", "scale").values
        expected = results[DEEP].prediction[FROZEN.name].sel(scale=list(scales)).values
        if kind == "shallow":
            # The start of the map itself, as if it stayed: (1 − α) times its variance.
            expected = 0.5 * DeepStartRun.hidden * np.array(scales) ** 4

        def statistic(rows: Rows) -> float:
            return float(np.max(np.abs(values[rows].mean(axis=0) / expected - 1.0)))

        return statistic

    return Judgement(label, role, FROZEN_WITHIN, (DEEP,), error)


def _later(results: Results, scales: tuple[float, ...]) -> Statistic:
    seen = results[DEEP].observation[HALF_TIME.name].sel(scale=list(scales))
    values = seen.transpose("seed", "scale").values
    expected = results[DEEP].prediction[HALF_TIME.name].sel(scale=list(scales)).values
    span = expected[0] - expected[-1]

    def statistic(rows: Rows) -> float:
        mean = values[rows].mean(axis=0)
        return abs(float((mean[0] - mean[-1]) / span) - 1.0)

    return statistic
