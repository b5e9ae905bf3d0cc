"""Numbers beside `structure_of_data`: speed, generalization, alignment and order of learning."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from rich.table import Table

from carnotlab.measures.losses import TEST_LOSS, TRAIN_LOSS
from carnotlab.runs.run import RunResult
from carnotlab.studies.errors import flow_time, observed
from carnotlab.studies.robustness.structure_run import ALIGNMENT, LEFT_BY_CLASS, of_task

HEADINGS = (
    "network", "data", "alignment", "half learned", "train loss", "test loss", "wrong",
    "order of classes",
)  # fmt: skip


def structure_table(name: str, runs: Mapping[str, RunResult], kinds: Sequence[str]) -> Table:
    """Return a row for each network and kind of data of one data set.

    ``alignment`` is the cosine between the limiting kernel and the products of targets;
    ``half learned`` the flow time at which the training loss is half that at the start, relative
    to real data; losses are at the end, relative to the start; ``order of classes`` is the rank
    correlation over classes, with real data, of what is left to learn of each when half is
    learned of the real data.
    """
    table = Table(*HEADINGS, title=f"structure of data: {name}", title_justify="left")
    for network, run in runs.items():
        real = of_task(run, 0)
        middle = _index_of_half(real)
        for place, kind in enumerate(kinds):
            result = of_task(run, place)
            train, test = (observed(result, each).mean(axis=0) for each in (TRAIN_LOSS, TEST_LOSS))
            half = half_time(result) / half_time(real)
            order = [_left(each, middle) for each in (real, result)]
            table.add_row(
                network,
                kind,
                f"{float(result.prediction[ALIGNMENT.name]):.2f}",
                f"{half:.2f}" if np.isfinite(half) else "never",
                f"{train[-1] / train[0]:.3f}",
                f"{test[-1] / test[0]:.3f}",
                f"{1.0 - float(result.observation['test_accuracy'].values[:, -1].mean()):.3f}",
                f"{_rank_correlation(*order):.2f}",
            )
    return table


def half_time(result: RunResult) -> float:
    """Return the flow time at which the training loss has halved, interpolated; inf if never."""
    loss, time = observed(result, TRAIN_LOSS).mean(axis=0), flow_time(result)
    below = np.flatnonzero(loss <= 0.5 * loss[0])
    if len(below) == 0:
        return float("inf")
    after = int(below[0])
    share = (loss[after - 1] - 0.5 * loss[0]) / (loss[after - 1] - loss[after])
    return float(time[after - 1] + share * (time[after] - time[after - 1]))


def _index_of_half(result: RunResult) -> int:
    loss = observed(result, TRAIN_LOSS).mean(axis=0)
    return int(np.argmin(np.abs(loss - 0.5 * loss[0])))


def _left(result: RunResult, index: int) -> Float[np.ndarray, " k"]:
    return observed(result, LEFT_BY_CLASS)[:, index].mean(axis=0)


def _rank_correlation(one: Float[np.ndarray, " k"], other: Float[np.ndarray, " k"]) -> float:
    ranks = np.stack([np.argsort(np.argsort(values)) for values in (one, other)])
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    return float(centred[0] @ centred[1] / np.sum(centred[0] ** 2))
