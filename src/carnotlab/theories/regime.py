"""What several theories ask of a training rule, refused in one voice where it does not hold."""

from carnotlab.core.errors import OutOfReachError
from carnotlab.experiment.batching import FullBatch
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.losses import SquaredError
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.experiment.schedules import Constant
from carnotlab.networks.layers import has_noise


def full_batch_rule(
    experiment: Experiment, theory: str, *, any_loss: bool = False, noise: bool = False
) -> GradientDescent | GradientFlow:
    """Return the rule of an experiment that descends squared error on full batches.

    Theories of ``any_loss`` or of networks with ``noise`` (`Dropout`, `DropConnect`) say so.

    Raises:
        OutOfReachError: for any other loss, rule, batch or schedule, naming what to use instead.
    """
    training = experiment.training
    required: tuple[tuple[bool, object, str], ...] = (
        (any_loss or training.loss == SquaredError(), training.loss, "SquaredError()"),
        (training.batching == FullBatch(), training.batching, "FullBatch()"),
        (training.schedule == Constant(), training.schedule, "Constant()"),
        (training.early_stopping is None, training.early_stopping, "early_stopping=None"),
        (
            noise or not has_noise(experiment.network.layers),
            "Dropout or DropConnect",
            "a network without",
        ),
    )
    for fits, given, instead in required:
        if not fits:
            raise OutOfReachError(
                f"{given} for {theory}", "what the theory was derived for", f"use {instead}"
            )
    rule = training.rule
    if isinstance(rule, GradientDescent | GradientFlow):
        return rule
    raise OutOfReachError(
        f"the rule {type(rule).__name__} for {theory}",
        "gradient flow or gradient descent",
        "use GradientDescent(learning_rate)",
    )


def plain_learning_rate(
    experiment: Experiment, theory: str, *, any_loss: bool = False, noise: bool = False
) -> float:
    """Return the step of gradient descent without momentum or decay, 0 for gradient flow.

    Raises:
        OutOfReachError: if the theory has no word for the rule.
    """
    rule = full_batch_rule(experiment, theory, any_loss=any_loss, noise=noise)
    decay = experiment.training.weight_decay
    if decay:
        raise OutOfReachError(f"weight_decay = {decay} for {theory}", "none", "set it to 0")
    match rule:
        case GradientFlow():
            return 0.0
        case GradientDescent(rate, 0.0):
            return rate
        case GradientDescent():
            raise OutOfReachError(
                f"momentum = {rule.momentum} for {theory}", "no momentum", "set momentum=0"
            )
