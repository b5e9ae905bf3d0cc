"""Loss against size and against data, read from a run, and what smaller sizes foretell."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.studies.study import Rows, Statistic
from carnotlab.theories.scaling_laws.extrapolation import MISFIT, Extrapolation, extrapolate
from carnotlab.theories.scaling_laws.fitting import fit_law
from carnotlab.theories.scaling_laws.laws import Form

TEST = Quantity("test_loss", ("cell",), "loss", "test loss of each network, in nats")
VALIDATION = Quantity("validation_loss", ("cell",), "loss", "validation loss of each network")
COUNTED = Quantity("counted_loss", ("order",), "loss", "test loss of counts after 0, 1, 2 others")

Error: TypeAlias = Callable[[xr.Dataset], Statistic]


def stopped(observation: xr.Dataset) -> Float[np.ndarray, "seed cell"]:
    """Return test losses at the record with the lowest validation loss, network by network."""
    dims = ("seed", "time", "cell")
    best = np.argmin(observation[VALIDATION.name].transpose(*dims).values, axis=1)
    test = observation[TEST.name].transpose(*dims).values
    return np.take_along_axis(test, best[:, None], axis=1)[:, 0].astype(np.float64)


def by_size(observation: xr.Dataset) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return weights ``[size]`` and stopped losses ``[seed, size]`` on the largest sample."""
    return _along(observation, "samples", "weights")


def by_samples(
    observation: xr.Dataset, least: int = 1
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return samples, from ``least`` on, and stopped losses of the network with most weights."""
    samples, losses = _along(observation, "weights", "samples")
    return samples[samples >= least], losses[:, samples >= least]


def _along(
    observation: xr.Dataset, common: str, along: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    fixed, moving = (observation[name].values for name in (common, along))
    cells = np.flatnonzero(fixed == fixed.max())
    cells = cells[np.argsort(moving[cells])]
    return moving[cells].astype(np.float64), stopped(observation)[:, cells]


def checked(observation: xr.Dataset) -> tuple[Check, ...]:
    """Check, where there are sizes enough, that those but the largest do not contradict a power."""
    sizes, losses = by_size(observation)
    found = foretold(sizes, losses) if np.isfinite(losses).all() else None
    if found is None:
        return ()
    return (
        Check(
            "a power law of size",
            "smaller sizes miss a power law by no more than seeds scatter; "
            "one less the probability of as much",
            1.0 - found.probability,
            1.0 - MISFIT,
        ),
    )


def last_against_first(losses: Float[np.ndarray, "seeds points"]) -> Statistic:
    """Return the statistic that is the mean loss at the last point over that at the first.

    >>> last_against_first(np.array([[2.0, 1.0], [4.0, 1.0]]))(np.array([0, 1])).__round__(6)
    0.333333
    """
    return lambda rows: float(losses[rows, -1].mean() / losses[rows, 0].mean())


def gain_missed(
    sizes: Float[np.ndarray, " sizes"],
    losses: Float[np.ndarray, "seeds sizes"],
    form: Form = "power",
) -> Statistic:
    r"""Return how far the law of all points but the last is off there, over the gain in between.

    :math:`|\log L - \log \hat L| / |\log L - \log L'|` of means over members, :math:`L'` at the
    last but one: 1 for the prediction that nothing more is gained.
    """

    @cache
    def error(rows: tuple[int, ...]) -> float:
        means = np.log(losses[list(rows)].mean(axis=0))
        predicted = fit_law(sizes[:-1], np.exp(means[:-1]), form)(sizes[-1:])[0]
        return float(abs(means[-1] - np.log(predicted)) / abs(means[-1] - means[-2]))

    def statistic(rows: Rows) -> float:
        # A mean does not know the order of its members: few resamples differ.
        return error(tuple(sorted(rows.tolist())))

    return statistic


def foretold(
    sizes: Float[np.ndarray, " sizes"], losses: Float[np.ndarray, "seeds sizes"]
) -> Extrapolation | None:
    """Return what a power law of all points but the last predicts there, if these are enough."""
    if len(sizes) < 5 or len(losses) < 2:
        return None
    return extrapolate(sizes[:-1], losses[:, :-1], float(sizes[-1]))


def more_weights(observation: xr.Dataset) -> Statistic:
    """Return the stopped loss of the largest network over that of the smallest."""
    return last_against_first(by_size(observation)[1])


def more_data(least: int) -> Error:
    """Return the same of the largest sample over that of ``least``, for the largest network."""
    return lambda observation: last_against_first(by_samples(observation, least)[1])


def missed(form: Form = "power") -> Error:
    """Return what a law of all sizes but the largest misses there, over the last gain."""
    return lambda observation: gain_missed(*by_size(observation), form)


def unstopped(samples: int) -> Error:
    """Return the loss at the end, the largest network's over the smallest's, on few samples."""

    def error(observation: xr.Dataset) -> Statistic:
        few = np.flatnonzero(observation["samples"].values == samples)
        few = few[np.argsort(observation["weights"].values[few])]
        end = observation[TEST.name].transpose("seed", "time", "cell").values[:, -1]
        return last_against_first(end[:, few].astype(np.float64))

    return error


def over_single(observation: xr.Dataset, prediction: xr.Dataset) -> Statistic:
    """Return the lowest stopped loss of any size over that of counted single characters."""
    single = prediction[COUNTED.name].transpose("seed", "order").values[:, 0]
    losses = stopped(observation)
    return lambda rows: float(losses[rows].mean(axis=0).min() / single[rows].mean())
