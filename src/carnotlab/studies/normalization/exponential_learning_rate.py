"""Is weight decay at a constant rate the same as no decay at a rate that grows exponentially?"""

from dataclasses import replace
from typing import ClassVar

from matplotlib.figure import Figure
from rich.table import Table

from carnotlab.core.verdicts import Tolerance
from carnotlab.studies.data_folder import find_data, not_found
from carnotlab.studies.normalization.equivalence_panels import (
    draw_gaps,
    draw_norms,
    draw_overflow,
)
from carnotlab.studies.normalization.equivalence_run import (
    RESCALING_GAP,
    VARIANT_ACCURACY,
    VARIANT_NORM,
    EquivalenceRun,
    Variant,
)
from carnotlab.studies.normalization.gaps import (
    DEPARTS,
    EXACT,
    gaps,
    judged_gap,
    less_right,
    norms_apart,
    rescaling_gap,
)
from carnotlab.studies.normalization.normalized_networks import NormalizedSettings
from carnotlab.studies.study import (
    Arm,
    Count,
    Judgement,
    Settings,
    Size,
    Study,
    StudyResult,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.base import Task
from carnotlab.tasks.cifar10 import ImageSubset
from carnotlab.tasks.digits import Digits

MLP, RESNET = "MLP on digits", "ResNet on {}"
SGDW, ADAMW = "MLP, SGDW", "MLP, AdamW"
PLAIN = "control: MLP without batch norm"
SINGLE = "MLP, single precision"
CIFAR = "cifar10_10k_2k.npz"

NORMS = Tolerance(VARIANT_NORM, 1e-6, "exact but for rounding, as the outputs; logarithms of norms")
NO_BIT = Tolerance(RESCALING_GAP, 0.0, "powers of two change exponents alone, so no bit may differ")
ALIKE = Tolerance(
    VARIANT_ACCURACY,
    0.05,
    "chaos makes single runs differ; three standard errors of 100 held-out images, one in twenty "
    "of them wrong, for a mean over seeds",
)
MLP_VARIANTS: tuple[Variant, ...] = (
    "decay",
    "recursion",
    "fixed root",
    "fixed root, zero buffer",
    "head grown too",
    "decay, epsilon 1e-5",
    "recursion, epsilon 1e-5",
)
SINGLE_VARIANTS: tuple[Variant, ...] = (
    "decay",
    "recursion",
    "recursion, rescaled",
    "decay, strong",
    "recursion, strong",
    "recursion, strong, rescaled",
)
TWO: tuple[Variant, ...] = ("decay", "recursion")


class ExponentialSettings(NormalizedSettings, frozen=True, kw_only=True):
    """Settings of `ExponentialLearningRate`, besides those of all studies here.

    ``steps`` of training, the rate divided by ten after a half and after three quarters of them;
    ``short`` for other rules and for the network without batch norm. Residual nets of ``channels``
    see images of ``8 / pool`` pixels along each axis. ``cifar``: also on CIFAR-10, where it is
    found.
    """

    steps: Count = 2000
    short: Count = 400
    channels: Count = 4
    pool: Count = 2
    cifar: bool = False


class ExponentialLearningRate(Study):
    """Networks with batch norm: decay and a growing rate are one, by a recursion for any rate."""

    name: ClassVar[str] = "exponential-learning-rate"
    question: ClassVar[str] = (
        "Is weight decay at a usual rate the same training as no decay at a rate that grows "
        "exponentially?"
    )
    message: ClassVar[str] = (
        "With batch norm it is, output by output, through momentum and drops of the rate, if rates "
        "follow the exact recursion. The published closed form needs a momentum buffer that does "
        "not start at zero and is an approximation behind a drop; an epsilon in batch norm, a head "
        "that is grown too, or single precision part the runs; without batch norm nothing holds."
    )
    source: ClassVar[tuple[str, ...]] = ("li2020", "loshchilov2019")
    data: ClassVar[str] = "scikit-learn's digits; CIFAR-10 in full size"
    settings: ClassVar[type[Settings]] = ExponentialSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ExponentialSettings()
        return ExponentialSettings(
            seeds=4, short=2000, samples=1000, width=48, pool=1, batch=32, cifar=True
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return networks with batch norm, other rules, single precision, and no batch norm."""
        own = ExponentialSettings.of(settings)
        digits = Digits(own.samples, 100)
        images: dict[str, Task] = {"digits": digits}
        skipped: tuple[str, ...] = ()
        if own.cifar:
            path = find_data(CIFAR)
            if path is None:
                skipped = (not_found(CIFAR, "nothing"),)
            else:
                images["CIFAR-10"] = ImageSubset(str(path), -(-own.samples // 10), 200, side=8)
        phases = _phases(own.rate, own.steps)
        short = _phases(own.rate, own.short)
        seeds = tuple(range(own.seeds))

        def run(
            variants: tuple[Variant, ...], phases: tuple[tuple[float, int], ...] = short
        ) -> EquivalenceRun:
            return EquivalenceRun(
                digits, "MLP", own.width, variants, phases, own.decay, seeds, batch=own.batch
            )

        with_rule = run(TWO)
        arms = [Arm(MLP, run(MLP_VARIANTS, phases))]
        for name, task in images.items():
            net = EquivalenceRun(
                task,
                "ResNet",
                own.channels,
                TWO,
                phases,
                own.decay,
                seeds,
                batch=own.batch,
                pool=own.pool,
            )
            arms.append(Arm(RESNET.format(name), net))
        adam = ((0.03 * own.rate, own.short),)
        arms += [
            Arm(SGDW, replace(with_rule, rule="SGDW")),
            Arm(ADAMW, replace(with_rule, rule="AdamW", phases=adam, decay=60.0 * own.decay)),
            Arm(PLAIN, replace(with_rule, kind="MLP without batch norm")),
            Arm(SINGLE, replace(run(SINGLE_VARIANTS, phases), numbers="float32", records=41)),
        ]
        return tuple(arms), skipped

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Hold outputs to those with decay: equal where theory says so, far where it does not."""
        del settings
        first = 0.5  # the share of the course before the first drop
        exact = [label for label in labels if label not in (PLAIN, SINGLE)]
        found = [judged_gap(f"{label}, recursion", label, "recursion", EXACT) for label in exact]
        found += [
            Judgement(f"{label}, norms", "test", NORMS, (label,), norms_apart(label))
            for label in exact
        ]
        found += [
            judged_gap("fixed root, before the first drop", MLP, "fixed root", EXACT, until=first),
            judged_gap("control: fixed root, behind drops", MLP, "fixed root", EXACT),
            judged_gap("control: zero buffer", MLP, "fixed root, zero buffer", DEPARTS),
            judged_gap("control: epsilon 1e-5", MLP, "recursion, epsilon 1e-5", DEPARTS),
            judged_gap("control: head grown too", MLP, "head grown too", DEPARTS),
            judged_gap(PLAIN, PLAIN, "recursion", DEPARTS),
            judged_gap("control: single precision", SINGLE, "recursion", DEPARTS),
            judged_gap(
                "control: single precision, strong decay, never rescaled",
                SINGLE,
                "recursion, strong",
                DEPARTS,
            ),
            Judgement(
                "single precision, rescaled by powers of two",
                "test",
                NO_BIT,
                (SINGLE,),
                rescaling_gap(SINGLE),
            ),
            *(
                Judgement(
                    f"single precision, {name}", "test", ALIKE, (SINGLE,), less_right(SINGLE, name)
                )
                for name in ("recursion", "recursion, strong, rescaled")
            ),
        ]
        return tuple(found)

    def tables(self, result: StudyResult) -> tuple[Table, ...]:
        """Return gaps along the course, and accuracies at the end."""
        table = Table("run", "variant", "gap after a tenth", "at the end", "largest", "right")
        for label, run in result.results.items():
            for variant in run.observation["variant"].values:
                gap = gaps(run, str(variant)).mean(axis=0)
                right = run.observation[VARIANT_ACCURACY.name].sel(variant=variant).values
                values = (gap[len(gap) // 10], gap[-1], gap.max())
                table.add_row(
                    label, str(variant), *(f"{v:.1e}" for v in values), f"{right[:, -1].mean():.3f}"
                )
        return (table,)

    def figure(self, result: StudyResult) -> Figure:
        """Draw gaps, norms and what single precision does."""
        figure = Figure(figsize=(11.5, 7.5))
        axes = figure.subplots(2, 2)
        runs = result.results
        draw_gaps(
            axes[0, 0],
            {
                "exact recursion": (runs[MLP], "recursion"),
                "published fixed root": (runs[MLP], "fixed root"),
                "the same, zero buffer": (runs[MLP], "fixed root, zero buffer"),
                "epsilon 1e-5": (runs[MLP], "recursion, epsilon 1e-5"),
                "head grown too": (runs[MLP], "head grown too"),
                "no batch norm": (runs[PLAIN], "recursion"),
            },
            EXACT.error,
        )
        nets = {label: (run, "recursion") for label, run in runs.items() if "ResNet" in label}
        others = {"SGDW": (runs[SGDW], "recursion"), "AdamW": (runs[ADAMW], "recursion")}
        draw_gaps(axes[0, 1], nets | others, EXACT.error)
        axes[0, 0].set_title("MLP on digits: where it holds and where it ends")
        axes[0, 1].set_title("residual nets and other rules")
        draw_norms(axes[1, 0], runs[MLP])
        draw_overflow(axes[1, 1], runs[SINGLE])
        headline(
            figure,
            "Decay at a usual rate and growing rates without decay train one and the same function",
        )
        return figure


def _phases(rate: float, steps: int) -> tuple[tuple[float, int], ...]:
    half, quarter = steps // 2, steps // 4
    return (rate, half), (rate / 10, quarter), (rate / 100, steps - half - quarter)
