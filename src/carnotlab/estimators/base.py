"""What regressor and classifier share: reading samples and settings, fitting, standardising."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from carnotlab.core.errors import InputError, require
from carnotlab.estimators.kernel_blocks import Kind, as_samples, require_kind
from carnotlab.estimators.trained_limit import Setting, TrainedLimit, train_limit
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.theories.kernel_regression.conjugate_gradients import ConjugateGradients
from carnotlab.theories.kernel_regression.nystrom import Nystrom
from carnotlab.theories.kernel_regression.solving import Solver

Template: TypeAlias = Callable[[int | tuple[int, ...], int], Network]
"""Builds a network for inputs of some size or shape, and a number of outputs."""

SolverName: TypeAlias = Literal["exact", "nystrom", "conjugate-gradients"]

WIDTH = 1024
"""Declared width of the default network; neither of its kernels depends on it."""

BIAS_VARIANCE = 0.1


class Standardisation(NamedTuple):
    """Mean and spread of training data, broadcast against one sample."""

    mean: Float[np.ndarray, "*features"]
    scale: Float[np.ndarray, "*features"]

    def apply(self, values: Any) -> Float[np.ndarray, "n *features"]:
        """Return values with the mean taken away, over the spread."""
        return (values - self.mean) / self.scale


class InfiniteNetworkEstimator(BaseEstimator):
    """Base of `InfiniteNetworkRegressor` and `InfiniteNetworkClassifier`; not used by itself."""

    def __init__(
        self,
        network: Network | Template | None = None,
        *,
        depth: int = 2,
        kernel: Kind = "ntk",
        ridge: float | Sequence[float] | Literal["leave-one-out"] = "leave-one-out",
        time: float | None = None,
        learning_rate: float | None = None,
        solver: SolverName | Nystrom | ConjugateGradients = "exact",
        standardize: bool = True,
        random_state: Any = None,
    ) -> None:
        self.network = network
        self.depth = depth
        self.kernel: Kind = kernel
        self.ridge = ridge
        self.time = time
        self.learning_rate = learning_rate
        self.solver = solver
        self.standardize = standardize
        self.random_state = random_state

    def _read(self, X: Any, *, fitting: bool = False, y: Any = None, **options: Any) -> Any:
        """Validate samples, flattened if they have several axes, and return them in their shape.

        Only while fitting: remember the shape, and return the validated targets too.
        """
        shape: tuple[int, ...] = ()
        rows: Any = X
        if getattr(X, "ndim", 2) > 2:
            images = np.asarray(X)
            shape = images.shape[1:]
            rows = images.reshape(images.shape[0], -1)
        if fitting:
            both: Any = validate_data(self, rows, y, dtype=np.float64, **options)
            self.input_shape_: tuple[int, ...] = shape or both[0].shape[1:]
            return both[0].reshape(len(both[0]), *self.input_shape_), both[1]
        values: Any = validate_data(self, rows, dtype=np.float64, reset=False)
        require(
            shape in ((), self.input_shape_),
            f"samples of shape {shape}",
            f"the shape {self.input_shape_} of those fitted",
            "reshape them",
        )
        return values.reshape(len(values), *self.input_shape_)

    def _train(self, x: Float[np.ndarray, "n *input"], targets: Float[np.ndarray, "n k"]) -> None:
        self.network_ = self._built(targets.shape[1])
        self._inputs = _standardisation(self._laid_out(x)) if self.standardize else None
        self._trained: TrainedLimit = train_limit(
            self.network_, self._prepared(x), targets, self._setting()
        )
        self.ridge_ = self._trained.ridge
        self.leave_one_out_error_ = self._trained.leave_one_out_error

    def _prepared(self, x: Float[np.ndarray, "n *input"]) -> Float[np.ndarray, "n *input"]:
        laid_out = self._laid_out(x)
        return laid_out if self._inputs is None else self._inputs.apply(laid_out)

    def _laid_out(self, x: Float[np.ndarray, "n *input"]) -> Float[np.ndarray, "n *shape"]:
        """Give rows the axes of a network that has some, so that its channels are the last."""
        return as_samples(self.network_, x) if len(self.network_.shape) > 1 else x

    def _mean(self, X: Any) -> Float[np.ndarray, "m k"]:
        check_is_fitted(self)
        return self._trained.mean(self._prepared(self._read(X)))

    def _moments(self, X: Any) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, " m"]]:
        check_is_fitted(self)
        return self._trained.moments(self._prepared(self._read(X)))

    def _built(self, outputs: int) -> Network:
        shape = self.input_shape_
        inputs = shape[0] if len(shape) == 1 else shape
        given = self.network
        if given is None:
            require(
                isinstance(self.depth, Integral) and self.depth >= 1,
                f"depth = {self.depth!r}",
                "at least one hidden layer",
                "use depth=2",
            )
            flat = int(np.prod(shape))
            return mlp(flat, (WIDTH,) * self.depth, outputs, bias_variance=BIAS_VARIANCE)
        if isinstance(given, Network):
            return given
        require(
            callable(given),
            f"network = {given!r}",
            "a Network, a function of inputs and outputs that returns one, or None",
            "use carnotlab.mlp(...)",
        )
        return given(inputs, outputs)

    def _setting(self) -> Setting:
        require_kind(self.kernel)
        time = float("inf") if self.time is None else float(self.time)
        require(time >= 0.0, f"time = {self.time}", "a time of at least 0, or None", "use None")
        return Setting(self.kernel, self._ridges(), time, self.learning_rate, self._solver())

    def _ridges(self) -> float | tuple[float, ...] | None:
        given = cast("Any", self.ridge)
        if isinstance(given, str):
            require(
                given == "leave-one-out",
                f"ridge = {given!r}",
                "a number, several to choose from, or 'leave-one-out'",
                "use 'leave-one-out'",
            )
            return None
        return float(given) if isinstance(given, Real) else tuple(float(one) for one in given)

    def _solver(self) -> Solver:
        match self.solver:
            case "exact":
                return None
            case "nystrom":
                seed = int(check_random_state(self.random_state).randint(2**31 - 1))
                return Nystrom(seed=seed)
            case "conjugate-gradients":
                return ConjugateGradients()
            case Nystrom() | ConjugateGradients():
                return self.solver
            case _:
                raise InputError(
                    f"solver = {self.solver!r}",
                    "'exact', 'nystrom', 'conjugate-gradients', or one of these with settings",
                    "use 'exact'",
                )


def _standardisation(x: Float[np.ndarray, "n *input"]) -> Standardisation:
    """Take statistics of each feature, or of each channel (the last axis) over all positions."""
    axes = (0,) if x.ndim == 2 else tuple(range(x.ndim - 1))
    return standardisation_over(x, axes)


def standardisation_over(values: Any, axes: tuple[int, ...]) -> Standardisation:
    """Return mean and spread along some axes; a spread that is only rounding counts as 1.

    >>> standardisation_over(np.array([[1.0, 5.0], [3.0, 5.0]]), (0,)).scale.tolist()
    [1.0, 1.0]
    """
    mean, scale = values.mean(axis=axes), values.std(axis=axes)
    constant = scale <= 10 * np.finfo(np.float64).eps * np.abs(mean)
    return Standardisation(mean, np.where(constant, 1.0, scale))
