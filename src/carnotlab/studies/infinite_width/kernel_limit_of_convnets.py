"""Do convolutional networks approach their kernel of infinite width as channels are added?"""

from dataclasses import replace
from typing import ClassVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Role, Tolerance, bootstrap
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At, Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.losses import TEST_PREDICTION
from carnotlab.networks.description import Network
from carnotlab.networks.parameterization import NTK, MeanField, Parameterization
from carnotlab.runs.run import Run, RunResult
from carnotlab.studies.infinite_width.small_convnets import ARCHITECTURES, small_convnet
from carnotlab.studies.infinite_width.step_sizes import largest_eigenvalue
from carnotlab.studies.infinite_width.width_gaps import (
    kernel_gap,
    mean_prediction_gap,
    width_exponent,
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
from carnotlab.studies.style import COLOURS, MARKERS, draw_experiment, draw_theory, ink
from carnotlab.tasks.base import Task
from carnotlab.tasks.digits import Digits
from carnotlab.theories.lazy_kernel import FROM_START, LazyKernel
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
        chosen = _own(settings)
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
        chosen = _own(settings)
        span = f"{chosen.channels[0]} to {chosen.channels[-1]} channels"
        widest = chosen.trained[-1]

        def slope(label: str, limit: str, role: Role) -> Judgement:
            def error(results: Results) -> Statistic:
                power = exponent(results, label, limit, chosen.channels)
                return lambda rows: abs(power(rows) + 0.5)

            arms = tuple(_label(label, number) for number in chosen.channels)
            name = f"{label}, {span}" + ("" if limit == label else f", by the limit of {limit}")
            return Judgement(name, role, KERNEL_SLOPE, arms, error)

        def prediction(label: str, limit: str, role: Role) -> Judgement:
            arm, other = _label(label, widest), _label(limit, widest)
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
        chosen = _own(result.settings)
        gaps, loss, outputs = figure.subplots(1, 3)
        _draw_gaps(gaps, result, chosen)
        _draw_losses(loss, result, chosen)
        _draw_outputs(outputs, result, chosen)
        figure.suptitle(
            "Convolutional networks with many channels learn as their own kernel says",
            x=0.01,
            ha="left",
        )
        return figure


def exponent(results: Results, label: str, limit: str, channels: tuple[int, ...]) -> Statistic:
    """Return the power of channels in the distance of kernels from the limit of other arms."""
    gaps = [kernel_gap(by_limit(results, _label(label, n), _label(limit, n))) for n in channels]
    return lambda rows: width_exponent(np.array(channels), np.array([gap(rows) for gap in gaps]))


def by_limit(results: Results, arm: str, other: str) -> RunResult:
    """Return one arm's networks beside what is predicted for another arm."""
    return replace(results[arm], prediction=results[other].prediction)


def at_the_end(result: RunResult) -> RunResult:
    """Return a run's start and end alone: in between little is learned to be relative to."""
    ends = {"time": [0, -1]}
    prediction, observation = result.prediction.isel(ends), result.observation.isel(ends)
    return replace(result, prediction=prediction, observation=observation)


def _own(settings: Settings) -> ConvnetSettings:
    assert isinstance(settings, ConvnetSettings)
    return settings


def _label(kind: str, channels: int) -> str:
    return f"{kind}, {channels} channels"


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
    return Arm(_label(label, channels), Run(experiment, TangentKernelLimit(settings.probe), seeds))


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
    return Arm(_label(f"{name}, {architecture}", channels), run)


def _draw_gaps(axes: Axes, result: StudyResult, settings: ConvnetSettings) -> None:
    channels = np.array(settings.channels)
    kernel = "tangent kernel, "
    drawn = [(label, label) for label in _kernel_labels(settings)]
    drawn.append((kernel + "pooling", kernel + "no pooling"))
    for index, (label, limit) in enumerate(drawn):
        gaps = [
            kernel_gap(by_limit(result.results, _label(label, n), _label(limit, n)))
            for n in settings.channels
        ]
        intervals = [bootstrap(gap, settings.seeds * settings.members) for gap in gaps]
        values = np.array([interval.value for interval in intervals])
        errors = [
            [v.value - v.low for v in intervals],
            [v.high - v.value for v in intervals],
        ]
        slope = bootstrap(
            exponent(result.results, label, limit, settings.channels),
            settings.seeds * settings.members,
        )
        words = label.replace(kernel, "") if limit == label else "pooling, by the other limit"
        axes.errorbar(
            channels,
            values,
            np.maximum(errors, 0.0),
            fmt=MARKERS[index % len(MARKERS)],
            color=COLOURS[index % len(COLOURS)],
            ms=4,
            lw=1,
            label=f"{words}: {slope.value:+.2f} [{slope.low:+.2f}, {slope.high:+.2f}]",
        )
        if limit == label:
            # Anchored at the middle: its slope is the theory's, only its height is the data's.
            middle = len(channels) // 2
            line = values[middle] * (channels / channels[middle]) ** -0.5
            axes.plot(channels, line, color=ink(), lw=0.9, label=None if index else "slope -1/2")
    axes.set(
        title="distance from infinitely many channels",
        xlabel="channels",
        ylabel="relative gap of kernels",
        xscale="log",
        yscale="log",
    )
    axes.set_xticks(channels, [str(number) for number in channels])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.set_ylim(axes.get_ylim()[0] / 2.2, None)
    axes.legend(fontsize="x-small", loc="lower left")


def _draw_losses(axes: Axes, result: StudyResult, settings: ConvnetSettings) -> None:
    for index, architecture in enumerate(ARCHITECTURES):
        run = result.results[_label(f"trained, {architecture}", settings.trained[-1])]
        time = np.asarray(run.observation["time"].values)
        seen = np.asarray(run.observation["test_loss"].values, dtype=np.float64)
        draw_experiment(axes, time, seen, index, architecture)
        theory = np.asarray(run.prediction["test_loss"].values)
        draw_theory(axes, time, theory, index, f"{architecture}, limit")
    axes.set(title=f"held-out loss, {settings.trained[-1]} channels", xlabel="steps", ylabel="loss")
    axes.set_xscale("symlog", linthresh=1.0)
    axes.legend(fontsize="x-small")


def _draw_outputs(axes: Axes, result: StudyResult, settings: ConvnetSettings) -> None:
    """Held-out outputs of pooled networks at the end, averaged over the ensemble, by each limit."""
    arm, other = (
        result.results[_label(f"trained, {name}", settings.trained[-1])]
        for name in ("pooling", "no pooling")
    )
    rich = result.results[_label("mean field, pooling", settings.trained[-1])]
    shown = (
        ("pooling, by its limit", arm, arm, 0),
        ("pooling, by the limit without", arm, other, 1),
        ("mean field, by the limit", rich, rich, 3),
    )
    limits: list[float] = []
    for label, seen, expected, index in reversed(shown):
        x = np.asarray(expected.prediction[FROM_START.name].values)[:, -1].mean(axis=0).ravel()
        y = np.asarray(seen.observation[TEST_PREDICTION.name].values)[:, -1].mean(axis=0).ravel()
        axes.plot(x, y, MARKERS[index], color=COLOURS[index], ms=2.2, alpha=0.6, lw=0, label=label)
        limits += [float(x.min()), float(x.max())]
    ends = [min(limits), max(limits)]
    axes.plot(ends, ends, color=ink(), lw=0.9)
    axes.set(title="mean held-out outputs at the end", xlabel="predicted", ylabel="trained")
    axes.legend(fontsize="x-small", markerscale=2)
