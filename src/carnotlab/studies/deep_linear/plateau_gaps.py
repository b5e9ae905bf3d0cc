"""How far plateaus are from saddles, and how many networks stay above the global minimum."""

import numpy as np
from jaxtyping import Float, Int

from carnotlab.measures.losses import TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.deep_linear.plateau_run import (
    CURVATURES,
    LEAST_LOSS,
    SADDLE_CURVATURES,
    SADDLE_LOSS,
    plateau_times,
)
from carnotlab.studies.errors import observed


def plateaus(result: RunResult) -> Int[np.ndarray, "seed saddle"]:
    """Return the record at which each member passes each saddle of the sequence, -1 for never."""
    time = np.asarray(result.observation["time"].values, dtype=np.float64)
    levels = result.prediction[SADDLE_LOSS.name].values
    return np.stack([plateau_times(time, loss, levels) for loss in observed(result, TRAIN_LOSS)])


def level_gap(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return how far losses at plateaus are from those at saddles, relative, worst of all."""
    levels, loss = result.prediction[SADDLE_LOSS.name].values, observed(result, TRAIN_LOSS)
    at = plateaus(result)
    gaps = np.abs(np.take_along_axis(loss, np.maximum(at, 0), axis=1) - levels) / levels[0]
    return np.where(at < 0, np.inf, gaps).max(axis=1)


def _at_plateaus(result: RunResult) -> Float[np.ndarray, "seed saddle weight"]:
    at = plateaus(result)
    values = observed(result, CURVATURES)
    found = np.take_along_axis(values, np.maximum(at, 0)[:, :, None], axis=1)
    return np.where(at[:, :, None] < 0, np.nan, found)


def curvature_gap(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return how far curvatures at plateaus are from those at saddles, over the largest."""
    expected = result.prediction[SADDLE_CURVATURES.name].values
    gaps = np.abs(_at_plateaus(result) - expected).max(axis=(1, 2)) / expected.max()
    return np.where(np.isnan(gaps), np.inf, gaps)


def index_gap(result: RunResult, clear: float) -> Float[np.ndarray, " seed"]:
    """Return the share of plateaus whose number of eigenvalues below ``-clear`` is wrong."""
    expected = np.sum(result.prediction[SADDLE_CURVATURES.name].values < 0.0, axis=-1)
    counts = np.sum(_at_plateaus(result) < -clear, axis=-1)
    return np.mean(counts != expected, axis=-1)


def without_way_down(result: RunResult, clear: float) -> Float[np.ndarray, " seed"]:
    """Return the share of plateaus before the last without an eigenvalue below ``-clear``."""
    lowest = _at_plateaus(result)[:, :-1, 0]
    return np.mean(~(lowest < -clear), axis=-1)


def stuck(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return 1 for each member that ends above the global minimum, else 0."""
    loss = observed(result, TRAIN_LOSS)
    return (~(excess(result) < 1e-3 * loss[:, 0].mean())).astype(float)


def excess(result: RunResult) -> Float[np.ndarray, " seed"]:
    """Return the loss at the end above the least a network of this kind can reach."""
    return observed(result, TRAIN_LOSS)[:, -1] - float(result.prediction[LEAST_LOSS.name].values)
