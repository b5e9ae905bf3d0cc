"""Does the tangent kernel stay where it starts while a network trains, and how well in width?"""

from collections.abc import Callable
from typing import ClassVar

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Activation, Erf, Relu
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.parameterization import NTK, MeanField, Parameterization
from carnotlab.runs.run import Run
from carnotlab.studies.data_folder import VARIABLE, find_data
from carnotlab.studies.infinite_width.kernel_motion import (
    motion_exponent,
    outside,
    trained_kernel_gap,
)
from carnotlab.studies.infinite_width.motion_panels import draw_courses, draw_motion
from carnotlab.studies.infinite_width.step_sizes import largest_eigenvalue
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
from carnotlab.theories.tangent_kernel_limit import TangentKernelLimit

ACTIVATIONS: dict[str, Activation] = {"smooth": Erf(), "rectifier": Relu()}
KINDS: dict[str, Parameterization] = {"NTK": NTK(), "mean field": MeanField()}
FILES = {"MNIST": "mnist_20k_5k.npz"}
"""Data sets that are not shipped, by their file in the data folder."""

SMOOTH = Tolerance(
    Quantity("kernel_motion_exponent", (), "1", "power of width in the kernel's change, minus -1"),
    0.1,
    "the kernel's rate of change is a sum over width units of random sign, each width^(-3/2); "
    "corrections are of the relative order of the change itself, under 0.1 at the widths fitted, "
    "and bend the line by less than that",
)
RECTIFIER = Tolerance(
    Quantity("kernel_motion_exponent_outside", (), "1", "distance of the power from -1 ... -3/4"),
    0.05,
    "some root of width units switch, each moving the kernel by 1 / width with random sign, which "
    "adds width^(-3/4) to the smooth width^(-1); any mixture lies between, and corrections of the "
    "relative order of the change, under 0.1, bend the fit by half of that at most",
)
BOUND = Tolerance(
    Quantity("bound_exponent", (), "1", "power of width in the kernel's change, minus -1/2"),
    0.1,
    "the same corrections; -1/2 is a bound that holds without the cancellation of random signs, "
    "and a fit that could not tell it from -1 would have no power",
)
RICH = Tolerance(
    Quantity("rich_exponent", (), "1", "power of width in the kernel's change"),
    0.1,
    "features of each unit move by a finite amount at any width; averages over width random units "
    "are off by width^(-1/2), so by at most 1/16 from width 256 on, which bends the line by less",
)
PLACE = Tolerance(
    Quantity("trained_kernel_gap", (), "1", "mean trained kernel from that of infinite width"),
    0.05,
    "from width 1024 on each kernel is off by some 5 %, at random, which the mean over the "
    "ensemble divides by the root of its size; training moves it by less than 3 %",
)


class StaysPutSettings(Settings, frozen=True, kw_only=True):
    """Settings of `KernelStaysPut`; ``step`` is learning rate times largest kernel eigenvalue.

    ``narrowest`` is the least width in the fits: from there on the change is small. ``sets`` are
    the data sets, out of digits and MNIST.
    """

    seeds: int = 16
    widths: tuple[int, ...] = (64, 256, 512, 1024)
    narrowest: int = 256
    layers: int = 1
    samples: int = 64
    step: float = 0.5
    steps: int = 100
    records: int = 9
    output_variance: float = 0.1
    sets: tuple[str, ...] = ("digits",)
    target: str | None = None


class KernelStaysPut(Study):
    """Networks of growing width on real data: how far training moves their tangent kernel."""

    name: ClassVar[str] = "kernel-stays-put"
    question: ClassVar[str] = (
        "Does the tangent kernel stay where it starts while a network trains, and what power of "
        "the width does its change fall with?"
    )
    message: ClassVar[str] = (
        "In the neural-tangent parameterization the kernel's relative change falls as one over the "
        "width for a smooth activation, faster than the bound of one over its root; for "
        "rectifiers between width^(-1) and width^(-3/4). In the mean-field parameterization it "
        "does not fall at any width."
    )
    source: ClassVar[tuple[str, ...]] = ("jacot2018", "dyer2020", "huang2020", "yang2021")
    data: ClassVar[str] = "scikit-learn's digits and MNIST (real)"
    takes_data: ClassVar[bool] = True
    settings: ClassVar[type[Settings]] = StaysPutSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return StaysPutSettings()
        return StaysPutSettings(
            widths=(64, 128, 256, 512, 1024, 2048, 4096),
            samples=128,
            steps=300,
            records=13,
            sets=("digits", "MNIST"),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return training at every width, for each data set, activation and parameterization."""
        chosen = StaysPutSettings.of(settings)
        arms: list[Arm] = []
        skipped: list[str] = []
        for name in _sets(chosen):
            task = _task(chosen, name)
            if task is None:
                skipped.append(
                    f"{name}: no {FILES.get(name, name)} in the data folder (set {VARIABLE})"
                )
                continue
            for activation in ACTIVATIONS:
                narrowest = _network(chosen, task, activation, chosen.widths[0], NTK())
                rate = chosen.step / largest_eigenvalue(narrowest, task)
                arms += [
                    _arm(chosen, name, task, rate, activation, kind, width)
                    for kind in KINDS
                    for width in chosen.widths
                ]
        return tuple(arms), tuple(skipped)

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge the powers of width, where the widest kernels end, and what must not hold."""
        chosen = StaysPutSettings.of(settings)
        found: list[Judgement] = []
        for name in _sets(chosen):
            if any(label.startswith(f"{name}, ") for label in labels):
                found += _judgements(chosen, name)
        return tuple(found)

    def figure(self, result: StudyResult) -> Figure:
        """Draw the change against width with the theory's powers, and over training."""
        figure = Figure(figsize=(11.5, 4.0))
        chosen = StaysPutSettings.of(result.settings)
        name = next(iter(result.results)).split(", ")[0]
        lazy, rich, course = figure.subplots(1, 3)
        for axes, kind in ((lazy, "NTK"), (rich, "mean field")):
            for index, activation in enumerate(ACTIVATIONS):
                label = f"{name}, {activation}, {kind}"
                draw_motion(
                    axes, result.results, chosen.widths, fitted_widths(chosen), label, index
                )
            axes.set(xlabel="width", xscale="log", yscale="log")
            axes.set_xticks(chosen.widths, [str(width) for width in chosen.widths])
            axes.xaxis.set_minor_formatter(NullFormatter())
        lazy.set(
            title=f"lazy: the kernel of wide networks stays ({name})",
            ylabel="relative change of the kernel",
        )
        rich.set(title="rich (mean field): it moves at any width")
        low, high = rich.get_ylim()
        rich.set_ylim(min(low, 0.3), max(high, 10.0))
        for axes in (lazy, rich):
            axes.legend(fontsize="small", loc="lower left")
        draw_courses(course, result.results, chosen.widths, name)
        headline(figure, "A wide network's kernel stays put, or moves, by its parameterization")
        return figure


def fitted_widths(settings: StaysPutSettings) -> tuple[int, ...]:
    """Return the widths whose changes are fitted, never fewer than two."""
    chosen = tuple(width for width in settings.widths if width >= settings.narrowest)
    return chosen if len(chosen) > 1 else settings.widths[-2:]


def _judgements(settings: StaysPutSettings, name: str) -> list[Judgement]:
    widths = fitted_widths(settings)
    span = f"widths {widths[0]} to {widths[-1]}"

    def power(
        label: str, role: Role, tolerance: Tolerance, distance: Callable[[float], float]
    ) -> Judgement:
        def error(results: Results) -> Statistic:
            exponent = motion_exponent(results, label, widths)
            return lambda rows: distance(exponent(rows))

        arms = tuple(f"{label}, width {width}" for width in widths)
        return Judgement(f"{label}, {span}", role, tolerance, arms, error)

    def place(kind: str, role: Role) -> Judgement:
        arm = f"{name}, smooth, {kind}, width {settings.widths[-1]}"
        return Judgement(arm, role, PLACE, (arm,), lambda results: trained_kernel_gap(results[arm]))

    def from_power(expected: float) -> Callable[[float], float]:
        return lambda found: abs(found - expected)

    def from_range(found: float) -> float:
        return outside(found, -1.0, -0.75)

    smooth, rectifier = f"{name}, smooth, ", f"{name}, rectifier, "
    return [
        power(smooth + "NTK", "test", SMOOTH, from_power(-1.0)),
        power(rectifier + "NTK", "test", RECTIFIER, from_range),
        place("NTK", "test"),
        power(smooth + "mean field", "test", RICH, from_power(0.0)),
        power(rectifier + "mean field", "test", RICH, from_power(0.0)),
        power(smooth + "NTK", "control", BOUND, from_power(-0.5)),
        power(smooth + "NTK", "control", RICH, from_power(0.0)),
        power(smooth + "mean field", "control", SMOOTH, from_power(-1.0)),
        power(rectifier + "mean field", "control", RECTIFIER, from_range),
        place("mean field", "control"),
    ]


def _sets(settings: StaysPutSettings) -> tuple[str, ...]:
    return settings.sets if settings.data is None else ("your data",)


def _task(settings: StaysPutSettings, name: str) -> Task | None:
    """Return as many samples of a data set as are trained on, or None where it is not there."""
    if name == "digits":
        return Digits(settings.samples, 16, standardise="per feature", centre_targets=True)
    if settings.data is not None:
        target, rows = settings.target, settings.samples + settings.samples // 4
        return from_file(settings.data, target=target, standardise_targets=True, rows=rows)
    path = find_data(FILES.get(name, name))
    if path is None:
        return None
    # These files come split, and each part is thinned to as many rows.
    return from_file(path, rows=settings.samples)


def _network(
    settings: StaysPutSettings, task: Task, activation: str, width: int, kind: Parameterization
) -> Network:
    chosen = ACTIVATIONS[activation]
    return mlp(
        task.input_size,
        (width,) * settings.layers,
        task.output_size,
        activation=chosen,
        weight_variance=2.0 if isinstance(chosen, Relu) else 1.0,
        output_variance=settings.output_variance,
        parameterization=kind,
    )


def _arm(
    settings: StaysPutSettings,
    name: str,
    task: Task,
    rate: float,
    activation: str,
    kind: str,
    width: int,
) -> Arm:
    network = _network(settings, task, activation, width, KINDS[kind])
    training = Training(
        GradientDescent(rate),
        duration=settings.steps,
        record=Logarithmically(settings.records, first=1),
    )
    run = Run(
        Experiment(task, network, training), TangentKernelLimit(), tuple(range(settings.seeds))
    )
    return Arm(f"{name}, {activation}, {kind}, width {width}", run)
