"""The same networks from starts of several sizes, and when each has learned half."""

import time
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.experiment.experiment import Experiment
from carnotlab.measures.losses import TRAIN_LOSS, train_loss
from carnotlab.networks.initialisation import Aligned
from carnotlab.runs.run import Computable, Progress, RunResult, result_key
from carnotlab.runs.store import Store
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.mode_dynamics import time_to_reach
from carnotlab.training.train import train_sweep

LEARNING_TIME = Quantity(
    "learning_time", ("start",), "flow time", "when the loss has fallen to half of what it was"
)


@dataclass(frozen=True)
class StartSweep(Computable):
    """Experiments that differ in the size of the start alone, one for each of ``starts``.

    ``starts`` are strengths per layer of the starting networks, or scales of random ones.
    """

    experiments: tuple[Experiment, ...]
    starts: tuple[float, ...]
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of descriptions, seeds, code, versions and devices."""
        return result_key(type(self), self.experiments, self.starts, self.seeds)

    @property
    def precision(self) -> str:
        """The numbers that training computes in."""
        return self.experiments[0].training.precision

    def compute(self, store: Store | None = None, progress: Progress | None = None) -> RunResult:
        """Train from every start; for aligned ones the time is predicted from the closed form."""
        del store
        began = time.perf_counter()
        named = dict(zip(map(str, self.starts), self.experiments, strict=True))
        found = train_sweep(named, (train_loss,), self.seeds, progress=progress)
        losses = found[TRAIN_LOSS.name].transpose("seed", "setting", "time").values
        clock = np.asarray(found["flow_time"].values)
        times = [[halving_time(clock, course) for course in member] for member in losses]
        coords = {"start": list(self.starts)}
        observation = LEARNING_TIME.label(
            times, ("seed",), {**coords, "seed": list(self.seeds)}
        ).to_dataset()
        prediction = xr.Dataset()
        if isinstance(self.experiments[0].network.initialisation, Aligned):
            expected = [_predicted(experiment) for experiment in self.experiments]
            prediction = LEARNING_TIME.label(expected, (), coords).to_dataset()
        depth = self.experiments[0].network.depth
        check = Check(
            "small start",
            "the strength per layer is small enough that nearly all time is spent growing: its "
            "power D - 2 (at two layers its square), largest of all starts",
            max(self.starts) ** max(depth - 2, 2 if depth == 2 else 1),
            0.1,
        )
        return RunResult(prediction, observation, (check,), time.perf_counter() - began)


def halving_time(clock: Float[np.ndarray, " time"], loss: Float[np.ndarray, " time"]) -> float:
    """Return when a loss first is half of its first value, between records; inf if never.

    >>> halving_time(np.array([0.0, 1.0, 2.0]), np.array([4.0, 3.0, 1.0]))
    1.5
    """
    share = loss / loss[0]
    after = np.flatnonzero(share <= 0.5)
    if not len(after):
        return float("inf")
    k = int(after[0])
    part = (share[k - 1] - 0.5) / (share[k - 1] - share[k])
    return float(clock[k - 1] + part * (clock[k] - clock[k - 1]))


def exponents(result: RunResult, count: int) -> Float[np.ndarray, " seed"]:
    """Return the power of the start in the learning time of each member, over ``count`` starts."""
    starts = np.log(result.observation["start"].values[:count])
    times = np.log(learning_times(result)[:, :count])
    return np.array(
        [np.polyfit(starts, own, 1)[0] if np.isfinite(own).all() else np.inf for own in times]
    )


def learning_times(result: RunResult) -> Float[np.ndarray, "seed start"]:
    """Return when each member learned, from each start."""
    return result.observation[LEARNING_TIME.name].transpose("seed", "start").values


def half_time(depth: int, start: float) -> float:
    """Return when a small aligned mode of strength 1 leaves half of the loss."""
    reach = np.array(1.0 - 1.0 / np.sqrt(2.0))
    if start >= reach:
        return 1.0
    return float(time_to_reach(reach, depth, np.array(1.0), np.array(start)))


def _predicted(experiment: Experiment) -> float:
    """Return the time of an aligned single mode: half the loss is left at s - (s - u0) / sqrt 2."""
    task, start = experiment.task, experiment.network.initialisation
    assert isinstance(task, LinearMap)
    assert isinstance(start, Aligned)
    s = np.array(task.strengths[0])
    reached = s - (s - start.strength) / np.sqrt(2.0)
    return float(time_to_reach(reached, experiment.network.depth, s, np.array(start.strength)))
