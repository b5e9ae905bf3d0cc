import numpy as np
import pytest

from carnotlab.studies.semantic.taxonomy import distinctions, half_times, order_violations, taxonomy
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy


@pytest.fixture(scope="module")
def tree_task():
    return FeatureHierarchy((2, 2, 2), 0.1, 4000, whiten=True)


@pytest.fixture(scope="module")
def tree(tree_task):
    return taxonomy(tree_task.data().train.y)


def test_clustering_finds_the_tree_the_features_were_drawn_on(tree_task, tree):
    # The tree's own contrasts, level by level: each must be one of the distinctions, up to sign
    # and scale.
    assert sorted(tree.level.tolist()) == [0, 1, 1, 2, 2, 2, 2]
    for level in (1, 2, 3):
        for contrast in tree_task.contrasts(level).T:
            cosine = np.abs(tree.contrasts @ contrast) / np.linalg.norm(tree.contrasts, axis=1)
            assert np.isclose(cosine.max(), 1.0)


def test_a_distinction_is_one_for_the_targets_and_zero_for_no_output(tree_task, tree):
    targets = tree_task.data().train.y
    np.testing.assert_allclose(distinctions(targets, targets, tree), 1.0)
    np.testing.assert_allclose(distinctions(0 * targets, targets, tree), 0.0)
    # What all items share distinguishes none of them.
    shared = np.broadcast_to(targets.mean(axis=0), targets.shape)
    np.testing.assert_allclose(distinctions(shared, targets, tree), 0.0, atol=1e-12)


def test_half_times_interpolate_and_say_never():
    time = np.array([0.0, 1.0, 2.0])
    courses = np.array([[0.0, 0.0, 0.9], [0.25, 0.1, 1.0], [0.75, 0.2, 1.0]])
    np.testing.assert_allclose(half_times(time, courses), [1.5, np.inf, 0.0])


def test_violations_are_none_for_broad_first_all_for_fine_first_and_half_by_chance(tree):
    broad_first = 1.0 + tree.level
    assert order_violations(broad_first, tree) == 0.0
    assert order_violations(10.0 - tree.level, tree) == 1.0
    assert order_violations(np.ones(len(tree.level)), tree) == 1.0
    rng = np.random.default_rng(0)
    shuffled = [order_violations(rng.permutation(100)[:7] + 1.0, tree) for _ in range(400)]
    # 400 draws of a share with a spread of at most 1/2: standard error 0.025. Ties within 2 %
    # count as violations, so chance is a little over one half.
    assert abs(np.mean(shuffled) - 0.5) < 0.08


def test_what_is_never_learned_counts_as_later(tree):
    times = np.where(tree.level == 0, 1.0, np.inf)
    assert order_violations(times, tree) == 0.0
    assert order_violations(np.full(len(times), np.inf), tree) == 1.0
