"""Do convolutional networks approach their kernel of infinite width as channels are added?"""

from typing import ClassVar

from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At, Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_PREDICTION
from carnotlab.networks.description import Network
from carnotlab.networks.parameterization import NTK, MeanField, Parameterization
from carnotlab.runs.run import Run
from carnotlab.studies.infinite_width.channel_gaps import arm_label, at_the_end, by_limit, exponent
from carnotlab.studies.infinite_width.channel_panels import draw_gaps, draw_losses, draw_outputs
from carnotlab.studies.infinite_width.small_convnets import ARCHITECTURES, small_convnet
from carnotlab.studies.infinite_width.step_sizes import largest_eigenvalue
from carnotlab.studies.infinite_width.width_gaps import (
    mean_prediction_gap,
)
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
from carnotlab.theories.lazy_kernel import LazyKernel
from carnotlab.theories.tangent_kernel_limit import TangentKernelLimit

KERNEL_SLOPE = Tolerance(
    Quantity("kernel_gap_exponent", (), "1", "power of channels in the kernel's distance, + 1/2"),
    0.1,
    "a mean over channels fluctuates as channels^(-1/2); layers multiply, so that squares of gaps "
    "have corrections of relative order depth / channels, 3/32 at the narrowest fitted, which "
    "bend the line by half of that",
)
MEAN_PREDICTION = Tolerance(
    TEST_PREDICTION,
    0.15,
    "with this many channels each network is off by some 30 %, at random, and the mean over the "
    "ensemble by that over the root of its size; what is not random is of order depth / channels",
)


MOVING = 8.0
"""By how much the rate is smaller where features move."""


class ConvnetSettings(Settings, frozen=True, kw_only=True):
    """Settings of `KernelLimitOfConvnets`; ``step`` is learning rate times largest eigenvalue.

    ``members`` is for how many networks of each kind kernels are taken, for each seed; ``trained``
    how many channels are trained with, ``probe`` on how many images kernels are compared, and
    ``features`` the architectures whose covariance at the start is compared too.
    """

    seeds: int = 16
    members: int = 32
    channels: tuple[int, ...] = (32, 64, 128)
    trained: tuple[int, ...] = (128,)
    features: tuple[str, ...] = ("pooling",)
    probe: int = 8
    samples: int = 48
    held_out: int = 48
    step: float = 1.0
    steps: int = 40
    records: int = 9
    output_variance: float = 0.1


class KernelLimitOfConvnets(Study):
    """Convolutional networks with ever more channels, against their kernels of infinite width."""

    name: ClassVar[str] = "kernel-limit-of-convnets"
    question: ClassVar[str] = (
        "Do convolutional networks with many channels start at, and learn by, the kernels of "
        "infinitely many?"
    )
    message: ClassVar[str] = (
        "With pooling, without and with residual branches, kernels of convolutional networks "
        "approach their limit as one over the root of the channels, and ensembles learn as it "
        "says; the limit is that of the architecture: without pooling it is another."
    )
    source: ClassVar[tuple[str, ...]] = ("novak2019", "arora2019", "jacot2018")
    data: ClassVar[str] = "scikit-learn's digits as images of 8 × 8 pixels (real)"
    settings: ClassVar[type[Settings]] = ConvnetSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ConvnetSettings()
        return ConvnetSettings(
            seeds=32,
            channels=(32, 64, 128, 256),
            trained=(64, 128, 256),
            features=tuple(ARCHITECTURES),
            samples=96,
            held_out=96,
            steps=100,
            records=13,
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return kernels at the start for each architecture, then training, then mean field."""
        chosen = ConvnetSettings.of(settings)
        task = _task(chosen)
        arms: list[Arm] = []
        for label in _kernel_labels(chosen):
            arms += [_kernel_arm(chosen, task, label, number) for number in chosen.channels]
        for architecture in ARCHITECTURES:
            narrowest = _network(chosen, task, architecture, chosen.channels[0], NTK())
            rate = chosen.step / largest_eigenvalue(narrowest, task)
            for number in chosen.trained:
                arms.append(_training_arm(chosen, task, architecture, number, rate, NTK()))
            if architecture == "pooling":
                widest = chosen.trained[-1]
                # Features that move make the kernel grow, and the largest stable rate fall.
                slow = rate / MOVING
                arms.append(_training_arm(chosen, task, architecture, widest, slow, MeanField()))
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge powers of channels and mean predictions; then pooled nets by the other limit."""
        del labels
        chosen = ConvnetSettings.of(settings)
        span = f"{chosen.channels[0]} to {chosen.channels[-1]} channels"
        widest = chosen.trained[-1]

        def slope(label: str, limit: str, role: Role) -> Judgement:
            def error(results: Results) -> Statistic:
                power = exponent(results, label, limit, chosen.channels)
                return lambda rows: abs(power(rows) + 0.5)

            arms = tuple(arm_label(label, number) for number in chosen.channels)
            name = f"{label}, {span}" + ("" if limit == label else f", by the limit of {limit}")
            return Judgement(name, role, KERNEL_SLOPE, arms, error)

        def prediction(label: str, limit: str, role: Role) -> Judgement:
            arm, other = arm_label(label, widest), arm_label(limit, widest)
            name = arm + ("" if limit == label else f", by the limit of {limit}")
            return Judgement(
                name,
                role,
                MEAN_PREDICTION,
                (arm,),
                lambda results: mean_prediction_gap(at_the_end(by_limit(results, arm, other))),
            )

        kernel, trained = "tangent kernel, ", "trained, "
        return (
            *(slope(label, label, "test") for label in _kernel_labels(chosen)),
            *(prediction(trained + name, trained + name, "test") for name in ARCHITECTURES),
            slope(kernel + "pooling", kernel + "no pooling", "control"),
            prediction(trained + "pooling", trained + "no pooling", "control"),
            prediction("mean field, pooling", "mean field, pooling", "control"),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw distances against channels, loss over training, and single and mean outputs."""
        figure = Figure(figsize=(11.5, 4.2))
        chosen = ConvnetSettings.of(result.settings)
        gaps, loss, outputs = figure.subplots(1, 3)
        labels = _kernel_labels(chosen)
        draw_gaps(gaps, result.results, labels, chosen.channels, chosen.seeds * chosen.members)
        draw_losses(loss, result.results, chosen.trained[-1])
        draw_outputs(outputs, result.results, chosen.trained[-1])
        headline(figure, "Convolutional networks with many channels learn as their own kernel says")
        return figure


def _kernel_labels(settings: ConvnetSettings) -> list[str]:
    tangent = [f"tangent kernel, {name}" for name in ARCHITECTURES]
    return tangent + [f"covariance, {name}" for name in settings.features]


def _task(settings: ConvnetSettings) -> Task:
    return Digits(
        settings.samples, settings.held_out, standardise="per feature", centre_targets=True
    )


def _network(
    settings: ConvnetSettings,
    task: Task,
    architecture: str,
    channels: int,
    kind: Parameterization,
    features_only: bool = False,
) -> Network:
    return small_convnet(
        architecture,
        channels,
        task.output_size,
        output_variance=settings.output_variance,
        parameterization=kind,
        features_only=features_only,
    )


def _kernel_arm(settings: ConvnetSettings, task: Task, label: str, channels: int) -> Arm:
    kind, architecture = label.split(", ")
    network = _network(settings, task, architecture, channels, NTK(), kind == "covariance")
    experiment = Experiment(task, network, Training(duration=1, record=At((0.0,))))
    seeds = tuple(range(settings.seeds * settings.members))
    return Arm(
        arm_label(label, channels), Run(experiment, TangentKernelLimit(settings.probe), seeds)
    )


def _training_arm(
    settings: ConvnetSettings,
    task: Task,
    architecture: str,
    channels: int,
    rate: float,
    kind: Parameterization,
) -> Arm:
    network = _network(settings, task, architecture, channels, kind)
    record = Logarithmically(settings.records, first=1)
    training = Training(GradientDescent(rate), duration=settings.steps, record=record)
    name = "mean field" if isinstance(kind, MeanField) else "trained"
    run = Run(Experiment(task, network, training), LazyKernel(), tuple(range(settings.seeds)))
    return Arm(arm_label(f"{name}, {architecture}", channels), run)
