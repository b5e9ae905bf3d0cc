"""The training rule as plain data: rule, schedule, batches, loss, regularization, recording."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from carnotlab.core.errors import (
    OutOfReachError,
    require,
    require_not_negative,
    require_positive,
)
from carnotlab.core.precision import Precision
from carnotlab.experiment.batching import Batching, FullBatch
from carnotlab.experiment.losses import Loss, SquaredError
from carnotlab.experiment.rules import GradientDescent, GradientFlow, Rule
from carnotlab.experiment.schedules import Constant, Schedule, Tabulated
from carnotlab.experiment.times import Logarithmically, RecordTimes, recorded


@dataclass(frozen=True)
class EarlyStopping:
    """Stop a member after ``patience`` records without a lower held-out loss.

    The stop is a recorded fact: the member's weights stay as they are from then on, and the
    dataset says when that was (``stopped_at``, -1 for never). Times and predictions after it are
    those of the stopped network.
    """

    patience: int = 5

    def __post_init__(self) -> None:
        require_positive("patience", self.patience)


@dataclass(frozen=True)
class Training:
    r"""How a network is trained and when it is looked at.

    ``duration`` counts steps for discrete rules and flow time for `GradientFlow`.
    ``weight_decay`` :math:`\kappa` adds :math:`\tfrac{\kappa}{2}|w - w_{\mathrm{ref}}|^2` on the
    stored weights to what is minimized; with ``decay_to_start`` the reference is the start
    (ridge regression of a linearized network), else zero. A tuple holds one :math:`\kappa` for each
    linear map. With ``decoupled_decay`` nothing is added to what is minimized: at every step the
    weights lose :math:`\eta_t \kappa w` beside what the rule takes from them, as in SGDW and AdamW
    (loshchilov2019).

    >>> Training(GradientDescent(0.1), duration=100).times[-1]
    np.float64(100.0)
    """

    rule: Rule = field(default_factory=lambda: GradientDescent(0.1))
    duration: float = 1000
    batching: Batching = field(default_factory=FullBatch)
    loss: Loss = field(default_factory=SquaredError)
    schedule: Schedule = field(default_factory=Constant)
    weight_decay: float | tuple[float, ...] = 0.0
    decay_to_start: bool = False
    decoupled_decay: bool = False
    early_stopping: EarlyStopping | None = None
    record: RecordTimes = field(default_factory=Logarithmically)
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        require_positive("duration", self.duration)
        decays = self.weight_decay
        for decay in decays if isinstance(decays, tuple) else (decays,):
            require_not_negative("weight_decay", decay)
        if isinstance(self.schedule, Tabulated):
            self._require_table(self.schedule)
        if self.is_flow:
            require(
                isinstance(self.batching, FullBatch)
                and isinstance(self.schedule, Constant)
                and self.early_stopping is None
                and not self.decoupled_decay,
                "gradient flow with minibatches, a schedule, early stopping or decoupled decay",
                "full batches at a constant rate",
                "use GradientDescent with a small learning rate",
            )
        else:
            require(
                float(self.duration).is_integer(),
                f"duration = {self.duration}",
                "a whole number of steps",
                "use GradientFlow for real-valued time",
            )

    def _require_table(self, table: Tabulated) -> None:
        require(
            len(table.rates) >= self.duration,
            f"a table of {len(table.rates)} steps for {self.duration:g}",
            "a row for every step",
            "make the table longer, or train less",
        )
        require(
            not table.rescales or isinstance(self.rule, GradientDescent),
            f"a table that rescales weights under {type(self.rule).__name__}",
            "GradientDescent, whose memory is one buffer",
            "give rates alone",
        )

    @property
    def common_decay(self) -> float:
        """The weight decay of all linear maps.

        Raises:
            OutOfReachError: if each has its own.
        """
        if isinstance(self.weight_decay, tuple):
            raise OutOfReachError(
                "a weight decay for each linear map", "one for all", "give one number"
            )
        return self.weight_decay

    @property
    def is_flow(self) -> bool:
        """Whether time is flow time."""
        return isinstance(self.rule, GradientFlow)

    @property
    def times(self) -> Float[np.ndarray, " times"]:
        """Times at which the run is recorded, in steps or flow time."""
        return recorded(self.record, self.duration, whole=not self.is_flow)

    @property
    def flow_times(self) -> Float[np.ndarray, " times"]:
        r"""The same times as flow time: steps times the learning rate at a constant schedule."""
        match self.rule:
            case GradientFlow():
                return self.times
            case _:
                return self.times * self.rule.learning_rate
