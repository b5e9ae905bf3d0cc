"""Frozen directions: the time per e-fold and the length of the second layer, drawn at random."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.high_dimensional.frozen_directions import frozen_error, time_per_e_fold


def test_the_rate_is_the_length_of_the_input_output_correlation():
    random = np.random.default_rng(0)
    squares = []
    for _ in range(200):
        x = random.standard_normal((60, 100)) / 10.0
        squares.append(np.sum((x.T @ (x @ random.standard_normal(100)) / 60) ** 2))
    assert time_per_e_fold(100, 60) ** -2 == pytest.approx(np.mean(squares), rel=0.03)


def test_a_balanced_second_layer_reads_out_what_lies_outside():
    """The limit of small starts by hand: one hidden direction, a second layer of length √|w|."""
    random = np.random.default_rng(1)
    kept = []
    for _ in range(300):
        x = random.standard_normal((40, 80))
        inside = np.linalg.pinv(x) @ x
        learned = inside @ random.standard_normal(80)
        direction = np.linalg.qr(random.standard_normal((8, 1)))[0][:, 0]
        second = np.sqrt(np.linalg.norm(learned)) * direction
        first = 0.01 * random.standard_normal((8, 80))
        kept.append(np.mean((second @ first @ (np.eye(80) - inside)) ** 2))
    assert frozen_error(80, 40, 1e-4) == pytest.approx(np.mean(kept), rel=0.04)


def test_mistakes_are_refused():
    with pytest.raises(InputError, match="fewer samples"):
        frozen_error(10, 10, 0.1)
