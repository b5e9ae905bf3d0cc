"""Networks that start from orthogonal or from Gaussian weights: wide, deep, and of both kinds."""

import math
from dataclasses import replace

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At, Logarithmically
from carnotlab.experiment.training import Training
from carnotlab.measures.learned_share import learned_share
from carnotlab.networks.activations import Activation, Linear, Polynomial, Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.initialisation import Gaussian, Initialisation, Orthogonal
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.runs.run import Run
from carnotlab.studies.infinite_width.step_sizes import largest_eigenvalue
from carnotlab.studies.study import Arm, Settings
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.theories.jacobian_spectrum import JacobianSpectrum
from carnotlab.theories.orthogonal_kernel_limit import OrthogonalKernelLimit
from carnotlab.theories.trainable_depth import TrainableDepth

STARTS = ("Gaussian", "orthogonal")
SPECTRA = (
    ("linear", "Gaussian"),
    ("linear", "orthogonal"),
    ("tanh", "Gaussian"),
    ("tanh", "orthogonal"),
    ("rectifier", "orthogonal"),
)
UNITS: dict[str, tuple[Activation, float]] = {
    "linear": (Linear(), 1.0),
    "tanh": (Tanh(), 1.0),
    "rectifier": (Relu(), 2.0),
}
"""Each at its critical weight variance."""

UNSCALED = "control: orthogonal kernel, first layer unscaled"


class OrthogonalSettings(Settings, frozen=True, kw_only=True):
    """Settings of `OrthogonalOrGaussian`; ``layers`` are weight layers of the spectra.

    ``widths`` are those of the kernels, the last that of lazy training; ``depths`` count hidden
    layers of the deep trained networks, of 64 units each as the digits have pixels; ``gain`` is
    the squared gain of theirs, just beyond the edge of chaos.
    """

    seeds: int = 4
    width: int = 128
    layers: tuple[int, ...] = (2, 4, 8)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    probe: int = 8
    depths: tuple[int, ...] = (4, 12, 36)
    rates: tuple[float, ...] = (0.024, 0.096, 0.384)
    gain: float = 1.05
    steps: int = 256
    samples: int = 100
    lazy_steps: int = 100
    step: float = 0.5


def _start(name: str, squared_gain: float) -> Initialisation:
    return Gaussian() if name == "Gaussian" else Orthogonal(math.sqrt(squared_gain))


def _many(settings: OrthogonalSettings) -> tuple[int, ...]:
    # What is measured at the start costs no training, and second moments need more networks.
    return tuple(range(4 * settings.seeds))


def _digits(settings: OrthogonalSettings) -> Digits:
    return Digits(settings.samples, 10, standardise="per feature", centre_targets=True)


def spectrum_label(unit: str, start: str, layers: int) -> str:
    """Return the label of networks whose spectrum is taken at the start."""
    return f"{unit}, {start}, {layers} weight layers"


def spectrum_arm(settings: OrthogonalSettings, unit: str, start: str, layers: int) -> Arm:
    """Return square networks of some units and weight layers, for their spectra at the start."""
    size = settings.width
    activation, variance = UNITS[unit]
    network = mlp(
        size,
        (size,) * (layers - 1),
        size,
        activation=activation,
        weight_variance=variance,
        output_variance=variance,
        parameterization=Standard(),
        initialisation=_start(start, variance),
    )
    task = GaussianRegression(size, samples=2, outputs=size, held_out=2)
    experiment = Experiment(task, network, Training(duration=1, record=At((0.0,))))
    run = Run(experiment, JacobianSpectrum(), _many(settings))
    return Arm(spectrum_label(unit, start, layers), run)


def wide_network(inputs: int, width: int, start: Initialisation) -> Network:
    """Return a wide network whose orthogonal weights have entries of the Gaussian ones' variance.

    Orthogonal columns of a first layer with more outputs than inputs keep the length of an input
    in all, and so spread it over more units: inputs are scaled up by what the first layer lacks.
    """
    stretch = width / inputs
    return Network(
        inputs,
        (
            Polynomial((0.0, math.sqrt(stretch))),
            Dense(width, 1.0 / stretch),
            Tanh(),
            Dense(width),
            Tanh(),
            Dense(10),
        ),
        NTK(),
        start,
    )


def kernel_arm(settings: OrthogonalSettings, start: str, width: int) -> Arm:
    """Return wide networks whose kernels at the start have one limit for both starts."""
    network = wide_network(64, width, _start(start, 1.0))
    experiment = Experiment(_digits(settings), network, Training(duration=1, record=At((0.0,))))
    run = Run(experiment, OrthogonalKernelLimit(settings.probe), _many(settings))
    return Arm(f"{start} kernel, width {width}", run)


def unscaled_arm(settings: OrthogonalSettings, width: int) -> Arm:
    """Return wide networks whose first layer spreads its orthogonal columns uncorrected."""
    network = mlp(
        64, (width, width), 10, activation=Tanh(), weight_variance=1.0, initialisation=Orthogonal()
    )
    experiment = Experiment(_digits(settings), network, Training(duration=1, record=At((0.0,))))
    theory = OrthogonalKernelLimit(settings.probe, any_gain=True)
    return Arm(f"{UNSCALED}, width {width}", Run(experiment, theory, _many(settings)))


def lazy_arm(settings: OrthogonalSettings, start: str) -> Arm:
    """Return the widest networks, trained."""
    # Targets large against outputs at the start, whose scatter would hide what is compared.
    task, width = replace(_digits(settings), target_scale=5.0), settings.widths[-1]
    # The kernel depends on no width.
    rate = settings.step / largest_eigenvalue(wide_network(64, 64, Gaussian()), task)
    training = Training(
        GradientDescent(rate),
        duration=settings.lazy_steps,
        record=Logarithmically(13),
    )
    experiment = Experiment(task, wide_network(64, width, _start(start, 1.0)), training)
    theory = OrthogonalKernelLimit(settings.probe)
    run = Run(experiment, theory, tuple(range(settings.seeds)), (learned_share,))
    return Arm(f"lazy, {start}", run)


def deep_label(start: str, depth: int, rate: float) -> str:
    """Return the label of deep networks trained at some rate."""
    return f"deep, {start}, depth {depth}, rate {rate:g}"


def deep_arm(settings: OrthogonalSettings, start: str, depth: int, rate: float) -> Arm:
    """Return deep networks of 64 units a layer, trained at some rate."""
    task = _digits(settings)
    network = mlp(
        task.input_size,
        (task.input_size,) * depth,
        task.output_size,
        activation=Tanh(),
        weight_variance=settings.gain,
        output_variance=settings.gain,
        parameterization=Standard(),
        initialisation=_start(start, settings.gain),
    )
    training = Training(GradientDescent(rate), duration=settings.steps, record=Logarithmically(25))
    experiment = Experiment(task, network, training)
    run = Run(experiment, TrainableDepth(), tuple(range(settings.seeds)))
    return Arm(deep_label(start, depth, rate), run)
