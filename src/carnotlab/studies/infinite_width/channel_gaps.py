"""Networks of some number of channels against a limit, be it their own or that of others."""

from dataclasses import replace

from carnotlab.runs.run import RunResult
from carnotlab.studies.infinite_width.width_gaps import exponent_of, kernel_gap
from carnotlab.studies.study import Results, Statistic


def arm_label(kind: str, channels: int) -> str:
    """Return the label of networks of a kind with some number of channels."""
    return f"{kind}, {channels} channels"


def exponent(results: Results, label: str, limit: str, channels: tuple[int, ...]) -> Statistic:
    """Return the power of channels in the distance of kernels from the limit of other arms."""
    gaps = [
        kernel_gap(by_limit(results, arm_label(label, n), arm_label(limit, n))) for n in channels
    ]
    return exponent_of(channels, gaps)


def by_limit(results: Results, arm: str, other: str) -> RunResult:
    """Return one arm's networks beside what is predicted for another arm."""
    return replace(results[arm], prediction=results[other].prediction)


def at_the_end(result: RunResult) -> RunResult:
    """Return a run's start and end alone: in between little is learned to be relative to."""
    ends = {"time": [0, -1]}
    prediction, observation = result.prediction.isel(ends), result.observation.isel(ends)
    return replace(result, prediction=prediction, observation=observation)
