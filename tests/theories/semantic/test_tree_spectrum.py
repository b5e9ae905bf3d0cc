import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import At
from carnotlab.experiment.training import Training
from carnotlab.measures.representations import layer_similarity
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.tasks.statistics import input_output_modes
from carnotlab.theories.semantic.tree_spectrum import (
    distance_by_ancestor,
    level_eigenvalues,
    level_half_times,
    similarity_by_ancestor,
    tree_spectrum,
)
from carnotlab.training.train import train

TREES = [(2, 2, 2), (3, 2), (2, 5), (4,), (2, 3, 2, 2)]


def brute_covariance(branching, flips):
    """Agreement of two leaves as the product of (1 - 2 eps) over the edges between them."""
    paths = np.array(list(np.ndindex(*branching)))
    cover = np.ones((len(paths), len(paths)))
    for i, one in enumerate(paths):
        for j, other in enumerate(paths):
            shared = int(np.argmin(np.append(one == other, False)))
            for level in range(shared, len(branching)):
                cover[i, j] *= (1.0 - 2.0 * flips[level]) ** 2
    return cover


@pytest.mark.parametrize("branching", TREES)
def test_the_spectrum_is_that_of_agreement_along_edges(branching):
    tree = FeatureHierarchy(branching, 0.12, 10)
    found = tree_spectrum(tree)
    cover = brute_covariance(branching, [0.12] * len(branching))
    rebuilt = (found.vectors * found.values) @ found.vectors.T
    np.testing.assert_allclose(rebuilt, cover, atol=1e-12)
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(tree.items), atol=1e-12)
    numeric = np.linalg.eigvalsh(cover)[::-1]
    np.testing.assert_allclose(found.values, numeric, rtol=0, atol=1e-12)
    assert (np.diff(found.levels) >= 0).all()


@pytest.mark.parametrize("flips", [(0.05, 0.2, 0.4), (0.4, 0.1, 0.01)])
def test_levels_may_flip_at_rates_of_their_own(flips):
    branching = (2, 3, 2)
    values = level_eigenvalues(branching, flips)
    counts = np.diff([0, 1, 2, 6, 12])
    numeric = np.linalg.eigvalsh(brute_covariance(branching, flips))[::-1]
    np.testing.assert_allclose(np.repeat(values, counts), numeric, rtol=0, atol=1e-12)
    assert (np.diff(values) < 0).all()  # broad distinctions are stronger whatever the rates


def test_sampled_singular_values_come_within_two_percent_at_ten_thousand_features():
    # One draw of N features scatters by a relative order sqrt(P/N) = 2.8 %, less for the mean over
    # modes of one level; over draws the squares average to the expectation exactly.
    trees = [FeatureHierarchy((2, 2, 2), 0.15, 10_000, whiten=True, seed=s) for s in range(16)]
    squares = np.mean([np.asarray(input_output_modes(t).strengths) ** 2 for t in trees], axis=0)
    levels = tree_spectrum(trees[0]).levels
    sampled = np.sqrt([squares[levels == level].mean() for level in range(4)])
    np.testing.assert_allclose(sampled, trees[0].singular_values, rtol=0.02)
    # Not by a tolerance that anything meets: neighbouring levels are further apart.
    assert (np.diff(-np.log(trees[0].singular_values)) > 0.1).all()


def test_similarity_by_ancestor_is_that_of_the_full_matrix():
    tree = FeatureHierarchy((2, 3, 2), 0.1, 10)
    found = tree_spectrum(tree)
    strengths = np.array([2.0, 0.7, 0.5, 0.1])
    full = (found.vectors * strengths[found.levels]) @ found.vectors.T
    near = similarity_by_ancestor(tree, strengths)
    pairs = {3: (0, 0), 2: (0, 1), 1: (0, 2), 0: (0, 6)}
    for level, (i, j) in pairs.items():
        assert np.isclose(near[level], full[i, j], atol=1e-14)
    apart = distance_by_ancestor(tree, strengths)
    assert np.isclose(apart[1], full[0, 0] + full[2, 2] - 2 * full[0, 2])
    assert apart[3] == 0.0


def test_a_trained_hidden_layer_splits_level_by_level_at_the_predicted_times():
    tree = FeatureHierarchy((2, 2), 0.1, 20_000, whiten=True)
    times = level_half_times(tree, 2, 1e-3)
    assert (np.diff(times) > 0).all()
    # At depth 1 all at once, but for what they have a head start of, start over strength.
    assert np.ptp(level_half_times(tree, 1, 1e-3)) < 1e-4
    network = deep_linear(4, (6,), tree.features, initialisation=Aligned(1e-3))
    rate = 0.02 / (2 * tree.singular_values[0])
    steps = tuple(float(round(t / rate)) for t in times)
    training = Training(GradientDescent(rate), steps[-1], record=At(steps))
    found = train(Experiment(tree, network, training), (layer_similarity,), (0,))
    seen = found["layer_similarity"].values[0, :, 0] / tree.items
    spectrum = tree_spectrum(tree)
    along = np.einsum("ia,tij,ja->ta", spectrum.vectors, seen, spectrum.vectors)
    for level in range(3):
        half = along[level, spectrum.levels == level].mean() / tree.singular_values[level]
        # sqrt(P/N) = 1.4 % of scatter in s, which shifts a sigmoid of slope 1/2 over ln(s/u0) ~ 10
        # e-folds.
        assert abs(half - 0.5) < 0.07


def test_flips_must_fit_the_tree():
    with pytest.raises(InputError, match="every level"):
        level_eigenvalues((2, 2), (0.1,))
    with pytest.raises(InputError, match="every level"):
        level_eigenvalues((2, 2), (0.1, 0.5))
