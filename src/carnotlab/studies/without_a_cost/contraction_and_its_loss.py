"""What makes values converge, and what of it survives features, samples and opponents?"""

from typing import ClassVar

from matplotlib.figure import Figure

from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.judging import judge
from carnotlab.studies.study import Arm, Count, Judgement, Settings, Size, Study, StudyResult
from carnotlab.studies.style import headline
from carnotlab.studies.without_a_cost.agent_panels import (
    draw_baselines,
    draw_chase,
    draw_refits,
    draw_spans,
    draw_star,
    draw_two_states,
)
from carnotlab.studies.without_a_cost.agent_runs import (
    BASELINES,
    BIAS,
    CHASE,
    OVER,
    SIZE_RATE,
    SPAN_RATE,
    VARIANCE,
    GradientRun,
    SelfPlayRun,
    TableRun,
)
from carnotlab.studies.without_a_cost.feature_runs import (
    EXPANSION,
    FEATURES,
    METHODS,
    REFIT,
    STAR,
    STAR_FACTOR,
    TWO_FACTOR,
    RefitRun,
    StarRun,
    TwoStateRun,
)
from carnotlab.studies.without_a_cost.simulation import apart, level

TABLE, TWO, STARRED = "table of values", "two states", "Baird's star"
REFITTED, GRADIENT, SELF_PLAY = "refitted values", "policy gradient", "self-play"

PROMISED = Tolerance(OVER, 1e-9, "every step contracts: rounding alone is left")
SIZE = Tolerance(
    SIZE_RATE,
    1e-4,
    "constants decay slowest; the rest falls by |λ2| near 0.2 a step more, 16 times",
)
SPAN = Tolerance(
    SPAN_RATE,
    0.05,
    "eigenvalues are complex: within its turns the span swings by about two, over 8 steps 9 % of "
    "a factor near 0.25, and the mean over processes less",
)
EXACT = Tolerance(TWO_FACTOR, 1e-9, "one number is multiplied: rounding alone is left")
GROWS = Tolerance(STAR_FACTOR, 1e-3, "one eigenvalue is largest; others have died out by half time")
HELD = Tolerance(STAR, 1.0, "stable: values end below where they start")
REFITS = Tolerance(
    REFIT, 0.03, "complex eigenvalues swing by about two over 40 refits, which is 2 %"
)
CONTRACTS = Tolerance(
    EXPANSION, 0.01, "below the discount by theorem; swings of a norm that is not the theorem's"
)
SAMPLED = Tolerance(
    VARIANCE, 0.05, "20 000 samples give a variance within 1 or 2 %, the mean over seeds less"
)
UNBIASED = Tolerance(
    BIAS, 0.06, "the root of variance over samples, 0.01 to 0.03, its mean: twice the largest"
)
ANSWERED = Tolerance(
    CHASE, 1e-3, "after 60 iterations a factor 0.8 leaves 1e-6, of stakes near one over 1 - 0.8"
)


class ContractionSettings(Settings, frozen=True, kw_only=True):
    """Settings of `ContractionAndItsLoss`; ``seeds`` are random processes, games and starts.

    Each stands for so many ``refits``, random processes in which values are refitted.
    """

    seeds: Count = 12
    discounts: tuple[float, ...] = (0.5, 0.8, 0.95)
    two_state_discounts: tuple[float, ...] = (0.2, 0.4, 0.5, 0.6, 0.9)
    states: Count = 20
    samples: Count = 20_000
    refits: Count = 16
    game_discount: float = 0.8


class ContractionAndItsLoss(Study):
    """Value iteration, features, sampled gradients and self-play, each against its factor."""

    name: ClassVar[str] = "contraction-and-its-loss"
    question: ClassVar[str] = (
        "What makes values converge, and what of it survives features, samples and opponents?"
    )
    message: ClassVar[str] = (
        "Bellman's operator contracts by the discount, and what decides policies by more. With "
        "features that is lost as soon as updates are not spread as the policy visits states: two "
        "states diverge beyond discount 1/2. Averages keep it, corrections mend it. A baseline "
        "helps a policy gradient most at a value that is not the mean reward; self-play converges "
        "through the value of each stage, and never by best answers."
    )
    source: ClassVar[tuple[str, ...]] = (
        "puterman1994",
        "baird1995",
        "tsitsiklis1997",
        "gordon1995",
        "sutton2009",
        "williams1992",
        "greensmith2004",
        "shapley1953",
    )
    data: ClassVar[str] = "random decision processes and games"
    settings: ClassVar[type[Settings]] = ContractionSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ContractionSettings()
        return ContractionSettings(
            seeds=64, states=100, samples=200_000, discounts=(0.3, 0.5, 0.8, 0.95, 0.99)
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return tables, features of three kinds, sampled gradients and self-play."""
        own = ContractionSettings.of(settings)
        return (
            Arm(TABLE, TableRun(own.discounts, own.seeds, own.states)),
            Arm(TWO, TwoStateRun(own.two_state_discounts, own.seeds)),
            Arm(STARRED, StarRun(own.seeds)),
            Arm(REFITTED, RefitRun(own.refits * own.seeds)),
            Arm(GRADIENT, GradientRun(own.seeds, own.samples)),
            Arm(SELF_PLAY, SelfPlayRun(own.game_discount, own.seeds)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold every factor and variance against theory, and what is lost against what was."""
        del labels
        own = ContractionSettings.of(settings)
        beyond = next(i for i, g in enumerate(own.two_state_discounts) if g > 0.5)
        mean, best = BASELINES.index("mean reward"), BASELINES.index("best")
        return (
            judge(f"{TABLE}, contraction", PROMISED, TABLE, level(OVER)),
            judge(f"{TABLE}, rate", SIZE, TABLE, apart(SIZE_RATE)),
            judge(f"{TABLE}, rate of the span", SPAN, TABLE, apart(SPAN_RATE)),
            judge(f"control: {TABLE}, span at the discount", SPAN, TABLE,
                  apart(SPAN_RATE, part=0, wanted=own.discounts[0])),
            judge(TWO, EXACT, TWO, apart(TWO_FACTOR)),
            judge(f"control: {TWO}, contraction kept", EXACT, TWO,
                  apart(TWO_FACTOR, part=beyond, wanted=own.two_state_discounts[beyond])),
            judge(f"{STARRED}, growth", GROWS, STARRED, apart(STAR_FACTOR)),
            *(
                judge(f"{'control: ' * (method == METHODS[0])}{STARRED}, {method}", HELD, STARRED,
                      level(STAR, (index, -1)))
                for index, method in enumerate(METHODS)
            ),
            judge(f"{REFITTED}, factors", REFITS, REFITTED, apart(REFIT)),
            *(
                judge(f"{'control: ' * (kind == FEATURES[2])}{REFITTED}, {kind}", CONTRACTS,
                      REFITTED, level(EXPANSION, index))
                for index, kind in enumerate(FEATURES)
            ),
            judge(f"{GRADIENT}, variance", SAMPLED, GRADIENT, apart(VARIANCE, relative=True)),
            judge(f"{GRADIENT}, mean", UNBIASED, GRADIENT, level(BIAS)),
            judge(f"control: {GRADIENT}, mean reward as good as the best", SAMPLED, GRADIENT,
                  apart(VARIANCE, relative=True, part=mean, instead=best)),
            judge(f"{SELF_PLAY}, contraction", PROMISED, SELF_PLAY, level(OVER)),
            judge(f"{SELF_PLAY}, Shapley's operator", ANSWERED, SELF_PLAY, level(CHASE, (0, -1))),
            judge(f"control: {SELF_PLAY}, best answers", ANSWERED, SELF_PLAY,
                  level(CHASE, (1, slice(-8, None)))),
        )  # fmt: skip

    def figure(self, result: StudyResult) -> Figure:
        """Draw rates in tables, what features lose, the variance by baseline, and self-play."""
        own = ContractionSettings.of(result.settings)
        figure = Figure(figsize=(12.5, 7.4))
        axes = figure.subplots(2, 3)
        runs = result.results
        draw_spans(axes[0, 0], runs[TABLE])
        draw_two_states(axes[0, 1], runs[TWO])
        draw_star(axes[0, 2], runs[STARRED])
        draw_refits(axes[1, 0], runs[REFITTED], RefitRun(1).discount)
        draw_baselines(axes[1, 1], runs[GRADIENT], GradientRun(own.seeds, own.samples))
        draw_chase(axes[1, 2], runs[SELF_PLAY], own.game_discount)
        headline(
            figure, "Tables of values contract; features, samples and opponents each need care"
        )
        return figure
