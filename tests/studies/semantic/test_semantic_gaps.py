import numpy as np
import pytest

from carnotlab.measures.representations import LAYER_SIMILARITY
from carnotlab.runs.run import RunResult
from carnotlab.studies.semantic.category_draws import category, leading_overlap
from carnotlab.studies.semantic.differentiation_gaps import level_strengths, split_times
from carnotlab.studies.semantic.differentiation_panels import leaf_places, trunk
from carnotlab.studies.semantic.layer_gaps import (
    layer_similarity_gap,
    mean_disagreement,
    random_disagreement_gap,
    seed_disagreement,
)
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.theories.semantic.category_coherence import coherence
from carnotlab.theories.semantic.tree_spectrum import tree_spectrum

TREE = FeatureHierarchy((2, 2), 0.1, 500, whiten=True)


def similarities(strengths):
    """Similarity over time of a representation whose levels have the given strengths."""
    spectrum = tree_spectrum(TREE)
    values = np.asarray(strengths)[:, spectrum.levels]
    return np.einsum("ia,ta,ja->tij", spectrum.vectors, values, spectrum.vectors) * TREE.items


def made(observed, predicted):
    times = np.arange(observed.shape[1], dtype=float)
    leading = {"time": times}
    return RunResult(
        LAYER_SIMILARITY.label(predicted, ("time",), leading).to_dataset(),
        LAYER_SIMILARITY.label(observed, ("seed", "time"), leading).to_dataset(),
        (),
        0.0,
    )


def test_levels_and_splits_are_read_off_a_similarity_made_by_hand():
    course = np.array([[0.0, 0.0, 0.0], [1.0, 0.5, 0.0], [1.0, 1.0, 1.0]])
    near = similarities(course)
    np.testing.assert_allclose(level_strengths(near, TREE), course, atol=1e-12)
    times = split_times(np.arange(3.0), near, TREE.data().train.y)
    # The broad distinction is half made after one step, each fine one after one and a half.
    np.testing.assert_allclose(times, [1.0, 1.5, 1.5], atol=1e-9)


def test_the_trunk_ends_at_the_items_places_and_starts_as_one():
    places = leaf_places(TREE.data().train.y)
    assert sorted(places.tolist()) == pytest.approx([-1.0, -1 / 3, 1 / 3, 1.0])
    assert abs(places[0] - places[1]) == pytest.approx(2 / 3)
    course = trunk(similarities([[1e-6, 0.0, 0.0], [1.0, 1.0, 1.0]]), places)
    np.testing.assert_allclose(course[-1], places, atol=1e-9)
    assert np.ptp(course[0]) < 1e-2


def test_gaps_of_layers_and_seeds_are_those_made_by_hand():
    wanted = np.stack([np.eye(3), 2 * np.eye(3)])[None]
    seen = np.stack([1.1 * wanted, 0.9 * wanted])
    result = made(seen, wanted)
    both = np.arange(2)
    assert layer_similarity_gap(result)(both) == pytest.approx(0.1)
    assert mean_disagreement(result) == pytest.approx(0.2)
    assert seed_disagreement(result)(both) == pytest.approx(0.2, rel=0.01)
    assert seed_disagreement(result)(np.array([0, 0])) == np.inf
    # Two items fewer would be another width: sqrt(2 * 4 / n) = 0.2 at 200 units.
    assert random_disagreement_gap(result, 200)(both) < 0.01


def test_categories_have_the_coherence_asked_for_and_one_noise_everywhere():
    task = category(3.0, 300, 500, 0.3)
    value = coherence(
        task.inside, task.outside, task.members, task.own_features, task.items, task.features
    )
    assert value == pytest.approx(3.0)
    assert task.inside == pytest.approx(0.7, abs=0.02)
    wide = category(3.0, 300, 500, 0.01, share=0.15)
    assert (wide.members, wide.own_features) == (45, 75)


def test_the_leading_overlap_is_that_of_a_full_decomposition():
    table = np.random.default_rng(0).normal(size=(8, 12))
    left, _, right = np.linalg.svd(table)
    item, feature = np.eye(8)[2], np.eye(12)[5]
    wanted = abs(left[2, 0] * right[0, 5])
    assert leading_overlap(table, item, feature) == pytest.approx(wanted, rel=1e-6)
