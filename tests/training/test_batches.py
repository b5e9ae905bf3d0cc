"""Which samples each step sees: epochs without repetition, draws with it, fresh ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from carnotlab.core.data import Batch
from carnotlab.core.keys import key_for
from carnotlab.experiment.batching import FullBatch, Minibatch, Online
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.batches import batches, steps_per_epoch

TASK = GaussianRegression(3, samples=5, outputs=2, held_out=4)


def numbered(samples):
    """Samples that carry their number in input and target."""
    numbers = jnp.arange(float(samples))[:, None]
    return Batch(numbers, -numbers)


def drawn(batching, samples, steps, seed=0):
    """Return the numbers of the samples of each step, ``[steps, size]``."""
    begin, draw = batches(batching, TASK, samples)
    key, train = key_for(seed, "batches"), numbered(samples)

    def step(order, index):
        order, batch = draw(order, key, index, train)
        return order, (batch.x[:, 0], batch.y[:, 0])

    _, (x, y) = jax.jit(lambda: jax.lax.scan(step, begin(key), jnp.arange(steps)))()
    np.testing.assert_array_equal(x, -y)
    return np.asarray(x).astype(int)


def test_an_epoch_sees_every_sample_exactly_once_where_batches_fit():
    rows = drawn(Minibatch(4), 12, 9)
    epochs = rows.reshape(3, 12)
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(12))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3


def test_an_epoch_sees_no_sample_twice_where_batches_do_not_fit():
    rows = drawn(Minibatch(5), 13, 40).reshape(20, 10)
    for epoch in rows:
        assert len(set(epoch.tolist())) == 10
    # The three left out are others each time: over 20 epochs nobody is always left out.
    assert set(rows.ravel().tolist()) == set(range(13))


def test_orders_are_uniform():
    """Over epochs every sample stands at the first place about equally often."""
    first = drawn(Minibatch(1), 4, 4 * 500).reshape(500, 4)[:, 0]
    counts = np.bincount(first, minlength=4)
    # Chi-squared with 3 degrees of freedom exceeds 16.3 once in a thousand.
    assert np.sum((counts - 125) ** 2 / 125) < 16.3


def test_seeds_have_their_own_orders():
    assert not np.array_equal(drawn(Minibatch(4), 12, 3), drawn(Minibatch(4), 12, 3, seed=1))
    np.testing.assert_array_equal(drawn(Minibatch(4), 12, 3), drawn(Minibatch(4), 12, 3))


def test_draws_with_replacement_are_independent_and_uniform():
    rows = drawn(Minibatch(6, replacement=True), 10, 1000)
    counts = np.bincount(rows.ravel(), minlength=10)
    # Chi-squared with 9 degrees of freedom exceeds 27.9 once in a thousand.
    assert np.sum((counts - 600) ** 2 / 600) < 27.9
    # Six of ten are all different with probability 10!/(4! 10^6) = 15.1 %; four standard errors.
    distinct = np.mean([len(set(row)) == 6 for row in rows.tolist()])
    assert distinct == pytest.approx(0.1512, abs=4 * np.sqrt(0.1512 * 0.8488 / 1000))
    # Successive draws do not depend on each other.
    assert abs(np.corrcoef(rows[:-1, 0], rows[1:, 0])[0, 1]) < 4 / np.sqrt(999)


def test_a_full_batch_is_everything_at_every_step():
    rows = drawn(FullBatch(), 7, 3)
    assert rows.tolist() == [list(range(7))] * 3


def test_fresh_samples_never_repeat():
    begin, draw = batches(Online(8), TASK, 5)
    train = TASK.data().train
    seen = []
    for seed in range(2):
        key = key_for(seed, "batches")
        step = jax.jit(lambda index, key=key: draw(begin(key), key, index, train)[1])
        for index in range(50):
            batch = step(index)
            assert batch.x.shape == (8, 3)
            assert batch.y.shape == (8, 2)
            seen += [tuple(row) for row in np.asarray(batch.x).tolist()]
    assert len(set(seen)) == len(seen) == 800
    known = {tuple(row) for row in np.asarray(train.x, np.float32).tolist()}
    assert not known & set(seen)


@pytest.mark.parametrize(
    ("batching", "expected"),
    [(FullBatch(), 1), (Minibatch(4), 3), (Minibatch(13), 1), (Online(5), 2), (Online(50), 1)],
)
def test_steps_of_an_epoch(batching, expected):
    assert steps_per_epoch(batching, 13) == expected
