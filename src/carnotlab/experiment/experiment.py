"""The experiment: a task, a network and a training rule, as one frozen description."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import jax
import numpy as np

from carnotlab.core.data import Modes
from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError, require
from carnotlab.core.precision import precision
from carnotlab.experiment.batching import Minibatch, Online
from carnotlab.experiment.losses import CrossEntropy
from carnotlab.experiment.rules import GradientFlow
from carnotlab.experiment.schedules import Tabulated
from carnotlab.experiment.training import Training
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model, Weights
from carnotlab.networks.initialisation import Aligned, Given
from carnotlab.networks.layers import has_noise
from carnotlab.tasks.base import Task
from carnotlab.tasks.statistics import input_output_modes


@dataclass(frozen=True)
class Experiment:
    """What is learned, by which network, how. No arrays, no random state.

    Raises:
        InputError: if the parts do not fit: sizes, loss and targets, batch and data.
    """

    task: Task
    network: Network
    training: Training

    def __post_init__(self) -> None:
        require(
            self.network.input_size == self.task.input_size,
            f"a network of {self.network.input_size} inputs on a task of {self.task.input_size}",
            "equal sizes",
            f"set inputs={self.task.input_size}",
        )
        require(
            self.network.outputs == self.task.output_size,
            f"a network of {self.network.outputs} outputs on a task of {self.task.output_size}",
            "equal sizes",
            f"end the network in Dense({self.task.output_size})",
        )
        if isinstance(self.training.loss, CrossEntropy):
            require(
                self.task.is_classification,
                "cross-entropy on real-valued targets",
                "one-hot classes",
                "use SquaredError()",
            )
        if isinstance(self.training.rule, GradientFlow):
            require(
                not has_noise(self.network.layers),
                "Dropout or DropConnect under gradient flow, which has no steps to draw noise at",
                "a rule with steps",
                "use GradientDescent() or Adam()",
            )
        self._require_columns()
        match self.training.batching:
            case Minibatch(size):
                available = self.task.data().train.size
                require(
                    size <= available,
                    f"batches of {size} from {available} samples",
                    "batches no larger than the training set",
                    "use FullBatch() or a smaller size",
                )
            case Online():
                self.task.sample(jax.random.key(0), 1)
            case _:
                pass

    def _require_columns(self) -> None:
        """Check that what is given for each linear map is given for all of them."""
        training, depth = self.training, self.network.depth
        schedule, decay = training.schedule, training.weight_decay
        for what, columns in (
            ("rates", schedule.maps if isinstance(schedule, Tabulated) else 1),
            ("decays", len(decay) if isinstance(decay, tuple) else 1),
        ):
            require(
                columns in (1, depth),
                f"{columns} {what} for {depth} linear maps",
                "one for each, in order of the forward pass",
                "see network.maps, or give one for all",
            )

    @property
    def model(self) -> Model:
        """The finite reading of the network."""
        return Model(self.network)

    @property
    def key(self) -> str:
        """A digest of the whole description; equal descriptions have equal keys."""
        return content_key(self)

    def start(self, seeds: Sequence[int]) -> Weights:
        """Draw the stored weights at time zero, with a leading dimension over ``seeds``.

        This is all a theory may see of a run.
        """
        if not seeds:
            raise InputError("no seeds", "at least one", "use seeds=(0,)")
        # Random keys hold 32 bits here: beyond, two different seeds would be one member.
        require(
            all(0 <= seed < 2**31 for seed in seeds),
            f"seeds = {seeds}",
            "whole numbers from 0 to 2147483647",
            "use range(n)",
        )
        start = self.network.initialisation
        if isinstance(start, Given):
            require(
                max(seeds) < start.members,
                f"seed {max(seeds)} of a start given for {start.members} members",
                f"seeds below {start.members}",
                "the seed names the member",
            )
        return _start(self.network, self._modes(), tuple(seeds), self.training.precision)

    def _modes(self) -> "_Frozen | None":
        if not isinstance(self.network.initialisation, Aligned):
            return None
        return _Frozen(self.task)


@dataclass(frozen=True)
class _Frozen:
    """A task standing for its modes, so that they can be an argument of a cached function."""

    task: Task

    def modes(self) -> Modes:
        return input_output_modes(self.task.data().train)


@lru_cache(maxsize=8)
def _start(network: Network, frozen: _Frozen | None, seeds: tuple[int, ...], kind: str) -> Weights:
    with precision("float64" if kind == "float64" else "float32"):
        modes = None if frozen is None else frozen.modes()
        model = Model(network)
        # Not compiled as one program: that takes seconds for deep networks, whose layers of equal
        # shape would otherwise share what draws them.
        return jax.vmap(lambda seed: model.start(seed, modes))(np.asarray(seeds))
