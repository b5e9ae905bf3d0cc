"""What a sweep has found so far, as one labelled array."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from carnotlab.runs.sweeps.archive import Archive, Array, Pack
from carnotlab.runs.sweeps.tally import Tally, tally_of


@dataclass(frozen=True)
class SweepResult:
    """A sweep's arrays and the tally of its members; it may still be growing.

    ``dataset`` has a dimension for each setting of a grid, or one, ``setting``, for lists and
    samples; then ``seed``, ``time`` and what a measure has besides. Numbers of members that are not
    done are not finite; ``finished`` says which are.
    """

    dataset: xr.Dataset
    tally: Tally

    def to_xarray(self) -> xr.Dataset:
        """Return the labelled array."""
        return self.dataset

    def to_dataframe(self) -> pd.DataFrame:
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


def gather(archive: Archive, packs: list[Pack] | None = None) -> tuple[SweepResult, list[Pack]]:
    """Read packs, all that are there by default; return the result and which were damaged.

    Raises:
        DamagedError: if the tables of settings or members are not as they were written.
    """
    layout = archive.layout
    seeds = len(layout.seeds)
    size = layout.settings * seeds
    arrays: dict[str, Array] = {}
    for name, variable in layout.variables.items():
        fill = np.nan if variable.kind.kind == "f" else -1 if variable.kind.kind == "i" else 0
        arrays[name] = np.full((size, *variable.shape), fill, variable.kind)
    finished = np.zeros(size, bool)
    lost: list[Pack] = []
    tables = [archive.members_of(at) for at in range(len(layout.programs))]
    for program, pack in archive.finished() if packs is None else packs:
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


def _labelled(archive: Archive, arrays: dict[str, Array]) -> xr.Dataset:
    layout = archive.layout
    columns = archive.settings
    if layout.grid is None:
        leading: tuple[str, ...] = ("setting",)
        shape: tuple[int, ...] = (layout.settings,)
        coords: dict[str, Any] = {name: ("setting", values) for name, values in columns.items()}
        coords["setting"] = np.arange(layout.settings)
    else:
        leading, shape = tuple(columns), layout.grid
        coords = {
            name: np.moveaxis(values.reshape(shape), at, 0).reshape(shape[at], -1)[:, 0]
            for at, (name, values) in enumerate(columns.items())
        }
    coords["seed"] = list(layout.seeds)
    coords["time"] = ("time", np.asarray(layout.times), {"units": layout.time_unit})
    whole = (*shape, len(layout.seeds))
    variables: dict[str, Any] = {}
    for name, values in arrays.items():
        variable = layout.variables.get(name)
        dims = () if variable is None else variable.dims
        about = (
            {"long_name": "whether the member is done"}
            if variable is None
            else {"units": variable.unit, "long_name": variable.meaning}
        )
        variables[name] = (
            (*leading, "seed", *dims),
            values.reshape(*whole, *values.shape[1:]),
            about,
        )
    return xr.Dataset(variables, coords, {"sweep": layout.key, "carnot": layout.name})
