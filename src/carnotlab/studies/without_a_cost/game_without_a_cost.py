"""Do adversaries who each go downhill arrive anywhere, and what makes them?"""

from typing import ClassVar

from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.judging import judge
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Settings,
    Size,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.studies.without_a_cost.game_panels import (
    draw_factors,
    draw_fictitious,
    draw_network,
    draw_pair,
    draw_replicator,
    draw_turns,
)
from carnotlab.studies.without_a_cost.game_runs import (
    AVERAGE_SLOPE,
    CONSERVED,
    DIVERGENCE,
    FACTOR,
    PAIR_FACTOR,
    BilinearRun,
    FictitiousRun,
    PairRun,
    ReplicatorRun,
)
from carnotlab.studies.without_a_cost.gan_run import DISTANCE, POSITION, PointGanRun
from carnotlab.studies.without_a_cost.simulation import apart, course_apart, level
from carnotlab.theories.games.bilinear_games import TURNS

BILINEAR, PAIR = "bilinear game", "smallest adversarial pair"
NEAR, FAR = "network against a point, near", "network against a point, far"
REPLICATOR, FICTITIOUS = "replicator", "fictitious play"
UNEVEN = "fictitious play, uneven stakes"
ALTERNATING = TURNS.index("alternating")

STEP = Tolerance(
    FACTOR,
    1e-3,
    "exact but for a distance that swings within its period, by a factor below 2 over 1000 steps",
)
PAIR_STEP = Tolerance(PAIR_FACTOR, 1e-3, STEP.why)
KEPT = Tolerance(CONSERVED, 1e-9, "conserved exactly: rounding over 2000 steps")
STAYS = Tolerance(DIVERGENCE, 1e-7, "conserved exactly: errors of integration at 1e-12 a step")
HALF = Tolerance(
    AVERAGE_SLOPE, 0.05, "a staircase of answers on two decades, whose steps bend fits by a tenth"
)
COURSE = Tolerance(
    POSITION, 0.05, "linear about the equilibrium, starts within 1 % of the scale of the network"
)
ARRIVES = Tolerance(
    DISTANCE, 0.05, "e-folding in steps of a tenth of the run or less leaves less than 1 in 20"
)
FAR_COURSE = Tolerance(Quantity("position", (), "1", "course of the point"), 0.05, COURSE.why)


class GameSettings(Settings, frozen=True, kw_only=True):
    """Settings of `GameWithoutACost`; ``seeds`` are starts of each game.

    ``penalties`` are strengths of R1; the first is that of a network without.
    """

    seeds: Count = 8
    rates: tuple[Positive, ...] = (0.1, 0.3)
    penalties: tuple[float, ...] = (0.0, 0.25, 0.5, 2.0)
    network_penalty: Positive = 0.25
    near: Positive = 0.005
    far: Positive = 0.3
    width: Count = 256
    rounds: Count = 10_000


class GameWithoutACost(Study):
    """Bilinear games, adversarial pairs and matrix games, each against what is known of it."""

    name: ClassVar[str] = "game-without-a-cost"
    question: ClassVar[str] = (
        "Do adversaries who each go downhill arrive anywhere, and what makes them?"
    )
    message: ClassVar[str] = (
        "Two players' gradients turn, and no function is descended: steps at once lead away, steps "
        "in turn go round for ever, and looking ahead, remembering, or R1 lead in, each by the "
        "factor its eigenvalues say, also with a network as discriminator. Averages of past play "
        "converge where play itself goes round."
    )
    source: ClassVar[tuple[str, ...]] = (
        "mescheder2018",
        "daskalakis2018",
        "zhang2020",
        "hofbauer1998",
        "bailey2018",
        "robinson1951",
    )
    data: ClassVar[str] = "synthetic games"
    settings: ClassVar[type[Settings]] = GameSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return GameSettings()
        return GameSettings(seeds=32, width=1024, rounds=100_000, rates=(0.03, 0.1, 0.3, 0.5))

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return games of both kinds, and networks against one point near and far."""
        own = GameSettings.of(settings)
        penalties = (0.0, own.network_penalty)

        def network(start: float) -> PointGanRun:
            return PointGanRun(penalties, own.seeds, start, width=own.width)

        return (
            Arm(BILINEAR, BilinearRun(own.rates, own.seeds)),
            Arm(PAIR, PairRun(own.penalties, own.seeds)),
            Arm(NEAR, network(own.near)),
            Arm(FAR, network(own.far)),
            Arm(REPLICATOR, ReplicatorRun(own.seeds)),
            Arm(FICTITIOUS, FictitiousRun(own.seeds, own.rounds)),
            Arm(UNEVEN, FictitiousRun(own.seeds, own.rounds, uneven=0.5)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold factors, conserved quantities, courses and slopes against theory."""
        del settings, labels
        return (
            *(
                judge(f"{BILINEAR}, {turns}", STEP, BILINEAR, apart(FACTOR, part=index))
                for index, turns in enumerate(TURNS)
            ),
            judge(
                f"control: {BILINEAR}, steps at once taken for the flow",
                STEP,
                BILINEAR,
                apart(FACTOR, part=0, wanted=1.0),
            ),
            judge(f"{BILINEAR}, conserved", KEPT, BILINEAR, level(CONSERVED, ALTERNATING)),
            judge(f"control: {BILINEAR}, conserved at once", KEPT, BILINEAR, level(CONSERVED, 0)),
            judge(PAIR, PAIR_STEP, PAIR, apart(PAIR_FACTOR)),
            judge(f"control: {PAIR}, R1 ignored", PAIR_STEP, PAIR,
                  apart(PAIR_FACTOR, part=slice(1, None), wanted=1.0)),
            judge(f"{NEAR}, course", COURSE, NEAR, course_apart(POSITION)),
            judge(f"{NEAR}, R1, arrives", ARRIVES, NEAR, level(DISTANCE, (1, -1))),
            judge(f"control: {NEAR}, no R1, arrives", ARRIVES, NEAR, level(DISTANCE, (0, -1))),
            judge(f"control: {FAR}, no R1, course", FAR_COURSE, FAR,
                  course_apart(POSITION, part=0)),
            judge(f"{REPLICATOR}, conserved", STAYS, REPLICATOR, apart(DIVERGENCE, part=0)),
            judge(f"control: {REPLICATOR}, in steps", STAYS, REPLICATOR, apart(DIVERGENCE, part=1)),
            judge(FICTITIOUS, HALF, FICTITIOUS, apart(AVERAGE_SLOPE)),
            judge(UNEVEN, HALF, UNEVEN, apart(AVERAGE_SLOPE)),
            judge(f"control: {FICTITIOUS}, as fast as 1/t", HALF, FICTITIOUS,
                  apart(AVERAGE_SLOPE, wanted=-1.0)),
        )  # fmt: skip

    def figure(self, result: StudyResult) -> Figure:
        """Draw courses of turns, factors, the pair, a network, the replicator, averages."""
        figure = Figure(figsize=(12.5, 7.4))
        axes = figure.subplots(2, 3)
        runs = result.results
        draw_turns(axes[0, 0])
        draw_factors(axes[0, 1], runs[BILINEAR])
        draw_pair(axes[0, 2], runs[PAIR], PairRun((0.0,), 1).rate)
        draw_network(axes[1, 0], runs[NEAR], runs[FAR])
        draw_replicator(axes[1, 1], runs[REPLICATOR])
        draw_fictitious(axes[1, 2], {FICTITIOUS: runs[FICTITIOUS], UNEVEN: runs[UNEVEN]})
        headline(figure, "Games have no cost to descend: lines theory, marks and paths play")
        return figure
