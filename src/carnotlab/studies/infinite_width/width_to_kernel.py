"""Do finite networks approach the kernel of infinite width, in their kernel and their learning?"""

from collections.abc import Callable
from typing import ClassVar

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At, Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_LOSS, TEST_PREDICTION
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import NTK, MeanField, Parameterization
from carnotlab.runs.run import Run, RunResult
from carnotlab.studies.infinite_width.step_sizes import largest_eigenvalue
from carnotlab.studies.infinite_width.width_gaps import (
    gap_exponent,
    loss_gap,
    mean_prediction_gap,
)
from carnotlab.studies.infinite_width.width_panels import draw_gaps, draw_losses, draw_predictions
from carnotlab.studies.study import (
    Arm,
    Judgement,
    Results,
    Settings,
    Size,
    Statistic,
    Study,
    StudyResult,
)
from carnotlab.studies.style import (
    headline,
)
from carnotlab.tasks.base import Task
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.user_file import from_file
from carnotlab.theories.lazy_kernel import LazyKernel
from carnotlab.theories.tangent_kernel_limit import TangentKernelLimit

SLOPE_WHY = (
    "a sum over width independent units fluctuates as width^(-1/2); corrections of relative order "
    "width^(-1/2) bend the line by less than 0.1 over the widths fitted"
)
KERNEL_SLOPE = Tolerance(
    Quantity("kernel_gap_exponent", (), "1", "power of width in the kernel's distance, minus -1/2"),
    0.1,
    SLOPE_WHY,
)
PREDICTION_SLOPE = Tolerance(
    Quantity("prediction_gap_exponent", (), "1", "the same for each network's own prediction"),
    0.1,
    "the same fluctuation, through a linear response; it holds where the kernel's distance is "
    "small, so widths are fitted from where the theory's assumptions hold, and what is left of "
    "second order, about a fifth of the gap at the narrowest of them, bends the line by less",
)
MEAN_PREDICTION = Tolerance(
    TEST_PREDICTION,
    0.05,
    "at these widths each network is off by about 15 %, at random; the mean over the ensemble by "
    "that over the root of its size, and what is not random is of order 1 / width",
)
MEAN_LOSS = Tolerance(
    TEST_LOSS,
    0.1,
    "the loss is quadratic in predictions good to 5 %, and its mean over the ensemble fluctuates "
    "by the spread of the start over the root of its size",
)


class WidthSettings(Settings, frozen=True, kw_only=True):
    """Settings of `WidthToKernel`; ``step`` is learning rate times largest kernel eigenvalue.

    ``narrowest`` is the least width in the fit of prediction gaps: on the digits the theory's
    assumptions hold from there on.
    """

    seeds: int = 16
    widths: tuple[int, ...] = (32, 128, 512, 1024, 2048)
    narrowest: int = 512
    layers: int = 1
    samples: int = 128
    held_out: int = 256
    step: float = 0.5
    steps: int = 300
    records: int = 13
    output_variance: float = 0.1
    target: str | None = None


class WidthToKernel(Study):
    """Networks of growing width on real digits, against the kernel of infinite width."""

    name: ClassVar[str] = "width-to-kernel"
    question: ClassVar[str] = (
        "Do finite networks approach the infinitely wide one, in kernel and in learning, and how "
        "fast in width?"
    )
    message: ClassVar[str] = (
        "Kernel and predictions approach the infinite-width theory as one over the root of the "
        "width, on real data and over the whole of training; in the mean-field parameterization "
        "they do not, at any width."
    )
    source: ClassVar[tuple[str, ...]] = ("jacot2018", "lee2019", "yang2021")
    data: ClassVar[str] = "scikit-learn's digits (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = WidthSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return WidthSettings()
        return WidthSettings(
            seeds=16,
            widths=(32, 64, 128, 256, 512, 1024, 2048),
            samples=256,
            steps=1000,
            records=21,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return, per width: the kernel at the start, training, and mean-field training."""
        chosen = WidthSettings.of(settings)
        task = _task(chosen)
        narrowest = _experiment(chosen, task, chosen.widths[0], NTK(), Training()).network
        rate = chosen.step / largest_eigenvalue(narrowest, task)
        arms: list[Arm] = []
        for width in chosen.widths:
            arms.append(_kernel_arm(chosen, task, width))
            for kind in (NTK(), MeanField()):
                arms.append(_training_arm(chosen, task, width, rate, kind))
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge both exponents, and prediction and loss of the widest networks; then controls."""
        del labels
        chosen = WidthSettings.of(settings)
        widest = chosen.widths[-1]

        def slope(kind: str) -> Judgement:
            fitted = fitted_widths(chosen, kind)
            arms = tuple(f"{kind}, width {width}" for width in fitted)
            tolerance = KERNEL_SLOPE if kind == "kernel" else PREDICTION_SLOPE

            def error(results: Results) -> Statistic:
                power = gap_exponent(results, kind, fitted)
                return lambda rows: abs(power(rows) + 0.5)

            label = f"{kind}, widths {fitted[0]} to {fitted[-1]}"
            return Judgement(label, _role(kind), tolerance, arms, error)

        def widest_of(
            kind: str, tolerance: Tolerance, gap: Callable[[RunResult], Statistic]
        ) -> Judgement:
            arm = f"{kind}, width {widest}"
            return Judgement(arm, _role(kind), tolerance, (arm,), lambda results: gap(results[arm]))

        return (
            slope("kernel"),
            slope("NTK"),
            widest_of("NTK", MEAN_PREDICTION, mean_prediction_gap),
            widest_of("NTK", MEAN_LOSS, loss_gap),
            slope("mean field"),
            widest_of("mean field", MEAN_PREDICTION, mean_prediction_gap),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw gaps against width with their fitted powers, and the loss over training."""
        figure = Figure(figsize=(11.5, 4.6))
        grid = figure.add_gridspec(2, 3, height_ratios=(3, 1))
        chosen = WidthSettings.of(result.settings)
        gaps, curve = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1])
        strip = figure.add_subplot(grid[1, 1], sharex=curve)
        own = figure.add_subplot(grid[:, 2])
        for index, kind in enumerate(("kernel", "NTK", "mean field")):
            draw_gaps(gaps, result.results, chosen.widths, fitted_widths(chosen, kind), kind, index)
        gaps.set(
            title="distance from infinite width",
            xlabel="width",
            ylabel="relative gap",
            xscale="log",
            yscale="log",
        )
        gaps.set_xticks(chosen.widths, [str(width) for width in chosen.widths])
        gaps.xaxis.set_minor_formatter(NullFormatter())
        gaps.legend(fontsize="small")
        draw_losses(curve, strip, result.results, chosen.widths, MEAN_LOSS.error)
        draw_predictions(own, result.results, chosen.widths[-1])
        headline(figure, "Wide networks learn as the infinitely wide one")
        return figure


def fitted_widths(settings: WidthSettings, kind: str) -> tuple[int, ...]:
    """Return the widths whose gaps are fitted: for predictions, those inside the assumptions."""
    least = 64 if kind == "kernel" else settings.narrowest
    chosen = tuple(width for width in settings.widths if width >= least)
    return chosen if len(chosen) > 1 else settings.widths[-2:]


def _role(kind: str) -> Role:
    return "control" if kind == "mean field" else "test"


def _task(settings: WidthSettings) -> Task:
    if settings.data is None:
        return Digits(
            settings.samples, settings.held_out, standardise="per feature", centre_targets=True
        )
    # A larger file is thinned to as many rows as the digits have; a fifth of them is held out.
    return from_file(
        settings.data,
        target=settings.target,
        standardise_targets=True,
        rows=settings.samples + settings.held_out,
    )


def _experiment(
    settings: WidthSettings, task: Task, width: int, kind: Parameterization, training: Training
) -> Experiment:
    network = mlp(
        task.input_size,
        (width,) * settings.layers,
        task.output_size,
        output_variance=settings.output_variance,
        parameterization=kind,
    )
    return Experiment(task, network, training)


def _kernel_arm(settings: WidthSettings, task: Task, width: int) -> Arm:
    training = Training(duration=1, record=At((0.0,)))
    experiment = _experiment(settings, task, width, NTK(), training)
    # A kernel at the start costs no training, and its exponent needs more members than a mean.
    seeds = tuple(range(4 * settings.seeds))
    return Arm(f"kernel, width {width}", Run(experiment, TangentKernelLimit(), seeds))


def _training_arm(
    settings: WidthSettings, task: Task, width: int, rate: float, kind: Parameterization
) -> Arm:
    training = Training(
        GradientDescent(rate),
        duration=settings.steps,
        record=Logarithmically(settings.records, first=max(settings.steps / 1000, 1)),
    )
    name = "mean field" if isinstance(kind, MeanField) else "NTK"
    experiment = _experiment(settings, task, width, kind, training)
    return Arm(
        f"{name}, width {width}", Run(experiment, LazyKernel(), tuple(range(settings.seeds)))
    )
