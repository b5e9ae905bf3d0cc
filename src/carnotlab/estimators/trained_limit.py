r"""An infinitely wide network after training: mean and variance of its outputs at new samples.

- Tangent kernel: networks with random starts, trained on :math:`\tfrac12\langle|y-f|^2\rangle` for
  a time, or to the end. Over starts, with prior covariance K and predictions
  :math:`f = f_0 + A (y - f_0(X))`, the variance is
  :math:`K_{xx} - 2 A K_{Xx} + A K_{XX} A^\top` (lee2019).
- Prior kernel: the posterior of the Gaussian process, with the ridge as noise variance (lee2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from carnotlab.core.data import RealArray
from carnotlab.core.errors import require, require_not_negative
from carnotlab.estimators.kernel_blocks import Kind, as_samples, kernel_block, kernel_diagonal
from carnotlab.estimators.smoothers import (
    ExactSmoother,
    IterativeSmoother,
    LandmarkSmoother,
    Smoother,
    SpectralSmoother,
)
from carnotlab.experiment.rules import GradientDescent, GradientFlow
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.kernels import kernels
from carnotlab.networks.layers import Dense
from carnotlab.theories.kernel_dynamics import course, kernel_system
from carnotlab.theories.kernel_regression.cholesky import cholesky_factor
from carnotlab.theories.kernel_regression.conjugate_gradients import ConjugateGradients
from carnotlab.theories.kernel_regression.leave_one_out import ridge_by_leave_one_out
from carnotlab.theories.kernel_regression.low_rank import low_rank, low_rank_of
from carnotlab.theories.kernel_regression.nystrom import Nystrom
from carnotlab.theories.kernel_regression.solving import Solver
from carnotlab.theories.kernel_regression.spectrum import Spectrum, low_rank_spectrum, spectrum

RIDGES = np.logspace(-6.0, 1.0, 15)
"""Ridges that leave-one-out chooses from by default, times the kernel's mean diagonal."""

SAMPLES_AT_A_TIME = 512
"""Rows of the prior's kernel at hand at a time where the whole of it is not kept."""

COLUMNS_AT_A_TIME = 32
"""Columns read ahead where landmarks are chosen: a kernel's block costs less than its columns."""


@dataclass(frozen=True)
class Setting:
    """How an infinitely wide network is trained; see `InfiniteNetworkRegressor`."""

    kind: Kind
    ridge: float | Sequence[float] | None
    """None or several: leave-one-out chooses."""
    time: float
    learning_rate: float | None
    solver: Solver

    def __post_init__(self) -> None:
        if isinstance(self.ridge, float | int):
            require_not_negative("ridge", self.ridge)
        ended = np.isinf(self.time)
        chosen = self.ridge is None or isinstance(self.ridge, Sequence)
        require(
            not ended or self.learning_rate is None,
            f"learning_rate = {self.learning_rate} with time=None",
            "a time in steps, or no learning rate",
            "leave it out: the end of training does not depend on it",
        )
        require(
            ended or self.kind == "ntk",
            f"time = {self.time:g} with the kernel 'nngp'",
            "time=None: a posterior has no time of training",
            "use kernel='ntk'",
        )
        require(
            ended or not chosen,
            f"time = {self.time:g} with a ridge to be chosen by leave-one-out",
            "time=None: its closed form is that of the end of training",
            "give one number, such as ridge=0.0",
        )
        require(
            ended or self.solver is None,
            f"time = {self.time:g} with the solver {type(self.solver).__name__}",
            "the exact solver, which has every eigendirection's course",
            "use solver='exact'",
        )
        require(
            not (chosen and isinstance(self.solver, ConjugateGradients)),
            "conjugate gradients with a ridge to be chosen by leave-one-out",
            "one number",
            "give a ridge, or use another solver",
        )


@dataclass(frozen=True, eq=False)
class TrainedLimit:
    """What `train_limit` returns."""

    network: Network
    kind: Kind
    x: Float[np.ndarray, "n *input"]
    smoother: Smoother
    coefficients: Float[np.ndarray, "s k"]
    prior: Float[np.ndarray, "n n"] | None
    """Covariance at the start of the training samples, where it is kept."""
    ridge: float
    leave_one_out_error: float | None
    """Mean squared error over samples left out in turn, where it has chosen the ridge."""

    def mean(self, x: RealArray) -> Float[np.ndarray, "m k"]:
        """Return the mean of the outputs."""
        support = self.x[self.smoother.support]
        return kernel_block(self.network, self.kind, x, support) @ self.coefficients

    def moments(self, x: RealArray) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, " m"]]:
        """Return the mean, and the variance of each output: over starts, or of the posterior."""
        samples = as_samples(self.network, x)
        before = kernel_diagonal(self.network, "nngp", samples)
        if self.kind == "nngp":
            cross = kernel_block(self.network, "nngp", samples, self.x[self.smoother.support])
            variance = before - self.smoother.explained(cross)
        else:
            both = kernels(self.network, samples, self.x)
            cross = both.ntk[:, self.smoother.support]
            A = self.smoother.weights(cross)
            moved = np.sum(self._times_prior(A) * A, axis=1) - 2.0 * np.sum(A * both.nngp, axis=1)
            variance = before + moved
        return cross @ self.coefficients, np.maximum(variance, 0.0)

    def _times_prior(self, A: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "m n"]:
        if self.prior is not None:
            return A @ self.prior
        parts = [
            A @ kernel_block(self.network, "nngp", self.x, self.x[i : i + SAMPLES_AT_A_TIME])
            for i in range(0, len(self.x), SAMPLES_AT_A_TIME)
        ]
        return np.concatenate(parts, axis=1)


def train_limit(
    network: Network, x: RealArray, targets: RealArray, setting: Setting
) -> TrainedLimit:
    r"""Train on samples ``[n, *input]`` and targets ``[n, k]``.

    Raises:
        InputError: if settings exclude each other, or the kernel with its ridge is not positive
            definite where it must be inverted.

    >>> from carnotlab.networks.architectures import mlp
    >>> setting = Setting("ntk", 0.0, float("inf"), None, None)
    >>> trained = train_limit(mlp(2, (8,), 1), np.eye(2), np.array([[1.0], [2.0]]), setting)
    >>> trained.mean(np.eye(2)).round(9).ravel().tolist()
    [1.0, 2.0]
    """
    samples, y = as_samples(network, x), np.asarray(targets, dtype=np.float64)
    network = _with_one_output(network)
    if isinstance(setting.solver, Nystrom):
        return _on_landmarks(network, samples, y, setting, setting.solver)
    both = kernels(network, samples)
    theta = both.ntk if setting.kind == "ntk" else both.nngp
    ridge, error, smoother = _smoother(theta, y, setting)
    prior = both.nngp if setting.kind == "ntk" else None
    coefficients = smoother.coefficients(y)
    return TrainedLimit(network, setting.kind, samples, smoother, coefficients, prior, ridge, error)


def _with_one_output(network: Network) -> Network:
    """Drop outputs that have the same kernels, so that programs compiled for one serve all."""
    last = network.layers[-1]
    if not isinstance(last, Dense):
        return network
    return replace(network, layers=(*network.layers[:-1], replace(last, units=1)))


def _smoother(
    theta: Float[np.ndarray, "n n"], y: Float[np.ndarray, "n k"], setting: Setting
) -> tuple[float, float | None, Smoother]:
    solver, ridge = setting.solver, setting.ridge
    if isinstance(solver, ConjugateGradients):
        assert isinstance(ridge, float | int)  # by the checks of Setting
        helper = low_rank_of(theta, solver.rank) if solver.rank else None
        return ridge, None, IterativeSmoother(theta, ridge, solver, helper)
    if ridge is None or isinstance(ridge, Sequence):
        basis = spectrum(theta)
        chosen, error = _chosen(basis, y, ridge, float(np.diagonal(theta).mean()))
        learned = 1.0 / (basis.eigenvalues + chosen)
        return chosen, error, SpectralSmoother(basis.eigenvectors, learned)
    if setting.kind == "nngp" or (np.isinf(setting.time) and ridge > 0.0):
        return ridge, None, ExactSmoother(cholesky_factor(theta, ridge))
    n = len(theta)
    nothing = np.empty((0, n))
    system = kernel_system(
        ntk_train=theta,
        ntk_test=nothing,
        nngp_train=np.zeros((n, n)),
        nngp_test=nothing,
        nngp_test_variance=np.empty(0),
        targets=y,
    )
    rate = setting.learning_rate
    rule = GradientFlow() if rate is None else GradientDescent(rate)
    learned = course(system, rule, np.asarray([setting.time]), ridge / n).learned[0]
    require(
        bool(np.isfinite(learned).all()),
        f"learning_rate = {rate}, which diverges in {setting.time:g} steps",
        f"below {2 * n / (float(system.eigenvalues.max()) + ridge):.2g}",
        "use a smaller one",
    )
    return ridge, None, SpectralSmoother(system.eigenvectors, learned)


def _on_landmarks(
    network: Network,
    samples: Float[np.ndarray, "n *input"],
    y: Float[np.ndarray, "n k"],
    setting: Setting,
    solver: Nystrom,
) -> TrainedLimit:
    """Train without the kernel between all samples: only its diagonal and columns are computed."""
    kind = setting.kind
    diagonal = kernel_diagonal(network, kind, samples)
    approximation = low_rank(
        diagonal,
        lambda chosen: kernel_block(network, kind, samples, samples[chosen]),
        solver.rank,
        choice=solver.choice,
        trace_share=solver.trace_share,
        seed=solver.seed,
        ahead=COLUMNS_AT_A_TIME,
    )
    ridge, error = setting.ridge, None
    if ridge is None or isinstance(ridge, Sequence):
        basis = low_rank_spectrum(approximation)
        ridge, error = _chosen(basis, y, ridge, float(diagonal.mean()))
    require(ridge > 0.0, "ridge = 0 with landmarks", "a ridge above 0", "try ridge=1e-6")
    smoother = LandmarkSmoother(approximation, ridge)
    coefficients = smoother.coefficients(y)
    return TrainedLimit(network, kind, samples, smoother, coefficients, None, ridge, error)


def _chosen(
    basis: Spectrum, y: Float[np.ndarray, "n k"], ridges: Sequence[float] | None, size: float
) -> tuple[float, float]:
    found = ridge_by_leave_one_out(basis, y, RIDGES * size if ridges is None else ridges)
    return found.ridge, float(found.errors.min())
