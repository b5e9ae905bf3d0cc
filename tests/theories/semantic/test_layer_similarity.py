import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At, Evenly
from carnotlab.experiment.training import Training
from carnotlab.measures.representations import LAYER_SIMILARITY, layer_similarity
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned, Gaussian
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import PowerLaw
from carnotlab.theories.semantic.layer_similarity import (
    LayerSimilarity,
    disagreement,
    disagreement_at_random,
)
from carnotlab.training.train import train

TASK = LinearMap(6, 5, (2.0, 1.3, 0.8), held_out=4)


def experiment(start, hidden, steps, task=TASK):
    network = deep_linear(task.inputs, hidden, task.outputs, initialisation=start)
    training = Training(GradientDescent(0.03), steps, record=At((float(steps),)))
    return Experiment(task, network, training)


def relative(seen, wanted):
    """Distance of each layer's matrix from the predicted one, over the norm of that."""
    gap = np.linalg.norm(seen - wanted, axis=(-2, -1))
    return gap / np.linalg.norm(wanted, axis=(-2, -1))


@pytest.mark.parametrize(("hidden", "steps"), [((9,), 1200), ((9, 8), 2500), ((7, 9, 8), 9000)])
def test_every_layer_ends_as_a_power_of_one_matrix_from_a_small_random_start(hidden, steps):
    one = experiment(Gaussian(0.1), hidden, steps)
    wanted = LayerSimilarity().predict(one)[LAYER_SIMILARITY.name].values
    seen = train(one, (layer_similarity,), (0, 1))[LAYER_SIMILARITY.name].values
    # What the start leaves is its square, scale^2 = 0.01 times the layers' usual size, over the
    # strengths to the power 2/D.
    assert relative(seen, wanted).max() < 0.02
    assert disagreement(seen[:, -1, 0]) < 0.02


def test_the_end_holds_for_inputs_that_are_not_white_where_they_share_the_modes():
    task = LinearMap(6, 5, (2.0, 1.3, 0.8), input_spectrum=PowerLaw(0.5), basis="aligned")
    one = experiment(Gaussian(0.05), (9,), 4000, task)
    wanted = LayerSimilarity().predict(one)[LAYER_SIMILARITY.name].values
    seen = train(one, (layer_similarity,), (0,))[LAYER_SIMILARITY.name].values
    assert relative(seen, wanted).max() < 0.02
    by_hand = task.data().train.x @ task.right
    by_hand = (by_hand * np.array(task.strengths)) @ by_hand.T
    np.testing.assert_allclose(wanted[0, 0], by_hand, rtol=1e-9, atol=1e-12)


def test_the_course_from_an_aligned_start_is_exact_at_every_time_and_layer():
    network = deep_linear(6, (7, 8), 5, initialisation=Aligned(1e-3))
    training = Training(GradientDescent(0.02), 1000, record=Evenly(11), precision="float64")
    one = Experiment(TASK, network, training)
    wanted = LayerSimilarity("always").predict(one)[LAYER_SIMILARITY.name].values
    seen = train(one, (layer_similarity,), (0,))[LAYER_SIMILARITY.name].values[0]
    assert np.linalg.norm(seen - wanted) / np.linalg.norm(wanted) < 1e-3
    # The end is another prediction: it does not hold half way.
    end = LayerSimilarity().predict(one)[LAYER_SIMILARITY.name].values
    assert relative(seen, end)[3].max() > 0.1


def test_a_large_start_is_kept_and_the_checks_say_so():
    one = experiment(Gaussian(4.0), (9,), 1200)
    wanted = LayerSimilarity().predict(one)[LAYER_SIMILARITY.name].values
    seen = train(one, (layer_similarity,), (0, 1))[LAYER_SIMILARITY.name].values
    assert relative(seen, wanted).min() > 0.3
    assert disagreement(seen[:, -1, 0]) > 0.3
    held = {c.name: c.holds for c in LayerSimilarity().check(one, one.start((0, 1)))}
    assert not held["balanced start"]
    small = experiment(Gaussian(0.01), (9,), 1200)
    assert all(c.holds for c in LayerSimilarity().check(small, small.start((0, 1))))
    short = experiment(Gaussian(0.01), (9,), 60)
    held = {c.name: c.holds for c in LayerSimilarity().check(short, short.start((0, 1)))}
    assert not held["trained to the end"]


def test_disagreement_is_the_root_mean_square_over_pairs():
    matrices = np.random.default_rng(0).normal(size=(5, 4, 4))
    gaps = [np.sum((matrices[a] - matrices[b]) ** 2) for a in range(5) for b in range(5) if a != b]
    wanted = np.sqrt(np.mean(gaps)) / np.linalg.norm(matrices.mean(axis=0))
    assert np.isclose(disagreement(matrices), wanted)
    with pytest.raises(InputError, match="two"):
        disagreement(matrices[:1])


def test_random_layers_disagree_as_predicted_the_less_the_wider():
    rng = np.random.default_rng(0)
    for width in (50, 800):
        layers = rng.normal(size=(200, width, 8)) / np.sqrt(width)
        seen = np.einsum("swi,swj->sij", layers, layers)
        # 200 members: the mean over pairs is good to a few percent.
        assert abs(disagreement(seen) / disagreement_at_random(8, width) - 1) < 0.05


def test_a_network_without_hidden_layers_is_refused():
    shallow = experiment(Gaussian(0.1), (), 10)
    with pytest.raises(OutOfReachError, match="hidden"):
        LayerSimilarity().predict(shallow)
