"""Losses, accuracies and predictions on the samples trained on and on those held out."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from carnotlab.core.data import Batch, Data, RealArray
from carnotlab.core.errors import require
from carnotlab.core.quantities import Quantity
from carnotlab.measures.base import Measure, State

TRAIN_LOSS = Quantity("train_loss", (), "loss", "loss on the training samples")
TEST_LOSS = Quantity("test_loss", (), "loss", "loss on held-out samples")
TRAIN_ACCURACY = Quantity("train_accuracy", (), "fraction", "correct training samples")
TEST_ACCURACY = Quantity("test_accuracy", (), "fraction", "correct held-out samples")
TRAIN_PREDICTION = Quantity(
    "train_prediction", ("train_sample", "output"), "1", "outputs on the training samples"
)
TEST_PREDICTION = Quantity(
    "test_prediction", ("test_sample", "output"), "1", "outputs on held-out samples"
)


def predictions(
    state: State, batch: Batch, reference: Batch | None = None
) -> Float[Array, "n outputs"]:
    """Return the outputs on a batch.

    Batch norms normalize by the ``reference``, which for held-out samples is the training set; by
    the batch itself if there is none. Other networks do not look at it.

    Raises:
        InputError: if there are no samples.
    """
    require(
        len(batch.x) > 0,
        "a batch without samples",
        "at least one",
        "give the task held-out samples, or do not record them",
    )
    x = jnp.asarray(batch.x)
    if reference is None or not state.model.couples_samples:
        return state.model.apply(state.weights, x)
    known = state.model.statistics(state.weights, jnp.asarray(reference.x))
    return state.model.apply(state.weights, x, statistics=known)


def batch_loss(state: State, batch: Batch, reference: Batch | None = None) -> Float[Array, ""]:
    """Return the training loss on a batch, without weight decay. Unit: loss.

    ``reference`` is what batch norms normalize by, as in `predictions`.

    Targets of shape ``[n]`` beside outputs ``[n, 1]``, which would broadcast to ``[n, n]`` in a
    loss without any error, are refused.

    Raises:
        InputError: if outputs and targets differ in shape, or there are no samples.
    """
    outputs = predictions(state, batch, reference)
    require_same_shape(outputs, batch.y)
    return state.loss(outputs, jnp.asarray(batch.y))


def accuracy(
    outputs: Float[Array, "n k"], targets: Float[Array, "n k"], threshold: Float[Array, ""] | float
) -> Float[Array, ""]:
    r"""Fraction of samples whose class is right.

    With several outputs the class is the largest entry, :math:`\arg\max_k` (the first of equals),
    of outputs and of targets alike. With one output it is the side of ``threshold`` on which the
    number lies, strictly above or not. A sample with an output that is not finite counts as
    wrong: a diverged network knows nothing.

    Raises:
        InputError: if outputs and targets differ in shape.

    >>> float(accuracy(jnp.array([[2.0], [-1.0]]), jnp.array([[1.0], [1.0]]), threshold=0.0))
    0.5
    """
    require_same_shape(outputs, targets)
    if outputs.shape[-1] == 1:
        right = (outputs[:, 0] > threshold) == (targets[:, 0] > threshold)
    else:
        right = jnp.argmax(outputs, axis=-1) == jnp.argmax(targets, axis=-1)
    finite = jnp.all(jnp.isfinite(outputs), axis=-1)
    return jnp.mean(right & finite, dtype=outputs.dtype)


def midpoint(targets: Float[Array, "n k"]) -> Float[Array, ""]:
    r"""Halfway between the smallest and the largest target: the threshold of a single output.

    It is 0 for targets :math:`\pm 1` and 1/2 for targets 0 and 1.

    >>> float(midpoint(jnp.array([[0.0], [1.0], [1.0]])))
    0.5
    """
    return 0.5 * (jnp.min(targets) + jnp.max(targets))


def require_same_shape(outputs: Array, targets: RealArray) -> None:
    """Raise `InputError` unless outputs and targets have one shape.

    >>> require_same_shape(jnp.ones((3, 1)), jnp.ones((3, 1)))
    """
    shape = jnp.shape(targets)
    require(
        outputs.shape == shape,
        f"targets of shape {list(shape)} for outputs of shape {list(outputs.shape)}",
        "the same shape [n, outputs]",
        "reshape the targets, or give the last layer as many units as there are targets",
    )


def _train_loss(state: State, data: Data) -> Float[Array, ""]:
    return batch_loss(state, data.train)


def _test_loss(state: State, data: Data) -> Float[Array, ""]:
    return batch_loss(state, data.test, data.train)


# Both accuracies cut at the midpoint of the training targets: held-out samples may all be of one
# class, and what the network was taught is what decides.
def _train_accuracy(state: State, data: Data) -> Float[Array, ""]:
    targets = jnp.asarray(data.train.y)
    return accuracy(predictions(state, data.train), targets, midpoint(targets))


def _test_accuracy(state: State, data: Data) -> Float[Array, ""]:
    threshold = midpoint(jnp.asarray(data.train.y))
    outputs = predictions(state, data.test, data.train)
    return accuracy(outputs, jnp.asarray(data.test.y), threshold)


def _train_prediction(state: State, data: Data) -> Float[Array, "n outputs"]:
    return predictions(state, data.train)


def _test_prediction(state: State, data: Data) -> Float[Array, "n outputs"]:
    return predictions(state, data.test, data.train)


train_loss = Measure(TRAIN_LOSS, _train_loss)
"""Loss on the training samples, without weight decay (`batch_loss`)."""

test_loss = Measure(TEST_LOSS, _test_loss)
"""Loss on held-out samples, without weight decay (`batch_loss`)."""

train_accuracy = Measure(TRAIN_ACCURACY, _train_accuracy)
"""Fraction of training samples classified right (`accuracy`; one output: at the `midpoint`)."""

test_accuracy = Measure(TEST_ACCURACY, _test_accuracy)
"""Fraction of held-out samples classified right, cut at the midpoint of the training targets."""

train_prediction = Measure(TRAIN_PREDICTION, _train_prediction)
"""Outputs on every training sample, ``[train_sample, output]``."""

test_prediction = Measure(TEST_PREDICTION, _test_prediction)
"""Outputs on every held-out sample, ``[test_sample, output]``."""
