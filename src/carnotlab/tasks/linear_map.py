"""A linear map with chosen singular values, on inputs with a chosen covariance."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from carnotlab.core.data import Batch, Data
from carnotlab.core.errors import require, require_not_negative
from carnotlab.tasks.base import Task
from carnotlab.tasks.checking import require_choice, require_numbers, require_whole
from carnotlab.tasks.drawing import generator, orthonormal_columns, sealed
from carnotlab.tasks.spectra import Isotropic, Spectrum, eigenvalues

Basis: TypeAlias = Literal["random", "aligned"]


@dataclass(frozen=True)
class LinearMap(Task):
    r"""Targets :math:`y = Mx + \text{noise}` with :math:`M = U\,\mathrm{diag}(s)\,V^\top`.

    U and V are random orthonormal columns, s the ``strengths`` in target units per input unit.
    On the training set :math:`\Sigma_{xx} = \langle xx^\top\rangle = E\Lambda E^\top` holds exactly
    (to rounding), :math:`\Lambda` being the ``input_spectrum``; hence
    :math:`\Sigma_{yx} = M\Sigma_{xx}`, and :math:`\Sigma_{yx} = U\,\mathrm{diag}(s)\,V^\top` for
    whitened inputs. The eigenvectors E are unrelated to V (``basis="random"``), or begin with the
    columns of V (``"aligned"``: the i-th eigenvalue belongs to the i-th strength).

    ``samples`` (default: ``inputs``) of shape ``[samples, inputs]`` are trained on; ``held_out``
    are drawn from the Gaussian of the same covariance. ``noise`` is a standard deviation in
    target units; it moves the training :math:`\Sigma_{yx}` off the exact one by
    about ``noise``/√samples per entry. ``noisy_held_out`` puts it on held-out targets too.

    Raises:
        InputError: for more strengths than inputs or outputs, or fewer samples than inputs.

    References: saxe2014.

    >>> data = LinearMap(4, 3, (2.0, 1.0)).data()
    >>> covariance = data.train.x.T @ data.train.x / data.train.size
    >>> bool(np.allclose(covariance, np.eye(4)))
    True
    >>> print(np.linalg.svd(data.train.y.T @ data.train.x / 4, compute_uv=False).round(9))
    [2. 1. 0.]
    """

    inputs: int
    outputs: int
    strengths: tuple[float, ...]
    samples: int | None = None
    noise: float = 0.0
    input_spectrum: Spectrum = field(default_factory=Isotropic)
    basis: Basis = "random"
    held_out: int = 1024
    noisy_held_out: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        require_whole("inputs", self.inputs, 1)
        require_whole("outputs", self.outputs, 1)
        require_numbers("strengths", self.strengths, above=0.0)
        require_not_negative("noise", self.noise)
        require_choice("basis", self.basis, ("random", "aligned"))
        require_whole("held_out", self.held_out, 1)
        require_whole("seed", self.seed, 0)
        most = min(self.inputs, self.outputs)
        require(
            len(self.strengths) <= most,
            f"{len(self.strengths)} strengths for {self.inputs} inputs, {self.outputs} outputs",
            f"at most {most}",
            "leave some out, or enlarge the map",
        )
        if self.samples is not None:
            require_whole("samples", self.samples, 1)
            require(
                self.samples >= self.inputs,
                f"samples = {self.samples} with {self.inputs} inputs",
                f"at least {self.inputs}, else the covariance cannot have full rank",
                "raise samples, or use GaussianRegression",
            )
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
    def left(self) -> Float[np.ndarray, "outputs k"]:
        """Output directions U of the modes, in the order of ``strengths``."""
        random = generator(self.seed, "left")
        return orthonormal_columns(random, self.outputs, len(self.strengths))

    @property
    def right(self) -> Float[np.ndarray, "inputs k"]:
        """Input directions V of the modes, in the order of ``strengths``."""
        return self._right_basis[:, : len(self.strengths)]

    @property
    def matrix(self) -> Float[np.ndarray, "outputs inputs"]:
        """The map M itself."""
        return (self.left * np.asarray(self.strengths)) @ self.right.T

    @property
    def covariance(self) -> Float[np.ndarray, "inputs inputs"]:
        """The input covariance, exact on the training set and of the held-out Gaussian."""
        root = self._root
        return root.T @ root

    @property
    def _right_basis(self) -> Float[np.ndarray, "inputs inputs"]:
        return orthonormal_columns(generator(self.seed, "right"), self.inputs, self.inputs)

    @property
    def _root(self) -> Float[np.ndarray, "inputs inputs"]:
        """R with Σxx = RᵀR: white rows times R have the covariance wanted."""
        spectrum = eigenvalues(self.input_spectrum, self.inputs)
        if isinstance(self.input_spectrum, Isotropic):
            return np.diag(np.sqrt(spectrum))
        basis = (
            self._right_basis
            if self.basis == "aligned"
            else orthonormal_columns(generator(self.seed, "basis"), self.inputs, self.inputs)
        )
        return np.sqrt(spectrum)[:, None] * basis.T

    def data(self) -> Data:
        """Return the training set and ``held_out`` Gaussian samples, read-only float64."""
        return _data(self)

    def sample(self, key: Key[Array, ""], n: int) -> Batch:
        """Draw ``n`` fresh Gaussian samples of the same covariance, map and noise, in JAX."""
        for_inputs, for_noise = jax.random.split(key)
        white = jax.random.normal(for_inputs, (n, self.inputs))
        x = white @ self._root
        noise = self.noise * jax.random.normal(for_noise, (n, self.outputs))
        return Batch(x, x @ self.matrix.T + noise)


@lru_cache(maxsize=8)
def _data(task: LinearMap) -> Data:
    n = task.inputs if task.samples is None else task.samples
    random = generator(task.seed, "inputs")
    white = np.sqrt(n) * orthonormal_columns(random, n, task.inputs)
    train = white @ task._root  # pyright: ignore[reportPrivateUsage]
    test = random.standard_normal((task.held_out, task.inputs)) @ task._root  # pyright: ignore[reportPrivateUsage]
    noise = generator(task.seed, "noise")
    y = train @ task.matrix.T + task.noise * noise.standard_normal((n, task.outputs))
    y_test = test @ task.matrix.T
    if task.noisy_held_out:
        y_test = y_test + task.noise * noise.standard_normal(y_test.shape)
    return Data(sealed(train, y), sealed(test, y_test))
