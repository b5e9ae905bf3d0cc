"""Does a random model that fits the data generalize like the one that training finds?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.studies.errors import average_course_error, observed
from carnotlab.studies.interpolation.digit_interpolators import UNSEEN, DigitInterpolators
from carnotlab.studies.interpolation.interpolator_panels import (
    draw_digits,
    draw_priors,
    draw_ratios,
    interpolator_table,
)
from carnotlab.studies.interpolation.interpolator_run import EXCESS, InterpolatorRun
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
    role_of,
)
from carnotlab.studies.style import headline

WITHIN = Tolerance(
    EXCESS,
    0.05,
    "exact in the mean; with a quarter of sixty directions free an error scatters by the root of "
    "2/15 from draw to draw, over the root of 128 networks 3 %; noise fitted near the threshold "
    "scatters more",
)
SAME = Tolerance(
    Quantity("difference_of_rules", (), "1", "error of one rule over that of another, minus 1"),
    1e-3,
    "both sides have the same draws of the prior, so their errors are the same but for a descent "
    "that ends: slow directions keep 1 % of the label's part, whose square enters, in single "
    "precision",
)
ON_DIGITS = Tolerance(
    UNSEEN,
    0.05,
    "exact in the mean for each draw of images; the squared size of some three hundred free "
    "weights scatters by a tenth, over the root of 32 draws 2 %, and by the cross term as much",
)

ZERO, START = "descent from zero", "descent from weights of variance {:g}"
GIBBS, SPHERE = "random, Gaussian prior {:g}", "random, on the teacher's sphere"
NOISY_ZERO, NOISY_GIBBS = "descent from zero, noisy labels", "random, noisy labels"
DIGITS = "random on digits"
EQUAL = "control: random taken for least norm"
WIDER = "control: prior of variance {:g} taken for 1"
LARGE = "control: descent from variance {:g} taken for zero"
FLAT = "control: digits, free weights taken for harmless"


class InterpolatorSettings(Settings, frozen=True, kw_only=True):
    """Settings of `RandomInterpolatorsOverfit`; ``seeds`` times ``networks`` models an arm.

    ``inputs`` weights, ``samples`` numbers of labels, priors of variance 1, the teacher's, and
    ``prior``; ``noise`` is the variance of noisy labels. ``images`` of digits to learn from with
    ``features`` random features.
    """

    seeds: Count = 4
    networks: Count = 32
    inputs: Count = 60
    samples: tuple[Count, ...] = (12, 24, 36, 45)
    prior: Positive = 4.0
    noise: Positive = 0.2
    images: Count = 100
    features: Count = 400


class RandomInterpolatorsOverfit(Study):
    """Gibbs learning against gradient descent, with the prior that it needs."""

    name: ClassVar[str] = "random-interpolators-overfit"
    question: ClassVar[str] = (
        "Does a random model that fits the data generalize like the one that training finds?"
    )
    message: ClassVar[str] = (
        "A random interpolator's error is the least-norm one plus its prior in the directions that "
        "no label decides: twice as large if the prior is right, and anything up to infinity if "
        "not. Gradient descent does as well or badly as the weights that it starts from."
    )
    source: ClassVar[tuple[str, ...]] = ("advani2020",)
    data: ClassVar[str] = "Gaussian inputs with a linear teacher; digits of scikit-learn"
    settings: ClassVar[type[Settings]] = InterpolatorSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return InterpolatorSettings()
        return InterpolatorSettings(seeds=6, inputs=100, samples=(10, 30, 50, 70, 80))

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return rules and priors, the controls, and digits."""
        own = InterpolatorSettings.of(settings)
        networks = own.seeds * own.networks

        def run(
            rule: str, prior: float, noise: float = 0.0, assumed: float | None = None
        ) -> InterpolatorRun:
            assert rule in ("descent", "gibbs", "sphere")
            return InterpolatorRun(rule, own.inputs, own.samples, prior, noise, assumed, networks)

        def digits(harmless: bool = False) -> DigitInterpolators:
            return DigitInterpolators(own.images, own.features, harmless, 8 * own.seeds)

        return (
            Arm(ZERO, run("descent", 0.0)),
            Arm(START.format(own.prior), run("descent", own.prior)),
            Arm(GIBBS.format(1.0), run("gibbs", 1.0)),
            Arm(GIBBS.format(own.prior), run("gibbs", own.prior)),
            Arm(SPHERE, run("sphere", 1.0)),
            Arm(NOISY_ZERO, run("descent", 0.0, own.noise)),
            Arm(NOISY_GIBBS, run("gibbs", 1.0, own.noise)),
            Arm(DIGITS, digits()),
            Arm(EQUAL, run("gibbs", 1.0, assumed=0.0)),
            Arm(WIDER.format(own.prior), run("gibbs", own.prior, assumed=1.0)),
            Arm(LARGE.format(own.prior), run("descent", own.prior, assumed=0.0)),
            Arm(FLAT, digits(harmless=True)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold the errors of each arm against theory, and rules against each other."""
        own = InterpolatorSettings.of(settings)
        start, gibbs = START.format(own.prior), GIBBS.format(own.prior)
        return (
            *(_judgement(label) for label in labels),
            _same("descent from the prior ends at its random draw", "test", start, gibbs),
            _same(
                "control: descent from zero ends at a random draw",
                "control",
                ZERO,
                GIBBS.format(1.0),
            ),
        )

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return errors beside theory, and digits beside regularized baselines."""
        own = InterpolatorSettings.of(result.settings)
        return interpolator_table(result.results, own.inputs, DIGITS)

    def figure(self, result: StudyResult) -> Figure:
        """Draw errors by number of labels, by prior, and on digits."""
        own = InterpolatorSettings.of(result.settings)
        runs = result.results
        figure = Figure(figsize=(12.5, 4.2))
        left, middle, right = figure.subplots(1, 3)
        shown = (ZERO, GIBBS.format(1.0), SPHERE, START.format(own.prior), GIBBS.format(own.prior))
        draw_ratios(left, {label: runs[label] for label in shown}, own.inputs)
        draw_priors(
            middle,
            {
                "no noise": {
                    0.0: runs[ZERO],
                    1.0: runs[GIBBS.format(1.0)],
                    own.prior: runs[GIBBS.format(own.prior)],
                },
                f"label noise {own.noise:g}": {0.0: runs[NOISY_ZERO], 1.0: runs[NOISY_GIBBS]},
            },
            own.inputs,
            own.noise,
        )
        draw_digits(right, runs[DIGITS])
        headline(
            figure, "What no label decides stays as the prior drew it: lines theory, marks models"
        )
        return figure


def _judgement(label: str) -> Judgement:
    tolerance = ON_DIGITS if "digits" in label else WITHIN

    def error(results: Results) -> Statistic:
        return average_course_error(results[label], tolerance.quantity)

    return Judgement(label, role_of(label), tolerance, (label,), error)


def _same(label: str, role: Role, first: str, second: str) -> Judgement:
    def error(results: Results) -> Statistic:
        one, other = (observed(results[arm], EXCESS)[:, 0] for arm in (first, second))

        def statistic(rows: Rows) -> float:
            means = one[rows].mean(axis=0), other[rows].mean(axis=0)
            return float(np.linalg.norm(means[0] - means[1]) / np.linalg.norm(means[1]))

        return statistic

    return Judgement(label, role, SAME, (first, second), error)
