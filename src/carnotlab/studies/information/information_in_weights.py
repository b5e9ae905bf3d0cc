"""Do the weights of a large network hold little information where labels can be learned?"""

from typing import Annotated, ClassVar, TypeAlias

import msgspec
from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.verdicts import Tolerance
from carnotlab.estimators.linear_baseline import linear_baselines
from carnotlab.studies.information.information_errors import (
    Error,
    bound_over,
    codelength,
    evidence_apart,
    information_apart,
    quotient,
    share_above_bound,
)
from carnotlab.studies.information.information_panels import draw_blocks, draw_bounds, draw_widths
from carnotlab.studies.information.information_run import (
    BITS_MOVED,
    ERROR_BOUND,
    EVIDENCE,
    INFORMATION,
    SHARE_OF_UNIFORM,
    STOCHASTIC_ERROR,
    TEST_ERROR,
    TRAIN_ERROR,
    GoldRun,
    InformationRun,
    digits,
)
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Settings,
    Size,
    Study,
    StudyResult,
    role_of,
)
from carnotlab.studies.style import headline

CHANCE = 0.9
"""Error of guessing one of ten classes."""

SHORTER = Tolerance(
    SHARE_OF_UNIFORM,
    1.0,
    "1 is the uniform code: below it labels are compressed, and random ones cannot be on average",
)
BELOW_CHANCE = Tolerance(
    ERROR_BOUND,
    1.0,
    "1 is the error of guessing: above it a bound says nothing",
)
HOLDS = Tolerance(
    STOCHASTIC_ERROR,
    0.05,
    "share of networks whose error is above their bound, which holds with probability 0.95",
)
FALLS = Tolerance(SHARE_OF_UNIFORM, 1.0, "1 is no change from the narrowest to the widest network")
MOVES_LESS = Tolerance(
    BITS_MOVED, 1.0, "1 is no change from the narrowest to the widest network, at one noise"
)
GOLD = Tolerance(EVIDENCE, 1e-10, "an identity, computed in double precision by separate paths")
CAPACITY = Tolerance(
    INFORMATION,
    0.02,
    "the information of one draw scatters by about a tenth of its mean; over the root of 201 draws "
    "that is 0.7 %, and three times that",
)

BAYES, LINEAR = "Bayesian linear regression", "linear classifier"


NotNegative: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]


class InformationSettings(Settings, frozen=True, kw_only=True):
    """Settings of `InformationInWeights`; each network is trained once for each of ``seeds``.

    ``widths`` of the hidden layer, ``samples`` of digits (8 times a power of two), ``steps`` of
    training, ``decay`` of weights towards their start (0: none such), ``draws`` of the noise.
    """

    seeds: Count = 3
    widths: tuple[Count, ...] = (8, 64)
    samples: Count = 1024
    steps: Count = 400
    decay: NotNegative = 0.0
    draws: Count = 500


class InformationInWeights(Study):
    """Codelengths and bounds on true and random labels, over width and samples."""

    name: ClassVar[str] = "information-in-weights"
    question: ClassVar[str] = (
        "Do weights hold less information where labels can be learned, and less in wider networks?"
    )
    message: ClassVar[str] = (
        "True labels are coded in a fraction of the uniform code, random ones never below it. Wide "
        "networks code them shorter than narrow ones, though hardly shorter than a linear "
        "classifier, and their weights move no less. Bounds hold, far above the errors they bound."
    )
    source: ClassVar[tuple[str, ...]] = ("blier2018", "dziugaite2017", "langford2002", "dawid1984")
    data: ClassVar[str] = "scikit-learn's handwritten digits, true labels and random ones"
    settings: ClassVar[type[Settings]] = InformationSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return InformationSettings()
        return InformationSettings(
            seeds=8, widths=(8, 32, 128, 512), steps=800, decay=0.005, draws=2000
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return networks by width, labels and decay, a linear classifier, and the gold test."""
        own = InformationSettings.of(settings)

        def run(width: int, random: bool, decay: float) -> InformationRun:
            seeds = tuple(range(own.seeds))
            return InformationRun(width, random, decay, own.samples, own.steps, own.draws, seeds)

        arms = [Arm(BAYES, GoldRun(members=67 * own.seeds))]
        for random in (False, True):
            arms.append(Arm(label_of(0, random, False), run(0, random, 0.0)))
            for decay in sorted({0.0, own.decay}):
                arms += [
                    Arm(label_of(width, random, decay > 0.0), run(width, random, decay))
                    for width in own.widths
                ]
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge codes against the uniform one, bounds against chance and truth, and widths."""
        own = InformationSettings.of(settings)
        found = [
            Judgement(f"{BAYES}, code", "test", GOLD, (BAYES,), evidence_apart(BAYES)),
            Judgement(
                f"{BAYES}, information", "test", CAPACITY, (BAYES,), information_apart(BAYES)
            ),
        ]
        networks = tuple(label for label in labels if label != BAYES)
        for label in networks:
            found.append(_judgement(label, "codelength", SHORTER, codelength(label)))
            if LINEAR not in label:
                found.append(_judgement(label, "bound", BELOW_CHANCE, bound_over(label, CHANCE)))
        found.append(
            Judgement("all networks, bound", "test", HOLDS, networks, share_above_bound(networks))
        )
        ends = [label_of(width, False, False) for width in (own.widths[0], own.widths[-1])]
        if len(own.widths) > 1:
            found += [
                Judgement(
                    "codelength with width",
                    "test",
                    FALLS,
                    tuple(ends),
                    quotient(ends, SHARE_OF_UNIFORM.name),
                ),
                Judgement(
                    "control: distance moved falls with width",
                    "control",
                    MOVES_LESS,
                    tuple(ends),
                    quotient(ends, BITS_MOVED.name),
                ),
            ]
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return errors, codelengths and bounds, with linear baselines beside them."""
        own = InformationSettings.of(result.settings)
        table = Table(
            "network", "missed: training", "held out", "share of uniform code", "bits moved",
            "bound", "stochastic", title="digits",
        )  # fmt: skip
        for label, run in result.results.items():
            if label == BAYES:
                continue
            columns = (
                TRAIN_ERROR,
                TEST_ERROR,
                SHARE_OF_UNIFORM,
                BITS_MOVED,
                ERROR_BOUND,
                STOCHASTIC_ERROR,
            )
            values = [float(run.observation[each.name].mean()) for each in columns]
            table.add_row(label, *(f"{value:.3f}" for value in values))
        for each in linear_baselines(digits(own.samples).data(), True):
            table.add_row(
                f"{each.kind} baseline, true labels", "", f"{each.test_error:.3f}", *4 * [""]
            )
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw codelengths over samples and over width, and bounds over width."""
        own = InformationSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 4.0))
        blocks, widths, bounds = figure.subplots(1, 3)
        draw_blocks(blocks, result.results, own.widths[-1], label_of)
        draw_widths(widths, result.results, own.widths, label_of)
        draw_bounds(bounds, result.results, own.widths, label_of, CHANCE)
        headline(
            figure,
            "What can be learned can be coded: true labels below the uniform code, random never",
        )
        return figure


def label_of(width: int, random: bool, held: bool) -> str:
    """Return the label of an arm; those of random labels are controls."""
    name = f"width {width}" if width else LINEAR
    labels = "control: random labels" if random else "true labels"
    return f"{labels}, {name}{', held near the start' if held else ''}"


def _judgement(label: str, what: str, tolerance: Tolerance, error: Error) -> Judgement:
    return Judgement(f"{label}, {what}", role_of(label), tolerance, (label,), error)
