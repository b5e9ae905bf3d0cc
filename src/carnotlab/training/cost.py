"""What training a member costs, before anything is trained: products, bytes and rough seconds."""

from dataclasses import dataclass
from math import prod

import numpy as np

from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.networks.description import Network

PRODUCTS_PER_SECOND = 1.5e10
"""Multiplications and additions a second of one core on batches of small matrices.

Nominal: it decides how work is cut up, which must not depend on the machine of the day.
"""

SECONDS_PER_STEP = 5e-6
"""What a step costs one member whatever its size, among a lane of others."""

FLOW_STEPS = 500
"""Evaluations of the gradient that an adaptive solver is taken to need."""


@dataclass(frozen=True)
class Cost:
    """Of one member: ``seconds`` on a nominal core, ``working`` bytes, ``recorded`` bytes.

    ``working`` is touched at every step; ``peak`` is what one member may hold at once, records
    over all samples included.
    """

    seconds: float
    working: float
    peak: float
    recorded: float


def products_per_sample(network: Network) -> float:
    """Return the multiplications of one forward pass; an upper bound where convolutions stride.

    >>> from carnotlab.networks.architectures import mlp
    >>> products_per_sample(mlp(10, (20,), 2))
    240.0
    """
    positions = prod(network.shape[:-1])
    return float(sum(prod(each.shape) for each in network.maps) * positions)


def member_cost(experiment: Experiment, numbers_per_record: int) -> Cost:
    """Return what one member of an experiment costs; ``numbers_per_record`` are kept each time.

    A step is three times a forward pass; a record is a forward pass over all samples.

    >>> from carnotlab.experiment.training import Training
    >>> from carnotlab.networks.architectures import mlp
    >>> from carnotlab.tasks.gaussian_regression import GaussianRegression
    >>> task, training = GaussianRegression(10, samples=64), Training(duration=200)
    >>> small, large = (Experiment(task, mlp(10, (n,), 1), training) for n in (8, 800))
    >>> member_cost(small, 1).seconds < member_cost(large, 1).seconds
    True
    """
    network, training = experiment.network, experiment.training
    data = experiment.task.data()
    samples = data.train.size + data.test.size
    match training.batching:
        case Minibatch(size) | Online(size):
            batch = size
        case _:
            batch = data.train.size
    steps = FLOW_STEPS if training.is_flow else float(training.duration)
    times = len(training.times)
    products = products_per_sample(network)
    number = np.dtype(training.precision).itemsize
    weights = sum(prod(each.shape) for each in network.maps)
    units = sum(each.outputs for each in network.maps) * prod(network.shape[:-1])
    # Weights, start, gradient, the rule's memory and one copy; activity and its derivative.
    working = number * (6 * weights + 3 * batch * units)
    return Cost(
        seconds=steps * (SECONDS_PER_STEP + 3 * batch * products / PRODUCTS_PER_SECOND)
        + times * samples * products / PRODUCTS_PER_SECOND,
        working=working,
        peak=max(working, number * (6 * weights + 2 * samples * units)),
        recorded=number * times * numbers_per_record,
    )
