"""Arms of noise as a regularizer: linear layers, two weights, and networks on digits."""

import numpy as np

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy, Loss, SquaredError
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.activations import Relu
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import given
from carnotlab.networks.layers import Dense, DropConnect, Dropout, Layer
from carnotlab.networks.parameterization import Standard
from carnotlab.runs.run import Run
from carnotlab.studies.noise.balance_run import BalanceRun
from carnotlab.studies.noise.two_layer_run import TwoLayerRun
from carnotlab.studies.study import Arm, Count, Settings
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.label_noise import NoisyLabels
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.theories.noise.expected_dropout import ExpectedDropout
from carnotlab.theories.noise.linear_dropout import LinearDropout
from carnotlab.theories.noise.two_linear_layers import LeftOut

INPUTS, WEIGHTS = "inputs left out, one layer", "weights left out, one layer"
EVEN = "control: inputs left out, one strength taken for all inputs"
IGNORED = "control: inputs left out, noise ignored"
UNITS, FIRST = (
    "hidden units left out, two linear layers",
    "first weights left out, two linear layers",
)
UNITS_IGNORED = "control: hidden units left out, noise ignored"
FRESH, FIXED = "fresh label noise, two weights", "control: the same wrong labels, two weights"
SQUARED = "digits, {:.0%} wrong labels, squared error"
ENTROPY = "digits, cross-entropy, keep {:g}"
NO_PENALTY = "control: digits, no penalty"

BALANCED = 4
"""Paths of two weights for each linear network."""


class NoiseSettings(Settings, frozen=True, kw_only=True):
    """Settings of `NoiseAsRegularizer`; ``seeds`` are networks on digits.

    ``networks`` linear ones a seed, of whose parts the share ``keep`` is kept; ``width`` hidden
    units on ``samples`` digits whose labels are wrong in the shares ``wrong``, for ``steps``; with
    cross-entropy the share ``mild`` of units is kept. ``first_weights``: whether two layers are
    trained with weights left out too.
    """

    seeds: Count = 4
    networks: Count = 16
    keep: float = 0.6
    width: Count = 32
    samples: Count = 100
    wrong: tuple[float, ...] = (0.4,)
    mild: float = 0.9
    steps: Count = 250
    first_weights: bool = False


def noise_arms(own: NoiseSettings) -> tuple[Arm, ...]:
    """Return the arms, tests and controls."""
    # As many members in all linear arms, so that what draws them is compiled once.
    many, few = tuple(range(own.seeds * own.networks)), tuple(range(own.seeds))
    unit, weight = (Dropout(own.keep), Dense(2)), (DropConnect(2, own.keep),)

    def one(layers: tuple[Layer, ...], theory: LinearDropout) -> Run:
        return Run(linear_experiment(layers, len(many)), theory, many)

    def two(part: LeftOut, believed: float | None = None) -> TwoLayerRun:
        return TwoLayerRun(part, own.keep, 8, 800, 0.02, many[: 4 * own.seeds], believed)

    def balance(fresh: bool) -> BalanceRun:
        return BalanceRun(1.0, 0.05, 600, BALANCED * len(many), fresh)

    def network(theory: ExpectedDropout, loss: Loss, keep: float, wrong: float) -> Run:
        return Run(digits_experiment(own, loss, keep, wrong), theory, few)

    most, true, squared = own.wrong[-1], ExpectedDropout(), SquaredError()
    return (
        Arm(INPUTS, one(unit, LinearDropout())),
        Arm(WEIGHTS, one(weight, LinearDropout())),
        Arm(EVEN, one(unit, LinearDropout("even"))),
        Arm(IGNORED, one(unit, LinearDropout("none"))),
        Arm(UNITS, two("hidden units")),
        *([Arm(FIRST, two("first weights"))] if own.first_weights else []),
        Arm(UNITS_IGNORED, two("hidden units", 1.0)),
        Arm(FRESH, balance(True)),
        Arm(FIXED, balance(False)),
        *(Arm(SQUARED.format(w), network(true, squared, 0.5, w)) for w in own.wrong),
        Arm(NO_PENALTY, network(ExpectedDropout("none"), squared, 0.5, most)),
        Arm(ENTROPY.format(own.mild), network(true, CrossEntropy(), own.mild, most)),
    )


def linear_experiment(layers: tuple[Layer, ...], members: int) -> Experiment:
    """Return one layer on inputs of unequal size, trained past where it fits.

    All starts are given as one array, which takes no program of its own to draw.
    """
    start = given([0.1 * np.random.default_rng(9).standard_normal((members, 2, 8))])
    task = GaussianRegression(
        8, 20, outputs=2, input_spectrum=PowerLaw(1.0), noise_variance=0.1, held_out=1
    )
    training = Training(GradientDescent(0.5), 150, record=Evenly(26))
    return Experiment(task, Network(8, layers, Standard(), start), training)


def digits_experiment(own: NoiseSettings, loss: Loss, keep: float, wrong: float) -> Experiment:
    """Return a network on digits whose hidden units are left out.

    Steps are small against the curvature of squared error, and large enough for cross-entropy to
    fit wrong labels by the end.
    """
    layers = (Dense(own.width, 2.0), Relu(), Dropout(keep), Dense(10))
    task = NoisyLabels(Digits(own.samples, 500, standardise="per feature"), wrong)
    rate = 0.04 if isinstance(loss, SquaredError) else 0.4
    training = Training(GradientDescent(rate), own.steps, loss=loss, record=Evenly(31))
    return Experiment(task, Network(64, layers, Standard()), training)
