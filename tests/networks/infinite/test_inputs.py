import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.inputs import checked_inputs
from carnotlab.networks.layers import Dense, Flatten

IMAGES = Network((2, 4, 3), (Flatten(), Dense(1)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([[1.0, 2.0], [3.0]], "ragged or holds what is no number"),
        (np.array([["a", "b"]]), "ragged or holds what is no number"),
        ([[None] * 24], "not finite"),
        (np.ones((2, 2, 4, 1)), "8 features a sample"),
        (np.ones((2, 3, 2, 4)), "channels last"),
        (np.ones((0, 2, 4, 3)), "at least one sample"),
        (np.full((1, 24), np.inf), "not finite"),
    ],
)
def test_what_is_no_sample_is_refused_in_one_line(given, words):
    with pytest.raises(InputError, match=words) as found:
        checked_inputs(IMAGES, given, "x1")
    assert "\n" not in str(found.value)


def test_flat_samples_take_the_shape_described():
    assert checked_inputs(IMAGES, np.ones((5, 24), dtype=np.float32), "x1").shape == (5, 2, 4, 3)
