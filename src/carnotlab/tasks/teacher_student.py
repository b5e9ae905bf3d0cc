"""Targets from a soft committee machine, the teacher of online-learning theory."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias, assert_never, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy import special  # pyright: ignore[reportMissingTypeStubs]

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import require, require_not_negative
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_choice, require_numbers, require_whole
from carnotlab.tasks.drawing import generator, orthonormal_columns, sealed

TeacherActivation: TypeAlias = Literal["erf", "relu", "linear"]


@dataclass(frozen=True)
class TeacherStudent(Task):
    r"""Targets :math:`y = \sum_m v_m\,g(w_m\cdot x/\sqrt N) + \varepsilon`, inputs :math:`N(0,I)`.

    ``activation`` g is :math:`\mathrm{erf}(x/\sqrt2)`, :math:`\max(x,0)` or x. The teacher has
    M ``units``, second-layer weights v (``second_layer``, default all 1) and first-layer entries
    :math:`N(0,1)`; with ``orthonormal`` its overlaps :math:`T_{mn} = w_m\cdot w_n/N` are exactly
    the identity (needs M <= N). ``noise`` is the standard deviation of
    :math:`\varepsilon`, in target units.

    ``samples`` is the size of the training set, where one is used (online learning draws from
    `sample` instead). ``held_out`` samples come from the same distribution; their targets are
    noisy too unless ``noisy_held_out`` is false, as the theory's generalization error has it.

    Raises:
        InputError: for counts below 1, one second-layer weight too many or too few, or more
            orthonormal units than inputs.

    References: saad1995.

    >>> task = TeacherStudent(inputs=100, units=2, orthonormal=True)
    >>> bool(np.allclose(task.overlaps, np.eye(2))), task.data().train.y.shape
    (True, (1000, 1))
    """

    inputs: int
    units: int
    activation: TeacherActivation = "erf"
    second_layer: tuple[float, ...] | None = None
    noise: float = 0.0
    orthonormal: bool = False
    samples: int = 1000
    held_out: int = 1024
    noisy_held_out: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("inputs", "units", "samples", "held_out"):
            require_whole(name, getattr(self, name), 1)
        require_whole("seed", self.seed, 0)
        require_choice("activation", self.activation, ("erf", "relu", "linear"))
        require_not_negative("noise", self.noise)
        if self.second_layer is not None:
            require_numbers("second_layer", self.second_layer)
            require(
                len(self.second_layer) == self.units,
                f"{len(self.second_layer)} second-layer weights for {self.units} units",
                "one weight for each unit",
                "correct second_layer or units",
            )
        require(
            self.units <= self.inputs or not self.orthonormal,
            f"{self.units} orthonormal units on {self.inputs} inputs",
            f"at most {self.inputs}",
            "use fewer units, or orthonormal=False",
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(inputs,)``."""
        return (self.inputs,)

    @property
    def output_size(self) -> int:
        """One output."""
        return 1

    @property
    def first_weights(self) -> Float[np.ndarray, "units inputs"]:
        """The teacher's first layer, rows :math:`w_m`."""
        random = generator(self.seed, "teacher")
        if self.orthonormal:
            return np.sqrt(self.inputs) * orthonormal_columns(random, self.inputs, self.units).T
        return random.standard_normal((self.units, self.inputs))

    @property
    def second_weights(self) -> Float[np.ndarray, " units"]:
        """The teacher's second layer v."""
        return np.ones(self.units) if self.second_layer is None else np.asarray(self.second_layer)

    @property
    def overlaps(self) -> Float[np.ndarray, "units units"]:
        r"""Teacher overlaps :math:`T_{mn} = w_m\cdot w_n/N`."""
        W = self.first_weights
        return W @ W.T / self.inputs

    def data(self) -> Data:
        """Return ``samples`` to train on and ``held_out`` more, read-only float64."""
        return _data(self)

    def sample(self, key: Key[Array, ""], n: int) -> Batch:
        """Draw ``n`` fresh samples with noise, in JAX."""
        for_inputs, for_noise = jax.random.split(key)
        x = jax.random.normal(for_inputs, (n, self.inputs))
        fields = x @ (self.first_weights.T / np.sqrt(self.inputs))
        match self.activation:
            case "erf":
                hidden = jax.scipy.special.erf(fields / math.sqrt(2.0))
            case "relu":
                hidden = jnp.maximum(fields, 0.0)
            case "linear":
                hidden = fields
            case _:
                assert_never(self.activation)
        noise = self.noise * jax.random.normal(for_noise, (n, 1))
        return Batch(x, (hidden @ self.second_weights)[:, None] + noise)


def teacher_outputs(
    task: TeacherStudent, x: Float[np.ndarray, "n inputs"]
) -> Float[np.ndarray, "n 1"]:
    """Return the teacher's noise-free outputs on some inputs, float64.

    >>> teacher_outputs(TeacherStudent(3, 2), np.zeros((5, 3))).ravel()
    array([0., 0., 0., 0., 0.])
    """
    fields = x @ task.first_weights.T / np.sqrt(task.inputs)
    match task.activation:
        case "erf":
            hidden = cast("Any", special).erf(fields / math.sqrt(2.0))
        case "relu":
            hidden = np.maximum(fields, 0.0)
        case "linear":
            hidden = fields
        case _:
            assert_never(task.activation)
    return (hidden @ task.second_weights)[:, None]


@lru_cache(maxsize=4)
def _data(task: TeacherStudent) -> Data:
    def draw(purpose: str, n: int, noise: float) -> Batch:
        random = generator(task.seed, purpose)
        x = random.standard_normal((n, task.inputs))
        return sealed(x, teacher_outputs(task, x) + noise * random.standard_normal((n, 1)))

    held_out = draw("test", task.held_out, task.noise if task.noisy_held_out else 0.0)
    return Data(draw("train", task.samples, task.noise), held_out)
