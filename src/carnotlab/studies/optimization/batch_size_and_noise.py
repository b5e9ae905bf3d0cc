"""How large a batch is worth, where noise lets weights settle, and where both laws end."""

from typing import ClassVar

from matplotlib.figure import Figure

from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.judging import judge
from carnotlab.studies.optimization.batch_errors import (
    drop_apart,
    kurtosis_apart,
    loss_apart,
    scale_apart,
    scaled_apart,
    steps_apart,
    variance_apart,
)
from carnotlab.studies.optimization.batch_panels import (
    draw_drops,
    draw_network,
    draw_steps,
    draw_variances,
)
from carnotlab.studies.optimization.linear_scaling_run import LOSS, LinearScalingRun
from carnotlab.studies.optimization.noise_scale_run import (
    DROP,
    LINEAR_DROP,
    NEEDED,
    RATIOS,
    SCALE,
    NoiseScaleRun,
    StepsToGoalRun,
)
from carnotlab.studies.optimization.stationary_run import (
    DIFFUSION,
    KURTOSIS,
    VARIANCE,
    StationaryRun,
)
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

GRADIENTS, GOAL, NETWORK = "gradients", "steps to a goal", "network"
PLAIN, MOMENTUM, ORDERS = "independent steps", "momentum 0.9", "epochs in random order"
RATES = {
    PLAIN: (0.02, 0.1, 0.5, 1.0, 1.5),
    MOMENTUM: (0.02, 0.1, 0.5, 1.0, 2.5),
    ORDERS: (0.02, 0.1, 0.5, 1.0, 1.5),
}
"""Rates times curvature, the first small."""


class BatchSettings(Settings, frozen=True, kw_only=True):
    """Settings of `BatchSizeAndNoise`; ``seeds``: groups of paths, problems, networks."""

    seeds: Count = 8
    draws: Count = 1000
    paths: Count = 600
    inputs: Count = 20
    noise: Positive = 1.0
    batches: tuple[Count, ...] = (1, 2, 4, 8, 16, 32, 64, 128)
    goal_batches: tuple[Count, ...] = (4, 8, 16, 32, 64, 128, 256, 512)
    goal: Positive = 0.01
    images: Count = 256
    samples: Count = 1024


class BatchSizeAndNoise(Study):
    """Gaussian least squares and a network at many batch sizes; one weight under noise."""

    name: ClassVar[str] = "batch-size-and-noise"
    question: ClassVar[str] = (
        "Up to which batch size do larger batches help, may the rate grow with them, and where "
        "does noise let weights settle?"
    )
    message: ClassVar[str] = (
        "Below the noise scale twice the batch is worth half the steps, at twice the rate; above "
        "it nothing is gained, and rates that go on growing diverge. Where weights settle is exact "
        "at any rate; the diffusion is right at small rates and independent steps only."
    )
    source: ClassVar[tuple[str, ...]] = (
        "mccandlish2018", "goyal2017", "mandt2017", "li2017", "gurbuzbalaban2021",
    )  # fmt: skip
    data: ClassVar[str] = "synthetic least squares; scikit-learn's digits"
    settings: ClassVar[type[Settings]] = BatchSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return BatchSettings()
        return BatchSettings(seeds=16, draws=4000, paths=1000)

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return gradients, steps to a goal, three kinds of steps that settle, a network."""
        own = BatchSettings.of(settings)

        def settled(label: str) -> StationaryRun:
            return StationaryRun(
                RATES[label],
                0.9 if label == MOMENTUM else 0.0,
                "reshuffled" if label == ORDERS else "independent",
                50,
                own.seeds,
                own.paths,
            )

        gradients = NoiseScaleRun(own.inputs, own.noise, own.batches, own.seeds, own.draws)
        goal = StepsToGoalRun(own.inputs, own.noise, own.goal_batches, own.goal, 2500, own.seeds)
        network = LinearScalingRun(
            (1, 4, 64), 0.01, own.images, own.samples, tuple(range(own.seeds))
        )
        return (
            Arm(GRADIENTS, gradients),
            Arm(GOAL, goal),
            *(Arm(label, settled(label)) for label in (PLAIN, MOMENTUM, ORDERS)),
            Arm(NETWORK, network),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold scales, drops, steps and variances against theory, and beyond its reach."""
        del labels
        own = BatchSettings.of(settings)
        scale = Tolerance(
            SCALE,
            1.0,
            "a ratio of two means of eight thousand squared norms scatters by a few percent; one "
            "sample in eleven is more than anyone needs to know",
        )
        drop = Tolerance(DROP, 0.02, "means over thousands of steps scatter by less than 1 %")
        steps = Tolerance(
            NEEDED, 0.1, "whole steps and a grid of rates are good to a few percent; the law "
            "would need a noise scale that stays put on the way",
        )  # fmt: skip
        variance = Tolerance(
            VARIANCE, 0.02, "2 % is what is asked of exact formulas; draws scatter by less than 1 %"
        )
        tails = Tolerance(KURTOSIS, 0.25, "a fourth moment of thousands of looks, scatter 0.1")
        loss = Tolerance(
            LOSS, 0.1, "losses of different starts scatter by about a tenth of their size"
        )

        last = len(RATES[PLAIN]) - 1
        largest = max(own.goal_batches)
        part = max(i for i, b in enumerate(own.goal_batches) if i == 0 or 16 * b <= largest)
        return (
            judge("noise scale from two batch sizes", scale, GRADIENTS, scale_apart(SCALE.name)),
            judge("control: ratios first, then the mean", scale, GRADIENTS,
                  scale_apart(RATIOS.name)),
            judge("drop at the best rate, every batch", drop, GRADIENTS, drop_apart(DROP.name)),
            judge("control: drop at rates linear in B", drop, GRADIENTS,
                  drop_apart(LINEAR_DROP.name)),
            judge("steps to a goal against the trade-off", steps, GOAL, steps_apart(0, None)),
            judge("linear scaling, a sixteenth of the largest batch", steps, GOAL,
                  scaled_apart(part)),
            judge("control: linear scaling, the largest batch", steps, GOAL,
                  scaled_apart(len(own.goal_batches) - 1)),
            *(
                judge(f"{arm}, rate {rate:g}", variance, arm, variance_apart(place))
                for arm in (PLAIN, MOMENTUM, ORDERS)
                for place, rate in enumerate(RATES[arm])
            ),
            judge(f"diffusion, {PLAIN}, rate {RATES[PLAIN][0]:g}", variance, PLAIN,
                  variance_apart(0, DIFFUSION.name)),
            judge(f"control: diffusion, {PLAIN}, rate {RATES[PLAIN][last]:g}", variance, PLAIN,
                  variance_apart(last, DIFFUSION.name)),
            judge(f"control: diffusion, {ORDERS}, rate {RATES[ORDERS][0]:g}", variance, ORDERS,
                  variance_apart(0, DIFFUSION.name)),
            judge(f"tails, rate {RATES[PLAIN][0]:g}", tails, PLAIN, kurtosis_apart(0)),
            judge("tails, rate 1", tails, PLAIN, kurtosis_apart(3)),
            judge("control: no tails, as the diffusion has, rate 1", tails, PLAIN,
                  kurtosis_apart(3, 0.0)),
            judge("network: batches of 4 at 4 times the rate", loss, NETWORK, loss_apart(1)),
            judge("control: network: batches of 64 at 64 times the rate", loss, NETWORK,
                  loss_apart(2)),
        )  # fmt: skip

    def figure(self, result: StudyResult) -> Figure:
        """Draw drops, steps to a goal, stationary variances and a network."""
        figure = Figure(figsize=(12.0, 7.4))
        axes = figure.subplots(2, 2)
        runs = result.results
        draw_drops(axes[0, 0], runs[GRADIENTS])
        draw_steps(axes[0, 1], runs[GOAL])
        draw_variances(axes[1, 0], {label: runs[label] for label in (PLAIN, MOMENTUM, ORDERS)})
        draw_network(axes[1, 1], runs[NETWORK])
        headline(
            figure,
            "Larger batches help up to the noise scale; a diffusion describes small, independent "
            "steps",
        )
        return figure
