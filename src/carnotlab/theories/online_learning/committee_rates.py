r"""What a network's description means in the terms of online learning: its rates and overlaps.

With effective matrices :math:`W = w/\sqrt N` and v, a step of the library moves
:math:`W_1` by :math:`\ell\, s_1 m_1^2` times the gradient, :math:`\ell` the learning rate,
:math:`m` the multiplier and :math:`s` the rate scale of the parameterization. Online learning
counts time in examples per input, so :math:`\eta = N \ell s_1 m_1^2`, :math:`\eta_v = N \ell s_2
m_2^2`. Under `Standard`, both are :math:`N\ell`.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import OutOfReachError, require_positive
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import SquaredError
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.schedules import Constant
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Weights, scalings
from carnotlab.networks.initialisation import given
from carnotlab.networks.layers import Dense
from carnotlab.networks.parameterization import NTK
from carnotlab.tasks.teacher_student import TeacherActivation, TeacherStudent
from carnotlab.theories.base import require_start
from carnotlab.theories.online_learning.field_averages import layer_of
from carnotlab.theories.online_learning.overlaps import Overlaps, Rates, Teacher

NAME = "online learning of committee machines"


def committee_teacher(experiment: Experiment) -> tuple[TeacherStudent, Teacher]:
    """Return the task, and its teacher as overlaps.

    Raises:
        OutOfReachError: if the task has no such teacher.
    """
    task = experiment.task
    if not isinstance(task, TeacherStudent):
        raise OutOfReachError(
            f"the task {type(task).__name__} for {NAME}", "TeacherStudent", "use that task"
        )
    return task, Teacher(task.overlaps, task.second_weights, task.noise, task.activation)


def committee_rates(experiment: Experiment) -> Rates:
    r"""Return :math:`\eta`, :math:`\eta_v` and the batch of an experiment.

    Raises:
        OutOfReachError: unless two layers without bias and with the teacher's activation learn by
            plain gradient descent on squared error, a few examples a step.

    >>> from carnotlab.experiment.training import Training
    >>> task = TeacherStudent(100, 2)
    >>> network = Network(100, (Dense(3), layer_of("erf"), Dense(1)))
    >>> training = Training(GradientDescent(0.005), 10, Online())
    >>> committee_rates(Experiment(task, network, training))
    Rates(first=0.5, second=0.5, batch=1)
    """
    task, _ = committee_teacher(experiment)
    training, network = experiment.training, experiment.network
    activation = layer_of(task.activation)
    required: tuple[tuple[bool, object, str], ...] = (
        (training.loss == SquaredError(), training.loss, "SquaredError()"),
        (isinstance(training.batching, Online | Minibatch), training.batching, "Online()"),
        (training.schedule == Constant(), training.schedule, "Constant()"),
        (training.weight_decay == 0.0, f"weight_decay={training.weight_decay}", "no decay"),
        (training.early_stopping is None, training.early_stopping, "early_stopping=None"),
        (_is_committee(network, activation), network.layers, f"Dense, {activation}, Dense(1)"),
    )
    for fits, found, instead in required:
        if not fits:
            raise OutOfReachError(
                f"{found} for {NAME}", "what it was derived for", f"use {instead}"
            )
    rule, batching = training.rule, training.batching
    if not isinstance(rule, GradientDescent) or rule.momentum != 0.0:
        raise OutOfReachError(
            f"the rule {rule} for {NAME}", "plain gradient descent", "use GradientDescent(rate)"
        )
    assert isinstance(batching, Online | Minibatch)
    first, second = (
        task.inputs * rule.learning_rate * scale * its.weight_multiplier**2
        for scale, its in zip(
            experiment.model.rate_scales("gradient"), scalings(network), strict=True
        )
    )
    return Rates(float(first), float(second), batching.size)


def starting_overlaps(experiment: Experiment, start: Weights | None) -> Overlaps:
    """Return the overlaps of every member's weights at time zero, float64.

    Raises:
        InputError: if there are no weights.
    """
    weights = require_start(start)
    task, _ = committee_teacher(experiment)
    first, second = (
        its.weight_multiplier * np.asarray(layer["weight"], dtype=np.float64)
        for its, layer in zip(scalings(experiment.network), weights, strict=True)
    )
    cross = first @ task.first_weights.T / np.sqrt(task.inputs)
    return Overlaps(first @ first.transpose(0, 2, 1), cross, second[:, 0])


def committee_student(
    first: Sequence[Float[np.ndarray, "k n"]],
    second: Sequence[Float[np.ndarray, " k"]],
    *,
    activation: TeacherActivation = "erf",
    second_rate: float = 1.0,
) -> Network:
    r"""Return the network of given students, :math:`\sum_k v_k\,g(w_k\cdot x/\sqrt N)`.

    Trained at a learning rate of :math:`\eta/N`, the first layer learns at :math:`\eta` and the
    second at ``second_rate`` times :math:`\eta`. The fixed second layer of a soft committee machine
    is a small rate, 1e-12, in terms of a parameterization: zero up to rounding. A student with
    fewer units than others is one whose other units have no weights at all: with g(0) = 0 they
    stay so.

    Args:
        first: :math:`w`, one ``[k, n]`` for each member of the ensemble.
        second: v, one ``[k]`` for each member.
        activation: The teacher's.
        second_rate: :math:`\eta_v/\eta`, above 0.

    Raises:
        InputError: for rates that are not positive, or members of different shapes.

    >>> student = committee_student([np.ones((3, 50))], [np.ones(3)], second_rate=1e-12)
    >>> student.parameterization, student.outputs
    (NTK(), 1)
    """
    require_positive("second_rate", second_rate)
    w, v = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    members, k, n = w.shape
    start = given([w / np.sqrt(n), v.reshape(members, 1, k)])
    layer = layer_of(activation)
    # Under NTK a layer of variance s² and fan-in f learns s²/f times as fast as under Standard.
    return Network(n, (Dense(k, float(n)), layer, Dense(1, second_rate * k)), NTK(), start)


def _is_committee(network: Network, activation: object) -> bool:
    match network.layers:
        case (Dense(bias_variance=None), between, Dense(1, bias_variance=None)):
            return between == activation and not network.frozen
        case _:
            return False
