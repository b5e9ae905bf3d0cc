"""How deep can a random network be, so that inputs can still be told apart behind it?"""

from typing import ClassVar

import numpy as np
from matplotlib.figure import Figure

from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import Tolerance
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.activity import ACTIVITY_CORRELATION
from carnotlab.measures.learned_share import LEARNED_SHARE
from carnotlab.networks.activations import Activation, Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Run
from carnotlab.studies.infinite_width.signal_gaps import (
    correlation_gap,
    depth_scale_gap,
    gradient_rate_gap,
    learned,
    trainable_depth_gap,
)
from carnotlab.studies.infinite_width.signal_panels import (
    draw_correlations,
    draw_gradients,
    draw_trained,
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
    role_of,
)
from carnotlab.studies.style import headline
from carnotlab.tasks.digits import Digits
from carnotlab.theories.correlation_map import critical_weight_variance, phase
from carnotlab.theories.signal_propagation import SignalPropagation
from carnotlab.theories.trainable_depth import TrainableDepth

CORRELATION = Tolerance(
    ACTIVITY_CORRELATION,
    0.06,
    "a cosine of 300 units fluctuates by 300^(-1/2) = 0.058 a layer; near the chaotic fixed point "
    "a layer keeps 0.9 of it, so that fluctuations add up to 2.3 times that, over the root of "
    "sixteen networks 0.033; what is not random is of order depth / width = 0.05 and mostly less",
)
GRADIENT_RATE = Tolerance(
    Quantity("gradient_rate", (), "1", "log of the squared gradient's growth by a layer"),
    0.03,
    "the log of a squared gradient drifts by about 5 / (2 width) = 0.008 a layer below the log of "
    "its mean, and fluctuates by (5 depth / width)^(1/2) = 0.5 over all layers, which is 0.01 a "
    "layer over the root of sixteen networks; rates to be told from zero are 0.2 and more",
)
DEPTH_SCALE = Tolerance(
    Quantity("depth_scale", (), "1", "layers in which correlations approach 1 by a factor of e"),
    0.15,
    "one over the slope of a line over eight layers whose ends fluctuate, as gradients do, by a "
    "tenth over sixteen networks: a tenth over 8 / 3.6 folds, 5 %; two of these, and 5 % for what "
    "is still on the way to the asymptotic rate",
)
TRAINABLE_DEPTH = Tolerance(
    Quantity("trainable_depth", (), "1", "log2 of the depth still trained over the one predicted"),
    1.0,
    "six depth scales is a rule of thumb, whose constant rates and steps move: at a rate three "
    "times smaller or larger half of the loss is learned to about three or nine scales in order, "
    "so that a factor of two is what the rule can promise; depth scales of the weight variances "
    "compared differ by a factor of four, which one constant does not cover by chance",
)
EDGE = Tolerance(
    LEARNED_SHARE,
    0.5,
    "the share not learned, where half is the edge between trained and not trained: at the edge of "
    "chaos there is no depth scale, so that the deepest network must lie well on the trained side",
)


class ChaosSettings(Settings, frozen=True, kw_only=True):
    """Settings of `DepthAndOrderToChaos`; ``variances`` are those of weights in trained networks.

    ``layers`` and ``width`` are those of the networks whose signals are followed, by ``probe``
    inputs each; ``depths`` and ``trained_width`` those of the trained. The edge of chaos is added
    to ``variances``.
    """

    seeds: int = 4
    bias_variance: float = 0.05
    layers: int = 16
    width: int = 300
    narrow: int = 16
    probe: int = 6
    order: float = 1.0
    chaos: float = 3.0
    variances: tuple[float, ...] = (0.5, 0.8, 1.0, 6.0)
    depths: tuple[int, ...] = (4, 8, 16, 48)
    trained_width: int = 64
    samples: int = 100
    rate: float = 0.01
    steps: int = 200


class DepthAndOrderToChaos(Study):
    """Signals through random networks in order, at the edge and in chaos, and what then trains."""

    name: ClassVar[str] = "depth-and-order-to-chaos"
    question: ClassVar[str] = (
        "Do random networks have a depth scale beyond which inputs cannot be told apart, and does "
        "it say how deep a network can be trained?"
    )
    message: ClassVar[str] = (
        "Two maps of one number each give correlations and gradients layer by layer, and networks "
        "train up to about six of the depth scales they predict; at the edge of chaos they train "
        "at any depth. A theory that forgets small biases misses it all."
    )
    source: ClassVar[tuple[str, ...]] = ("poole2016", "schoenholz2017")
    data: ClassVar[str] = "scikit-learn's digits (real)"
    settings: ClassVar[type[Settings]] = ChaosSettings

    def defaults(self, size: Size) -> Settings:
        """Return the settings of a size."""
        if size == "smoke":
            return ChaosSettings()
        return ChaosSettings(
            variances=(0.5, 0.8, 1.0, 1.3, 2.5, 4.0, 6.0),
            depths=(4, 6, 8, 12, 16, 24, 32, 48, 64),
        )

    def arms(self, settings: Settings) -> tuple[tuple[Arm, ...], tuple[str, ...]]:
        """Return signals in each phase, two controls, and training over variances and depths."""
        chosen = ChaosSettings.of(settings)
        bias, edge = chosen.bias_variance, edge_of_chaos(chosen)
        theory = SignalPropagation(chosen.probe)
        ignorant = SignalPropagation(chosen.probe, biases=False)
        arms = [
            _signal(chosen, "order", chosen.order, bias, theory),
            _signal(chosen, "edge", edge, bias, theory),
            _signal(chosen, "chaos", chosen.chaos, bias, theory),
            _signal(chosen, "rectifier", 2.0, None, theory, activation=Relu()),
            _signal(chosen, "control: order, biases ignored", chosen.order, bias, ignorant),
            _signal(chosen, "control: chaos, narrow", chosen.chaos, bias, theory, narrow=True),
        ]
        arms += [
            _trained(chosen, variance, depth)
            for variance in trained_variances(chosen)
            for depth in chosen.depths
        ]
        return tuple(arms), ()

    def judgements(self, settings: Settings, labels: tuple[str, ...]) -> tuple[Judgement, ...]:
        """Judge correlations, gradients and depth scales, then which networks train."""
        del labels
        chosen = ChaosSettings.of(settings)
        ignored, narrow = "control: order, biases ignored", "control: chaos, narrow"
        of_correlation = [
            _of_signal(label, CORRELATION)
            for label in ("order", "edge", "chaos", "rectifier", ignored, narrow)
        ]
        of_gradients = [
            _of_signal(label, GRADIENT_RATE) for label in ("order", "edge", "chaos", ignored)
        ]
        return (
            *of_correlation,
            *of_gradients,
            _of_depth_scale(chosen, "order", chosen.bias_variance),
            _of_depth_scale(chosen, ignored, 0.0),
            _of_trainable_depth(chosen, "trained networks", chosen.bias_variance),
            _of_trainable_depth(chosen, "control: trained networks, biases ignored", 0.0),
            _at_the_deepest(chosen, "edge, trained at the greatest depth", edge_of_chaos(chosen)),
            _at_the_deepest(
                chosen, "control: order, trained at the greatest depth", min(chosen.variances)
            ),
        )

    def figure(self, result: StudyResult) -> Figure:
        """Draw correlations, gradients, and which networks train with six depth scales over it."""
        figure = Figure(figsize=(12.0, 4.6))
        grid = figure.add_gridspec(2, 3, height_ratios=(3, 1))
        courses = figure.add_subplot(grid[0, 0])
        strip = figure.add_subplot(grid[1, 0], sharex=courses)
        chosen = ChaosSettings.of(result.settings)
        draw_correlations(courses, strip, result.results, CORRELATION.error)
        draw_gradients(figure.add_subplot(grid[:, 1]), result.results)
        variances = trained_variances(chosen)
        shares = np.array(
            [
                [learned(result.results[_label(variance, depth)]).mean() for variance in variances]
                for depth in chosen.depths
            ]
        )
        draw_trained(
            figure.add_subplot(grid[:, 2]), variances, chosen.depths, shares, chosen.bias_variance
        )
        headline(
            figure,
            "Networks train as deep as their signals reach: lines theory, marks and bands networks",
        )
        return figure


def edge_of_chaos(settings: ChaosSettings) -> float:
    """Return the weight variance of tanh networks at the edge, rounded to three digits."""
    return round(critical_weight_variance(Tanh(), settings.bias_variance), 3)


def trained_variances(settings: ChaosSettings) -> tuple[float, ...]:
    """Return the weight variances of trained networks, rising, the edge among them."""
    return tuple(sorted({*settings.variances, edge_of_chaos(settings)}))


def _task(settings: ChaosSettings) -> Digits:
    return Digits(settings.samples, 10, standardise="per feature", centre_targets=True)


def _signal(
    settings: ChaosSettings,
    label: str,
    weight_variance: float,
    bias_variance: float | None,
    theory: SignalPropagation,
    *,
    activation: Activation | None = None,
    narrow: bool = False,
) -> Arm:
    task = _task(settings)
    network = mlp(
        task.input_size,
        (settings.narrow if narrow else settings.width,) * settings.layers,
        task.output_size,
        activation=Tanh() if activation is None else activation,
        weight_variance=weight_variance,
        bias_variance=bias_variance,
        parameterization=Standard(),
    )
    experiment = Experiment(task, network, Training(duration=1, record=At((0.0,))))
    # A start costs no training, and correlations need more networks than a share learned.
    return Arm(label, Run(experiment, theory, tuple(range(4 * settings.seeds))))


def _label(variance: float, depth: int) -> str:
    return f"trained, weight variance {variance:g}, depth {depth}"


def _trained(settings: ChaosSettings, variance: float, depth: int) -> Arm:
    task = _task(settings)
    network = mlp(
        task.input_size,
        (settings.trained_width,) * depth,
        task.output_size,
        activation=Tanh(),
        weight_variance=variance,
        output_variance=0.1,
        bias_variance=settings.bias_variance,
        parameterization=Standard(),
    )
    training = Training(
        GradientDescent(settings.rate, momentum=0.9),
        duration=settings.steps,
        record=At((0.0, float(settings.steps))),
    )
    run = Run(Experiment(task, network, training), TrainableDepth(), tuple(range(settings.seeds)))
    return Arm(_label(variance, depth), run)


def _of_signal(label: str, tolerance: Tolerance) -> Judgement:
    gap = correlation_gap if tolerance is CORRELATION else gradient_rate_gap
    return Judgement(
        label, role_of(label), tolerance, (label,), lambda results: gap(results[label])
    )


def _of_depth_scale(settings: ChaosSettings, label: str, bias_variance: float) -> Judgement:
    scale = phase(Tanh(), settings.order, bias_variance).correlation_depth
    return Judgement(
        label,
        role_of(label),
        DEPTH_SCALE,
        (label,),
        lambda results: depth_scale_gap(results[label], scale),
    )


def _of_trainable_depth(settings: ChaosSettings, label: str, bias_variance: float) -> Judgement:
    rule, depths = TrainableDepth(), settings.depths
    reach: list[float] = []
    columns: list[list[str]] = []
    for variance in settings.variances:
        true = rule.scales * phase(Tanh(), variance, settings.bias_variance).correlation_depth
        # Where the true reach lies beyond the depths trained there is nothing to compare.
        if depths[0] <= true < depths[-1]:
            reach.append(rule.scales * phase(Tanh(), variance, bias_variance).correlation_depth)
            columns.append([_label(variance, depth) for depth in depths])

    def error(results: Results) -> Statistic:
        runs = [[results[arm] for arm in column] for column in columns]
        return trainable_depth_gap(runs, depths, reach)

    return Judgement(
        label, role_of(label), TRAINABLE_DEPTH, tuple(arm for c in columns for arm in c), error
    )


def _at_the_deepest(settings: ChaosSettings, label: str, variance: float) -> Judgement:
    arm = _label(variance, settings.depths[-1])

    def error(results: Results) -> Statistic:
        shares = learned(results[arm])
        return lambda rows: 1.0 - float(np.mean(shares[rows]))

    return Judgement(label, role_of(label), EDGE, (arm,), error)
