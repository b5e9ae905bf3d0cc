"""Batches, data and modes are plain tuples that JAX can map over."""

import jax
import numpy as np

from carnotlab.core.data import Batch, Data, Modes


def test_data_is_a_tree_of_arrays():
    data = Data(Batch(np.zeros((3, 2)), np.zeros((3, 1))), Batch(np.ones((2, 2)), np.ones((2, 1))))
    assert data.train.size == 3
    assert data.test.size == 2
    doubled = jax.tree.map(lambda a: 2 * a, data)
    assert isinstance(doubled.test, Batch)
    assert doubled.test.x.tolist() == [[2, 2], [2, 2]]


def test_modes_rebuild_the_correlation():
    matrix = np.arange(6.0).reshape(2, 3)
    left, strengths, right = np.linalg.svd(matrix, full_matrices=False)
    modes = Modes(left, strengths, right.T)
    np.testing.assert_allclose((modes.left * modes.strengths) @ modes.right.T, matrix, atol=1e-13)
