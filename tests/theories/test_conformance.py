"""What holds for every theory, every layer and every module, those to come included."""

import dataclasses
import importlib
import pkgutil

import numpy as np
import pytest
from example_layers import every_layer, flattened

import carnotlab
import carnotlab.theories
from carnotlab.core.assumptions import Assumption
from carnotlab.core.errors import OutOfReachError
from carnotlab.core.quantities import Quantity
from carnotlab.core.references import bibliography
from carnotlab.experiment.batching import Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.base import Measure
from carnotlab.networks.activations import Erf, Tanh
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.initialisation import Gaussian, Orthogonal
from carnotlab.networks.layers import Dense, Dropout
from carnotlab.networks.linear import refuse_nonlinear
from carnotlab.networks.parameterization import NTK, Standard
from carnotlab.tasks.digits import Digits
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.teacher_student import TeacherStudent
from carnotlab.theories.base import Theory
from carnotlab.training.train import train

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(carnotlab.__path__, "carnotlab.")
    if not module.name.endswith("__main__")
)


def every_theory():
    for module in pkgutil.walk_packages(carnotlab.theories.__path__, "carnotlab.theories."):
        importlib.import_module(module.name)
    return sorted(Theory.__subclasses__(), key=lambda kind: kind.__name__)


THEORIES = every_theory()
TRAINING = Training(GradientDescent(0.05), 6, record=At((0, 2, 6)))
WIDE = Experiment(
    GaussianRegression(3, samples=5, outputs=2, held_out=4), mlp(3, (8,), 2), TRAINING
)
LINEAR = Experiment(
    LinearMap(3, 2, (2.0, 1.0), held_out=4),
    deep_linear(3, (4,), 2, initialisation=Gaussian(0.1)),
    TRAINING,
)
CHAIN = Experiment(
    GaussianRegression(3, samples=5, outputs=2, held_out=4),
    mlp(
        3,
        (8, 8),
        2,
        activation=Tanh(),
        weight_variance=1.2,
        bias_variance=0.05,
        parameterization=Standard(),
    ),
    TRAINING,
)
SQUARE = Experiment(
    GaussianRegression(3, samples=5, outputs=3, held_out=4),
    deep_linear(3, (3,), 3, initialisation=Orthogonal()),
    TRAINING,
)
BENT = Experiment(
    LinearMap(3, 2, (2.0, 1.0), held_out=4),
    mlp(
        3,
        (8,),
        2,
        activation=Tanh(),
        weight_variance=1.0,
        parameterization=Standard(),
        initialisation=Gaussian(0.1),
    ),
    TRAINING,
)
ONE_LAYER = Experiment(
    GaussianRegression(3, samples=5, outputs=2, held_out=4),
    deep_linear(3, (), 2, initialisation=Gaussian(0.1)),
    TRAINING,
)
COMMITTEE = Experiment(
    TeacherStudent(3, 2, held_out=4, samples=5),
    mlp(3, (2,), 1, activation=Erf(0.5**0.5), parameterization=Standard()),
    Training(GradientDescent(0.05), 6, Online(), record=At((0, 2, 6))),
)
NOISY = Experiment(
    GaussianRegression(3, samples=5, outputs=2, held_out=4),
    Network(3, (Dropout(0.5), Dense(2)), Standard()),
    TRAINING,
)
NOISY_BENT = Experiment(
    Digits(6, 4, classes=(0, 1)),
    Network(64, (Dense(3), Tanh(), Dropout(0.5), Dense(2)), Standard()),
    TRAINING,
)
EXAMPLES = {
    "DeepLinearModes": LINEAR,
    "LazyKernel": WIDE,
    "TangentKernelLimit": WIDE,
    "SignalPropagation": CHAIN,
    "TrainableDepth": CHAIN,
    "JacobianSpectrum": SQUARE,
    "OrthogonalKernelLimit": WIDE,
    "PretrainedModes": LINEAR,
    "PriorKnowledge": LINEAR,
    "EndToEndFlow": LINEAR,
    "WeightTrajectories": LINEAR,
    "LayerSimilarity": LINEAR,
    "IllusoryCorrelations": LINEAR,
    "InductiveProjection": LINEAR,
    "EarlyLinearCourse": BENT,
    "RegressionOverTime": ONE_LAYER,
    "SoftCommittee": COMMITTEE,
    "LinearDropout": NOISY,
    "ExpectedDropout": NOISY_BENT,
}


def kind_ids(kind):
    return kind.__name__


def test_every_theory_has_an_example_here():
    assert {kind.__name__ for kind in THEORIES} == set(EXAMPLES), "add the new one to EXAMPLES"


@pytest.mark.parametrize("kind", THEORIES, ids=kind_ids)
def test_a_theory_is_a_final_frozen_description(kind):
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert kind.__subclasses__() == []
    assert kind.__bases__ == (Theory,)
    assert kind() == kind()
    assert hash(kind()) == hash(kind())


@pytest.mark.parametrize("kind", THEORIES, ids=kind_ids)
def test_a_theory_says_what_it_claims_and_where_it_comes_from(kind):
    place = kind.__module__.removeprefix("carnotlab.theories.").replace(".", "_")
    assert place == kind.name or place.endswith(f"_{kind.name}")
    assert kind.claim
    assert "\n" not in kind.claim
    assert kind.references
    assert set(kind.references) <= set(bibliography())
    assert kind.predicts
    assert all(isinstance(quantity, Quantity) for quantity in kind.predicts)
    names = [quantity.name for quantity in kind.predicts]
    assert len(set(names)) == len(names)
    assert kind.assumptions
    for assumption in kind.assumptions:
        assert isinstance(assumption, Assumption)
        assert assumption.name
        assert assumption.statement
        assert assumption.limit > 0.0
    assert len({assumption.name for assumption in kind.assumptions}) == len(kind.assumptions)
    assert "Source" in kind.__doc__
    assert ">>>" in kind.__doc__


@pytest.mark.parametrize("kind", THEORIES, ids=kind_ids)
def test_prediction_and_observation_share_names_dimensions_units_and_times(kind):
    theory, experiment, seeds = kind(), EXAMPLES[kind.__name__], (0, 1)
    start = experiment.start(seeds)
    predicted = theory.predict(experiment, start)
    measures = theory.measures(experiment)
    observed = train(experiment, measures, seeds)
    assert set(predicted.data_vars) == {quantity.name for quantity in kind.predicts}
    for quantity in kind.predicts:
        array = predicted[quantity.name]
        assert array.dims in (("time", *quantity.dims), ("seed", "time", *quantity.dims))
        assert array.attrs["units"] == quantity.unit
        assert np.isfinite(array.values).all(), quantity.name
        np.testing.assert_array_equal(array["time"].values, experiment.training.times)
    assert all(isinstance(measure, Measure) for measure in measures)
    for measure in measures:
        assert measure.quantity in kind.predicts, "a measure of what is not predicted"
        array, prediction = observed[measure.quantity.name], predicted[measure.quantity.name]
        assert array.dims == ("seed", "time", *measure.quantity.dims)
        assert array.attrs["units"] == prediction.attrs["units"]
        np.testing.assert_array_equal(array["time"].values, prediction["time"].values)
        for dim in measure.quantity.dims:
            assert array.sizes[dim] == prediction.sizes[dim]


@pytest.mark.parametrize("kind", THEORIES, ids=kind_ids)
def test_checks_are_numbers_with_the_assumptions_names(kind):
    theory, experiment = kind(), EXAMPLES[kind.__name__]
    found = theory.check(experiment, experiment.start((0, 1)))
    assert [check.name for check in found] == [a.name for a in kind.assumptions]
    assert all(np.isfinite(check.value) and check.value >= 0.0 for check in found)


@pytest.mark.parametrize("name", MODULES)
def test_every_public_module_says_what_it_is_for(name):
    if any(part.startswith("_") for part in name.split(".")):
        return
    module = importlib.import_module(name)
    assert module.__doc__
    assert module.__doc__.strip().splitlines()[0].endswith((".", "?", ":"))


def refusal_of(reading, network):
    """Read a network; return the refusal if it is one, and let any other error through."""
    try:
        reading(network)
    except OutOfReachError as error:
        return error
    return None


@pytest.mark.parametrize("layer", every_layer(), ids=lambda layer: type(layer).__name__)
def test_every_layer_has_a_reading_or_a_refusal_everywhere(layer):
    network = Network((3, 2), (Dense(4), *flattened(layer), Dense(1)), NTK())
    model = Model(network)
    x = np.ones((4, 3, 2), np.float32)
    outputs = model.apply(model.start(0), x)
    assert outputs.shape == (4, 1)
    assert np.isfinite(outputs).all()
    for reading in (refuse_nonlinear, lambda one: kernels(one, x)):
        refusal = refusal_of(reading, network)
        assert refusal is None or refusal.instead
