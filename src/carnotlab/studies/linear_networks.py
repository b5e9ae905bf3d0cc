"""Linear networks as several studies train them: of one layer, on given samples, for their map."""

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import Batch, Data
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.training import Training
from carnotlab.measures.layer_matrices import END_TO_END_MAP, end_to_end_matrix
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Initialisation
from carnotlab.tasks.gaussian_regression import GaussianRegression
from carnotlab.training.consecutive import train_consecutively


def one_layer(
    inputs: int,
    samples: int,
    initialisation: Initialisation,
    training: Training,
    *,
    outputs: int = 1,
) -> Experiment:
    """Return an experiment on one linear layer, for samples that are given in training.

    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.networks.initialisation import given
    >>> training = Training(GradientDescent(0.1), 5)
    >>> one_layer(3, 6, given([np.zeros((2, 1, 3))]), training).task.input_shape
    (3,)
    """
    return Experiment(
        GaussianRegression(inputs, samples, outputs=outputs, held_out=1),
        deep_linear(inputs, (), outputs, initialisation=initialisation),
        training,
    )


def trained_maps(
    experiment: Experiment,
    x: Float[np.ndarray, "seed phase n in"],
    y: Float[np.ndarray, "seed phase n out"],
    *,
    rates: Float[np.ndarray, " phase"] | None = None,
) -> Float[np.ndarray, "seed phase time out in"]:
    """Train linear networks on samples of their own and return the map of each at record times.

    A member is trained on its phases in turn; ``rates`` are the learning rates of each, if they
    change. See `carnotlab.training.consecutive.train_consecutively`.

    >>> from carnotlab.experiment.rules import GradientDescent
    >>> from carnotlab.experiment.times import At
    >>> from carnotlab.networks.initialisation import given
    >>> training = Training(GradientDescent(1.0), 1, record=At((1.0,)))
    >>> start = given([np.zeros((1, 1, 2))])
    >>> x, y = np.array([[[[1.0, 0.0]], [[0.0, 2.0]]]]), np.ones((1, 2, 1, 1))
    >>> trained_maps(one_layer(2, 1, start, training), x, y)[0, :, 0, 0].tolist()
    [[1.0, 0.0], [1.0, 2.0]]
    """
    batch = Batch(x, y)
    seen = train_consecutively(
        experiment, Data(batch, batch), (end_to_end_matrix,), range(len(x)), rates=rates
    )
    return seen[END_TO_END_MAP.name]
