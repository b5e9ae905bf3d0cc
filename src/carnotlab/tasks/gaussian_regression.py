"""Regression on Gaussian inputs with a random linear teacher and noisy labels."""

import math
from dataclasses import dataclass, field
from functools import lru_cache

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import require_not_negative
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_whole
from carnotlab.tasks.drawing import generator, sealed
from carnotlab.tasks.spectra import Isotropic, Spectrum, eigenvalues


@dataclass(frozen=True)
class GaussianRegression(Task):
    r"""Inputs :math:`x\sim N(0,\Sigma)`, targets :math:`y = Wx + \varepsilon`.

    :math:`\Sigma = \mathrm{diag}(\lambda)/N` for N ``inputs``, :math:`\lambda` the
    ``input_spectrum``, so that with the default :math:`\langle|x|^2\rangle = 1`; teacher entries
    are :math:`N(0, \sigma_w^2)` with ``teacher_variance`` :math:`\sigma_w^2`; label noise is
    :math:`N(0, \sigma_e^2)` with ``noise_variance`` :math:`\sigma_e^2`, both in squared target
    units. The signal-to-noise ratio is :math:`\sigma_w^2\,\overline{\lambda}/\sigma_e^2`. The axes
    are the eigenvectors: the teacher is isotropic, so turning them would change nothing.

    ``held_out`` samples come from the same distribution, label noise included unless
    ``noisy_held_out`` is false; their loss is then lower by the noise variance.

    Valid for any number of samples, fewer than inputs too; memory is that of
    ``[samples + held_out, inputs]`` float64 numbers.

    Raises:
        InputError: for counts below 1 or variances below 0.

    >>> task = GaussianRegression(inputs=200, samples=100, noise_variance=0.1)
    >>> task.data().train.x.shape, task.ratio
    ((100, 200), 0.5)
    """

    inputs: int
    samples: int
    outputs: int = 1
    input_spectrum: Spectrum = field(default_factory=Isotropic)
    teacher_variance: float = 1.0
    noise_variance: float = 0.0
    held_out: int = 1024
    noisy_held_out: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("inputs", "samples", "outputs", "held_out"):
            require_whole(name, getattr(self, name), 1)
        require_whole("seed", self.seed, 0)
        require_not_negative("teacher_variance", self.teacher_variance)
        require_not_negative("noise_variance", self.noise_variance)
        eigenvalues(self.input_spectrum, self.inputs)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input: ``(inputs,)``."""
        return (self.inputs,)

    @property
    def output_size(self) -> int:
        """Number of outputs."""
        return self.outputs

    @property
    def ratio(self) -> float:
        r"""Samples per input, :math:`\alpha = P/N`."""
        return self.samples / self.inputs

    @property
    def variances(self) -> Float[np.ndarray, " inputs"]:
        r"""Variance of each input, the eigenvalues :math:`\lambda/N` of :math:`\Sigma`."""
        return eigenvalues(self.input_spectrum, self.inputs) / self.inputs

    @property
    def teacher(self) -> Float[np.ndarray, "outputs inputs"]:
        """The teacher's weights W."""
        shape = (self.outputs, self.inputs)
        draw = generator(self.seed, "teacher").standard_normal(shape)
        return np.sqrt(self.teacher_variance) * draw

    def data(self) -> Data:
        """Return ``samples`` to train on and ``held_out`` more, read-only float64."""
        return _data(self)

    def sample(self, key: Key[Array, ""], n: int) -> Batch:
        """Draw ``n`` fresh samples with label noise, in JAX."""
        for_inputs, for_noise = jax.random.split(key)
        x = jax.random.normal(for_inputs, (n, self.inputs)) * np.sqrt(self.variances)
        noise = jax.random.normal(for_noise, (n, self.outputs))
        return Batch(x, x @ self.teacher.T + math.sqrt(self.noise_variance) * noise)


@lru_cache(maxsize=4)
def _data(task: GaussianRegression) -> Data:
    def draw(purpose: str, n: int, noise: float) -> Batch:
        random = generator(task.seed, purpose)
        x = random.standard_normal((n, task.inputs)) * np.sqrt(task.variances)
        y = x @ task.teacher.T + np.sqrt(noise) * random.standard_normal((n, task.outputs))
        return sealed(x, y)

    noise = task.noise_variance
    return Data(
        draw("train", task.samples, noise),
        draw("test", task.held_out, noise if task.noisy_held_out else 0.0),
    )
