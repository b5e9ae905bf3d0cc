"""Information in the weights of any trained classifier: codelength, and a bound on its error."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import OutOfReachError, require
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.measures.base import Measure, State
from carnotlab.measures.losses import TEST_PREDICTION, test_prediction
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model, Weights, scalings
from carnotlab.tasks.drawing import generator
from carnotlab.theories.information.pac_bayes import Apply, StochasticBound, stochastic_bound
from carnotlab.theories.information.prequential import (
    class_nats,
    doubling_blocks,
    prequential_codelength,
)
from carnotlab.training.several_samples import Trainer, repeated, trainer

STORED_WEIGHTS = Quantity("stored_weights", ("weight",), "1", "every stored weight and bias")


def _stored(state: State, data: Data) -> Float[Array, " weights"]:
    del data
    return ravel_pytree(state.weights)[0]


stored_weights = Measure(STORED_WEIGHTS, _stored)
"""Every stored weight and bias as one vector, ``[weights]``."""


class Trained(NamedTuple):
    """A network at the end of training, its start, and its outputs on some inputs."""

    weights: Weights
    start: Weights
    outputs: Float[np.ndarray, "n k"]


def trained_on(experiment: Experiment, seed: int, batch: Batch, whole: Batch) -> Trained:
    """Train a network on a part of some samples, and see what it says of all of them.

    The program is compiled once for samples of one size: parts are repeated to the size of the
    whole, which they must divide, so that all take the same steps.
    """
    data = Data(repeated(batch, whole.size), whole)
    found = _trainer(experiment)(data, seed)
    start = jax.tree.map(lambda leaf: leaf[0], experiment.start((seed,)))
    unravel: Callable[[Array], Any] = ravel_pytree(start)[1]
    weights = unravel(jnp.asarray(found[STORED_WEIGHTS.name]))
    return Trained(weights, start, np.asarray(found[TEST_PREDICTION.name], dtype=np.float64))


def network_codelength(
    experiment: Experiment,
    seeds: Sequence[int] = (0,),
    *,
    first: int = 8,
    data: Data | None = None,
) -> Float[np.ndarray, "seed block"]:
    r"""Return the prequential codelength of the training labels by a trained network, in nats.

    Blocks double from ``first`` samples; the first costs the uniform code, :math:`\ln k` a label,
    each other what the network says of it after training on all before. A seed draws start,
    batches and the order of the samples. The probabilities are the softmax of the outputs as they
    are: a network that is sure of what it has wrong pays for it.

    Args:
        experiment: A classification with cross-entropy; its training holds for every prefix.
        seeds: One member each.
        first: Samples in the first block; the training samples must be this times a power of two.
        data: Samples of the same sizes in place of the task's own, without compiling anew.

    Raises:
        InputError: for numbers of samples that do not double.
        OutOfReachError: if outputs are not trained as probabilities.

    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.digits import Digits
    >>> training = Training(duration=50, loss=CrossEntropy(), record=At((50,)))
    >>> experiment = Experiment(Digits(32, 10, classes=(0, 1)), mlp(64, (8,), 2), training)
    >>> network_codelength(experiment, first=16).shape
    (1, 2)
    """
    _refuse_other_losses(experiment)
    samples = (experiment.task.data() if data is None else data).train
    ends = doubling_blocks(samples.size, first)
    uniform = first * float(np.log(samples.y.shape[1]))

    def member(seed: int) -> Float[np.ndarray, " block"]:
        ordered = in_order_of(samples, seed)

        def fit(seen: Batch) -> Callable[[Batch], float]:
            outputs = trained_on(experiment, seed, seen, ordered).outputs
            begin = seen.size
            return lambda new: float(
                class_nats(outputs[begin : begin + new.size], np.asarray(new.y)).sum()
            )

        return prequential_codelength(fit, ordered, ends, uniform)

    return np.stack([member(seed) for seed in seeds])


def network_bound(
    experiment: Experiment,
    seeds: Sequence[int] = (0,),
    *,
    data: Data | None = None,
    **options: Any,
) -> tuple[StochasticBound, ...]:
    """Return the bound on the error of the stochastic network around each trained one.

    The prior is centred on the network's start. Widths are in units of the start's standard
    deviation of each layer. ``options`` are those of `stochastic_bound`.

    Raises:
        OutOfReachError: if outputs are not trained as classes, or a bias starts at zero.
    """
    _refuse_other_losses(experiment)
    samples = (experiment.task.data() if data is None else data).train
    scales, found = start_scales(experiment), []
    for seed in seeds:
        network = trained_on(experiment, seed, samples, samples)
        found.append(
            stochastic_bound(
                apply_of(experiment.network),
                network.weights,
                network.start,
                samples,
                scales=scales,
                **options,
            )
        )
    return tuple(found)


def start_scales(experiment: Experiment) -> tuple[dict[str, float], ...]:
    """Return the standard deviation at the start of each layer's stored weights and bias.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.digits import Digits
    >>> start_scales(Experiment(Digits(10, 10), mlp(64, (), 10), Training()))
    ({'weight': 1.0},)
    """
    found: list[dict[str, float]] = []
    network = experiment.network
    for layer, scale in zip(network.maps, scalings(network), strict=True):
        spreads = {"weight": scale.weight_std}
        if layer.bias_variance is not None:
            if scale.bias_std == 0.0:
                raise OutOfReachError(
                    "a bias that starts at zero, for noise in units of its start",
                    "biases with a variance, or none",
                    "use stochastic_bound with scales of your own",
                )
            spreads["bias"] = scale.bias_std
        found.append(spreads)
    return tuple(found)


@lru_cache(maxsize=8)
def apply_of(network: Network) -> Apply:
    """Return a network as a function of weights and inputs, the same object each time.

    Programs are kept by the function they were compiled for.

    Raises:
        OutOfReachError: for batch norm, with which a sample's code would depend on the others.
    """
    model = Model(network)
    if model.couples_samples:
        raise OutOfReachError(
            "BatchNorm in a code of samples by weights",
            "outputs that do not depend on the other samples of a batch",
            "use GroupNorm() or LayerNorm()",
        )
    return model.apply


def in_order_of(samples: Batch, seed: int) -> Batch:
    """Return the samples in the random order that a seed stands for."""
    order = generator(seed, "order of samples").permutation(samples.size)
    return Batch(np.asarray(samples.x)[order], np.asarray(samples.y)[order])


@lru_cache(maxsize=8)
def _trainer(experiment: Experiment) -> Trainer:
    return trainer(experiment, [test_prediction, stored_weights])


def _refuse_other_losses(experiment: Experiment) -> None:
    require(
        experiment.task.is_classification,
        "a regression, for the information in a classifier's weights",
        "one-hot classes",
        "for Gaussian targets use prequential_codelength with a learner of your own",
    )
    if not isinstance(experiment.training.loss, CrossEntropy):
        raise OutOfReachError(
            f"{experiment.training.loss} for codes of classes",
            "outputs trained as probabilities",
            "use CrossEntropy()",
        )
