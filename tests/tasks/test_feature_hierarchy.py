from itertools import product

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.tasks.statistics import input_covariance, input_output_modes

TREES = [(2,), (2, 2), (3, 2), (2, 2, 2)]


def covariance_by_enumeration(branching: tuple[int, ...], flip: float) -> np.ndarray:
    """Sum over every pattern of flips on the edges of the tree, with its probability."""
    edges = int(np.sum(np.cumprod(branching)))
    total: np.ndarray | float = 0.0
    for flips in product((1.0, -1.0), repeat=edges):
        values, used, probability = np.ones(1), 0, 1.0
        for children in branching:
            values = np.repeat(values, children)
            signs = np.asarray(flips[used : used + len(values)])
            used += len(values)
            values = values * signs
            probability *= float(np.prod(np.where(signs < 0, flip, 1 - flip)))
        total = total + probability * np.outer(values, values)
    return np.asarray(total)


@pytest.mark.parametrize("branching", TREES)
def test_covariance_and_eigenvalues_are_those_of_the_process_itself(branching) -> None:
    tree = FeatureHierarchy(branching, 0.15, 10)
    exact = covariance_by_enumeration(branching, 0.15)
    np.testing.assert_allclose(tree.covariance, exact, atol=1e-12)
    expected = np.repeat(tree.eigenvalues, tree.multiplicities)
    np.testing.assert_allclose(np.linalg.eigvalsh(exact)[::-1], expected, atol=1e-12)
    assert np.all(np.diff(tree.eigenvalues) < 0)


@pytest.mark.parametrize("branching", [*TREES, (3, 4), (2, 3, 4)])
def test_level_contrasts_are_an_orthonormal_eigenbasis(branching) -> None:
    tree = FeatureHierarchy(branching, 0.1, 10)
    levels = [tree.contrasts(level) for level in range(len(branching) + 1)]
    assert tuple(basis.shape[1] for basis in levels) == tree.multiplicities
    everything = np.concatenate(levels, axis=1)
    np.testing.assert_allclose(everything.T @ everything, np.eye(tree.items), atol=1e-12)
    for value, basis in zip(tree.eigenvalues, levels, strict=True):
        np.testing.assert_allclose(tree.covariance @ basis, value * basis, atol=1e-12)


@pytest.mark.parametrize("whiten", [False, True])
def test_sampled_singular_values_agree_within_two_percent(whiten) -> None:
    tree = FeatureHierarchy((2, 2, 2), 0.1, 10_000, whiten=whiten)
    strengths = np.asarray(input_output_modes(tree).strengths)
    ends = np.cumsum(tree.multiplicities)
    sampled = [np.mean(part) for part in np.split(strengths, ends[:-1])]
    # One eigenvalue has relative SEM sqrt(2/N) = 1.4 %, its root half of that.
    np.testing.assert_allclose(sampled, tree.singular_values, rtol=0.02)
    scale = 1.0 if whiten else 1 / 8
    np.testing.assert_allclose(input_covariance(tree), scale * np.eye(8), atol=1e-12)


def test_features_are_signs_and_the_held_out_set_is_the_training_set() -> None:
    data = FeatureHierarchy((2, 3), 0.2, 50).data()
    assert set(np.unique(data.train.y)) == {-1.0, 1.0}
    assert data.test is data.train
    again = FeatureHierarchy((2, 3), 0.2, 50, seed=1).data()
    assert not np.array_equal(data.train.y, again.train.y)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"branching": ()}, r"branching = \(\)"),
        ({"branching": [2, 2]}, r"branching = \[2, 2\]"),
        ({"branching": (2, 1)}, "a number of children in branching = 1"),
        ({"flip": 0.0}, "flip = 0.0"),
        ({"flip": 0.5}, "flip = 0.5"),
        ({"features": 0}, "features = 0"),
    ],
)
def test_bad_fields_are_refused(fields, message) -> None:
    with pytest.raises(InputError, match=message):
        FeatureHierarchy(**({"branching": (2,), "flip": 0.1, "features": 5} | fields))


def test_a_level_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="level 2; required: 0 to 1"):
        FeatureHierarchy((2,), 0.1, 5).contrasts(2)
