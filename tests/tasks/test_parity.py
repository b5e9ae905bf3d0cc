import jax
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.parity import Parity


def test_bits_have_their_bias_and_targets_are_products():
    data = Parity(5, 3, 20_000, bias=0.6, held_out=20_000).data()
    np.testing.assert_allclose(data.train.x.mean(axis=0), 0.6, atol=0.02)
    np.testing.assert_allclose(data.test.x.mean(axis=0), 0.0, atol=0.03)
    for batch in data:
        np.testing.assert_array_equal(batch.y[:, 0], batch.x[:, :3].prod(axis=1))
    assert abs(data.test.y.mean()) < 0.03
    assert data.train.y.mean() == pytest.approx(0.6**3, abs=0.03)


def test_fresh_samples_are_alike_and_mistakes_are_named():
    batch = Parity(4, 2, 3, bias=-0.4).sample(jax.random.key(0), 5000)
    np.testing.assert_allclose(np.asarray(batch.x).mean(axis=0), -0.4, atol=0.05)
    np.testing.assert_array_equal(batch.y[:, 0], batch.x[:, 0] * batch.x[:, 1])
    with pytest.raises(InputError, match="members"):
        Parity(2, 3, 5)
    with pytest.raises(InputError, match="bias"):
        Parity(3, 2, 5, bias=1.0)
