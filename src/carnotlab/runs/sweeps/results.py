"""What a sweep has found so far, as one labelled array."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from carnotlab.runs.sweeps.archive import Archive, Array
from carnotlab.runs.sweeps.axes import axes_of
from carnotlab.runs.sweeps.chunks import fill_of
from carnotlab.runs.sweeps.layout import Pack
from carnotlab.runs.sweeps.tally import Tally, tally_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class SweepResult:
    """A sweep's arrays and the tally of its members; it may still be growing.

    ``dataset`` has a dimension for each setting of a grid, or one, ``setting``, for lists and
    samples; then ``seed``, ``time`` and what a measure has besides. Numbers of members that are not
    done are not finite; ``finished`` says which are.
    """

    dataset: "xr.Dataset"
    tally: Tally

    def to_xarray(self) -> "xr.Dataset":
        """Return the labelled array."""
        return self.dataset

    def to_dataframe(self) -> "pd.DataFrame":
        """Return one row a member: settings, seed, and what was measured at the end.

        Quantities that have dimensions of their own are left out.
        """
        last = self.dataset.isel(time=-1, drop=True)
        plain = [str(n) for n in last.data_vars if set(last[n].dims) <= set(self.over)]
        frame = last[plain].to_dataframe().reset_index()
        return frame.drop(columns=["setting"], errors="ignore")

    @property
    def over(self) -> tuple[str, ...]:
        """Dimensions over which members are counted: settings, then ``seed``."""
        return tuple(str(name) for name in self.dataset["finished"].dims)


def gather(archive: Archive) -> tuple[SweepResult, list[Pack]]:
    """Read the packs that are there; return the result and which of them were damaged.

    Raises:
        DamagedError: if the tables of settings or members are not as they were written.
    """
    layout = archive.layout
    seeds = len(layout.seeds)
    size = layout.settings * seeds
    arrays = {
        name: np.full((size, *each.shape), fill_of(each.kind), each.kind)
        for name, each in layout.variables.items()
    }
    finished = np.zeros(size, bool)
    lost: list[Pack] = []
    tables = [archive.members_of(at) for at in range(len(layout.programs))]
    for program, pack in archive.finished():
        records = archive.read(program, pack)
        if records is None:
            lost.append((program, pack))
            continue
        rows = tables[program][layout.rows_of(program, pack)]
        finished[rows] = True
        for name, values in records.items():
            arrays[name][rows] = values
    dataset = _labelled(archive, arrays | {"finished": finished})
    diverged = int(np.sum(finished & (arrays["diverged_at"] >= 0)))
    return SweepResult(dataset, tally_of(archive, int(finished.sum()), diverged)), lost


def _labelled(archive: Archive, arrays: dict[str, Array]) -> "xr.Dataset":
    import xarray as xr

    layout = archive.layout
    axes = axes_of(archive.settings, layout.settings, layout.grid)
    coords = dict(axes.coords)
    if layout.grid is None:
        coords["setting"] = np.arange(layout.settings)
    coords["seed"] = list(layout.seeds)
    coords["time"] = ("time", np.asarray(layout.times), {"units": layout.time_unit})
    variables: dict[str, Any] = {}
    for name, values in arrays.items():
        dims, about = (), {"long_name": "whether the member is done"}
        if name in layout.variables:
            variable = layout.variables[name]
            dims, about = variable.dims, {"units": variable.unit, "long_name": variable.meaning}
        by_setting = values.reshape(layout.settings, len(layout.seeds), *values.shape[1:])
        variables[name] = (*axes.variable(by_setting, ("seed", *dims)), about)
    return xr.Dataset(variables, coords, {"sweep": layout.key, "carnot": layout.name})
