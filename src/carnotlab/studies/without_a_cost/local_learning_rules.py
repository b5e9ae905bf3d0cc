"""What can synapses learn by what is known at the synapse, and what can they not?"""

from typing import ClassVar

from matplotlib.figure import Figure

from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.judging import judge
from carnotlab.studies.study import Arm, Count, Judgement, Settings, Size, Study, StudyResult
from carnotlab.studies.style import headline
from carnotlab.studies.without_a_cost.feedback_runs import (
    APART,
    EXACT_RULES,
    LEFT,
    LOST,
    MODES,
    RULES,
    FeedbackRun,
    ModesRun,
    NarrowRun,
)
from carnotlab.studies.without_a_cost.rule_panels import (
    draw_agreement,
    draw_components,
    draw_modes,
    draw_narrow,
    draw_networks,
    draw_timing,
)
from carnotlab.studies.without_a_cost.simulation import apart, course_apart, level
from carnotlab.studies.without_a_cost.synapse_runs import (
    ALIGNMENT,
    CASES,
    DRIFT,
    GROUPS,
    LENGTH,
    ORDERED,
    WEIGHTS,
    ComponentsRun,
    TimingRun,
)
from carnotlab.tasks.digits import Digits

COMPONENTS, TIMING = "components of digits", "spike timing"
LINEAR, NARROW = "feedback alignment, two linear layers", "feedback alignment, narrow, digits"
WIDE_NETWORK, NARROW_NETWORK = "networks on digits, wide", "networks on digits, narrow"

FLOW = Tolerance(
    ALIGNMENT,
    0.1,
    "the mean to first order in the rate; the order of samples shifts a rise in time",
)
UNIT = Tolerance(LENGTH, 0.05, "single samples jitter by a few percent of a length of 1")
SORTED = Tolerance(
    ORDERED, 0.1, "jitter of the second unit, whose eigenvalue is nearer to the next"
)
SPIKES = Tolerance(
    DRIFT, 0.1, "some thousand pairs of spikes a weight: 2 % with ten weights and all seeds"
)
LEARNED = Tolerance(
    WEIGHTS, 0.05, "a sixth of the largest weight: single weights wander, and stay where they go"
)
COURSE = Tolerance(MODES, 0.02, "exact for small steps: rate times strength, 1.5 % at most")
ENDS = Tolerance(LEFT, 0.01, "exact at the end of training, of which a little is left")
AS_GOOD = Tolerance(LOST, 0.03, "two standard errors of 500 held-out images, and starts beside")
AGREES = Tolerance(APART, 0.8, "weights that know nothing of the feedback agree by 1/√400, 0.05")


class LocalRuleSettings(Settings, frozen=True, kw_only=True):
    """Settings of `LocalLearningRules`; networks have ``wide`` or ``few`` hidden units.

    Linear layers on digits have each number of ``hidden`` units.
    """

    seeds: Count = 6
    hidden: tuple[Count, ...] = (2, 4, 8)
    wide: Count = 40
    few: Count = 4
    steps: Count = 600
    samples: Count = 600


class LocalLearningRules(Study):
    """Hebbian units, spikes and fixed feedback, against what each is known to learn."""

    name: ClassVar[str] = "local-learning-rules"
    question: ClassVar[str] = (
        "What can synapses learn by what is known at the synapse, and what can they not?"
    )
    message: ClassVar[str] = (
        "Hebb's rule with a bound finds principal components along an exact course; spike timing "
        "finds inputs that fire together. Errors through fixed random weights teach a wide network "
        "nearly as well as its own weights would, without a plateau, since forward weights come to "
        "agree; a narrow one learns a random part of the task instead of its strongest modes."
    )
    source: ClassVar[tuple[str, ...]] = (
        "oja1982",
        "sanger1989",
        "kempter1999",
        "song2000",
        "lillicrap2016",
    )
    data: ClassVar[str] = "scikit-learn's digits; synthetic spikes and linear tasks"
    settings: ClassVar[type[Settings]] = LocalRuleSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return LocalRuleSettings()
        return LocalRuleSettings(seeds=24, steps=4000, samples=1200, wide=100)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return single units, linear layers with fixed feedback, and networks by every rule."""
        own = LocalRuleSettings.of(settings)
        digits = Digits(own.samples, 500)
        two = Digits(300, 60, classes=(0, 1))
        return (
            Arm(COMPONENTS, ComponentsRun(two, own.seeds)),
            Arm(TIMING, TimingRun(own.seeds)),
            Arm(LINEAR, ModesRun(own.seeds)),
            Arm(NARROW, NarrowRun(own.hidden, own.seeds, digits)),
            Arm(WIDE_NETWORK, FeedbackRun(own.wide, own.seeds, digits, own.steps, own.wide)),
            Arm(NARROW_NETWORK, FeedbackRun(own.few, own.seeds, digits, own.steps, own.wide)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold courses, drifts and ends against theory, and rules against gradient descent."""
        del settings, labels
        descent, fixed = (EXACT_RULES.index(rule) for rule in EXACT_RULES)
        anew, last = RULES.index("feedback drawn anew"), RULES.index("last layer only")
        together = CASES.index("inputs fire together")
        return (
            judge(f"{COMPONENTS}, Oja's course", FLOW, COMPONENTS, course_apart(ALIGNMENT)),
            judge(f"{COMPONENTS}, Oja's length", UNIT, COMPONENTS, apart(LENGTH, part=(0, -1))),
            judge(f"control: {COMPONENTS}, Hebb's length", UNIT, COMPONENTS,
                  apart(LENGTH, part=(1, -1), wanted=1.0)),
            judge(f"{COMPONENTS}, Sanger's order", SORTED, COMPONENTS, apart(ORDERED)),
            judge(f"{TIMING}, drifts", SPIKES, TIMING, apart(DRIFT)),
            judge(f"control: {TIMING}, common spikes ignored", SPIKES, TIMING,
                  apart(DRIFT, part=together, wanted=1.0 / (1.0 + 4.0 * TimingRun(1).share))),
            judge(f"{TIMING}, weights learned", LEARNED, TIMING, apart(WEIGHTS, part=(..., -1))),
            judge(f"control: {TIMING}, both groups alike", LEARNED, TIMING,
                  apart(WEIGHTS, part=(GROUPS.index("independent"), -1),
                        instead=(GROUPS.index("fire together"), -1))),
            judge(LINEAR, COURSE, LINEAR, course_apart(MODES, part=fixed)),
            judge(f"control: {LINEAR}, gradient descent", COURSE, LINEAR,
                  course_apart(MODES, part=descent)),
            judge(NARROW, ENDS, NARROW, apart(LEFT, part=fixed)),
            judge(f"{NARROW}, gradient descent", ENDS, NARROW, apart(LEFT, part=descent)),
            judge(f"control: {NARROW}, strongest modes", ENDS, NARROW,
                  apart(LEFT, part=fixed, instead=descent)),
            judge(f"{WIDE_NETWORK}, as good", AS_GOOD, WIDE_NETWORK, level(LOST, fixed)),
            judge(f"control: {NARROW_NETWORK}, last layer only", AS_GOOD, NARROW_NETWORK,
                  level(LOST, last)),
            judge(f"{WIDE_NETWORK}, weights agree", AGREES, WIDE_NETWORK, level(APART, fixed)),
            judge(f"control: {WIDE_NETWORK}, feedback drawn anew", AGREES, WIDE_NETWORK,
                  level(APART, anew)),
        )  # fmt: skip

    def figure(self, result: StudyResult) -> Figure:
        """Draw components, spikes, linear modes, narrow layers, and networks by every rule."""
        figure = Figure(figsize=(12.5, 7.4))
        axes = figure.subplots(2, 3)
        runs = result.results
        draw_components(axes[0, 0], runs[COMPONENTS])
        draw_timing(axes[0, 1], runs[TIMING])
        draw_modes(axes[0, 2], runs[LINEAR])
        draw_narrow(axes[1, 0], runs[NARROW])
        draw_networks(axes[1, 1], runs[WIDE_NETWORK], runs[NARROW_NETWORK])
        draw_agreement(axes[1, 2], runs[WIDE_NETWORK])
        headline(
            figure, "Local rules learn components, coincidences and, through fixed feedback, tasks"
        )
        return figure
