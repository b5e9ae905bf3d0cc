"""Is it better to replay a few examples or to meet each once, and how much replay is right?"""

from typing import ClassVar

from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.estimators.linear_baseline import KINDS
from carnotlab.studies.judging import judge
from carnotlab.studies.online_learning.real_replay_run import (
    BASELINE,
    WAYS,
    WRONG,
    RealReplayRun,
)
from carnotlab.studies.online_learning.replay_errors import (
    course_apart,
    epochs_apart,
    gain_apart,
    loses,
    overfit,
)
from carnotlab.studies.online_learning.replay_panels import (
    draw_amounts,
    draw_digits,
    draw_gains,
    draw_replay,
)
from carnotlab.studies.online_learning.replay_run import EXCESS, OnePassRun, ReplayRun
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Positive,
    Results,
    Settings,
    Size,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.theories.online_learning.replay import best_epochs

GAIN = Quantity("replay_gain", (), "1", "excess after one pass less that of stopped replay")
AMOUNT = Quantity("best_epochs", (), "1", "binary logarithm of the best number of epochs")
OVERFIT = Quantity("overfit", (), "1", "excess after all epochs over the least, less 1")
LOSS = Quantity("loss_of_way", (), "fraction", "more images wrong than in another way of learning")

ONCE, REPLAY = "one pass", "replay, {:g} per input"
DIGITS = "digits"


class ReplaySettings(Settings, frozen=True, kw_only=True):
    """Settings of `ReplayOrOnline`; ``seeds`` are draws of digits.

    To each of them there are ``draws`` of linear students.

    ``reliability`` are signal-to-noise ratios, rising, ``ratios`` examples per input, rising;
    ``label_noise`` are shares of wrong training labels.
    """

    seeds: Count = 4
    draws: Count = 24
    inputs: Count = 100
    ratios: tuple[Positive, ...] = (0.9, 2.0)
    reliability: tuple[Positive, ...] = (0.1, 1.0, 10.0, 1e6)
    rate: Positive = 0.1
    epochs: tuple[Count, ...] = (1, 2, 4, 6, 8, 12, 16, 24, 40)
    label_noise: tuple[float, ...] = (0.0, 0.3, 0.6)


class ReplayOrOnline(Study):
    """Linear students and digits: one pass, replay stopped in time, too much replay."""

    name: ClassVar[str] = "replay-or-online"
    question: ClassVar[str] = (
        "When does seeing few examples again and again beat meeting each once, and how often "
        "should they be seen?"
    )
    message: ClassVar[str] = (
        "Replay wins where examples are few and the rule is reliable; it gains nothing where noise "
        "drowns the rule, and hurts where it goes on. All of it is predicted. On digits it gains "
        "even at six wrong labels in ten, and regularized linear models do as well."
    )
    source: ClassVar[tuple[str, ...]] = ("advani2020",)
    data: ClassVar[str] = "synthetic linear teachers; scikit-learn's digits"
    settings: ClassVar[type[Settings]] = ReplaySettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ReplaySettings()
        return ReplaySettings(
            seeds=16,
            draws=8,
            inputs=200,
            ratios=(0.5, 0.9, 1.0, 2.0, 5.0),
            rate=0.025,
            epochs=(1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 160),
            label_noise=(0.0, 0.15, 0.3, 0.45, 0.6, 0.75),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return one pass, replay by examples per input and digits."""
        own = ReplaySettings.of(settings)

        def replay(ratio: float) -> ReplayRun:
            epochs = (0, *own.epochs)
            return ReplayRun(
                own.inputs, ratio, own.reliability, own.seeds * own.draws, own.rate, epochs
            )

        once = OnePassRun(own.inputs, max(own.ratios), own.reliability, own.seeds * own.draws)
        return (
            Arm(ONCE, once),
            *(Arm(REPLAY.format(ratio), replay(ratio)) for ratio in own.ratios),
            Arm(DIGITS, RealReplayRun(own.label_noise, own.seeds)),
        ), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold courses, gains and the amount of replay against theory, and digits against both."""
        del labels
        own = ReplaySettings.of(settings)
        scatter = (2.0 / (own.inputs * own.seeds * own.draws)) ** 0.5
        course = Tolerance(
            EXCESS,
            own.rate + 2.0 * scatter,
            "shuffled replay differs from full batches by the order of its rate, and errors of "
            "draws scatter by 2/√N, over the root of the draws: two standard errors",
        )
        gain = Tolerance(
            GAIN,
            6.0 * scatter,
            "two errors of at most 1 that scatter from draw to draw by 2/√N, each over the root of "
            "the draws: three standard errors of their difference",
        )
        amount = Tolerance(
            AMOUNT, 1.0, "the least error is flat: half as much or twice costs a few percent"
        )
        least = Tolerance(OVERFIT, 0.1, "a tenth of the least error is not worth stopping for")
        loss = Tolerance(LOSS, 0.02, "one standard error of 400 images, of which a fifth are wrong")
        few, noisy = REPLAY.format(own.ratios[0]), own.label_noise[-1]

        last = len(own.reliability) - 1
        found = [
            judge(f"{arm}, reliability {snr:g}", course, (arm,), course_apart(index))
            for arm in (ONCE, *(REPLAY.format(ratio) for ratio in own.ratios))
            for index, snr in enumerate(own.reliability)
        ]
        for ratio in own.ratios:
            arm = REPLAY.format(ratio)
            for index, snr in enumerate(own.reliability):
                pair = (ONCE, arm)
                found.append(
                    judge(
                        f"gain, {arm}, reliability {snr:g}",
                        gain,
                        pair,
                        gain_apart(ratio, index, index),
                    )
                )
            middle = own.reliability.index(1.0) if 1.0 in own.reliability else 0
            noise = 1.0 / own.reliability[middle]
            best = best_epochs(ratio, own.rate, noise_variance=noise).epochs
            label = f"best number of epochs, {arm}, reliability {own.reliability[middle]:g}"
            found.append(judge(label, amount, (arm,), epochs_apart(middle, best)))
        unreliable = own.reliability[0]
        return (
            *found,
            judge(
                f"control: gain at reliability {unreliable:g} as without noise",
                gain,
                (ONCE, few),
                gain_apart(own.ratios[0], 0, last),
            ),
            judge("control: one pass, noise ignored", course, (ONCE,), course_apart(0, taken=last)),
            judge("control: replay without end", least, (few,), overfit(0)),
            judge("control: replay, noise ignored", course, (few,), course_apart(1, taken=last)),
            *(
                judge(
                    f"digits, {share:g} of labels wrong, stopped replay no worse than one pass",
                    loss,
                    (DIGITS,),
                    loses(index, "stopped replay", "one pass"),
                )
                for index, share in enumerate(own.label_noise)
            ),
            *(
                judge(
                    f"control: digits, {share:g} of labels wrong, one pass no worse than replay",
                    loss,
                    (DIGITS,),
                    loses(index, "one pass", "stopped replay"),
                )
                for index, share in ((0, own.label_noise[0]), (len(own.label_noise) - 1, noisy))
            ),
        )

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return errors on digits by label noise, regularized linear models beside them."""
        run = result.results[DIGITS].observation
        table = Table("labels wrong", *WAYS, *KINDS, title="digits classified wrongly")
        for index, share in enumerate(run["noise"].values):
            numbers = [
                *run[WRONG.name].mean(("seed", "time")).values[index],
                *run[BASELINE.name].mean(("seed", "time")).values[index],
            ]
            table.add_row(f"{share:g}", *(f"{number:.3f}" for number in numbers))
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw gains, courses of replay, the best amount, and digits."""
        own = ReplaySettings.of(result.settings)
        runs: Results = result.results
        figure = Figure(figsize=(12.5, 7.2))
        grid = figure.add_gridspec(2, 2)
        replays = {ratio: runs[REPLAY.format(ratio)] for ratio in own.ratios}
        draw_gains(figure.add_subplot(grid[0, 0]), runs[ONCE], replays, own.reliability)
        cell = grid[0, 1].subgridspec(2, 1, height_ratios=(3, 1))
        courses = figure.add_subplot(cell[0])
        strip = figure.add_subplot(cell[1], sharex=courses)
        draw_replay(courses, strip, replays[own.ratios[0]], own.ratios[0], own.reliability)
        draw_amounts(figure.add_subplot(grid[1, 0]), replays, own.reliability, own.rate)
        draw_digits(figure.add_subplot(grid[1, 1]), runs[DIGITS])
        headline(
            figure,
            "Replay wins with few examples of a reliable rule, and too much of it hurts: lines "
            "theory, marks experiment",
        )
        return figure
