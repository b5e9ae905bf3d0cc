"""Tables of fitted laws with what they foretell, and of what counting does."""

from collections.abc import Mapping

import numpy as np
from rich.table import Table

from carnotlab.runs.run import RunResult
from carnotlab.studies.scaling.text_curves import COUNTED, by_samples, by_size, foretold, stopped
from carnotlab.theories.scaling_laws.extrapolation import information_criteria
from carnotlab.theories.scaling_laws.fitting import fit_joint_law


def laws_table(runs: Mapping[str, RunResult], least: int) -> Table:
    """Return laws of size of each kind of network; of samples, and of both, of the first."""
    table = Table(
        "axis", "floor", "exponent", "foretold", "interval", "found", "Akaike, against power",
        title="power laws of all points but the last",
    )  # fmt: skip
    first = next(iter(runs))
    curves = {f"{label}, weights": by_size(run.observation) for label, run in runs.items()}
    curves[f"{first}, samples"] = by_samples(runs[first].observation, least)
    for axis, (sizes, losses) in curves.items():
        found = foretold(sizes, losses)
        if found is None:
            continue
        criteria = information_criteria(sizes, losses)
        against = ", ".join(
            f"{form} {value - criteria['power']:+.1f}"
            for form, value in criteria.items()
            if form != "power"
        )
        table.add_row(
            axis,
            f"{found.law.floor:.2f}",
            f"{found.law.exponent:.2f}",
            f"{found.value:.3f}" + (" (refused)" if found.refused else ""),
            f"{found.low:.3f} to {found.high:.3f}",
            f"{losses[:, -1].mean():.3f}",
            against,
        )
    seen = runs[first].observation
    used = seen["samples"].values >= least
    weights, samples = (seen[name].values[used] for name in ("weights", "samples"))
    if min(len(np.unique(weights)), len(np.unique(samples))) >= 3:
        law = fit_joint_law(weights, samples, stopped(seen)[:, used].mean(axis=0))
        table.add_row(
            f"{first}, both at once",
            f"{law.floor:.2f}",
            f"{law.size_exponent:.2f} and {law.data_exponent:.2f}",
            *("", "all points are fitted", "", ""),
        )
    return table


def counts_table(runs: Mapping[str, RunResult]) -> Table:
    """Return the loss of counts of one, two and three characters beside the largest network's."""
    table = Table("", "single", "pairs", "triples", "largest network", title="test loss in nats")
    for label, run in runs.items():
        counted = run.prediction[COUNTED.name].transpose("seed", "order").values.mean(axis=0)
        largest = by_size(run.observation)[1][:, -1].mean()
        table.add_row(label, *(f"{value:.3f}" for value in (*counted, largest)))
    return table
