"""Arrays as curves over time, for programs that show one curve a number."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float

from carnotlab.runs.export.tidy import Part

TIME = "time"
MEMBERS = ("seed", "member")
MOST = 64
"""Curves of one quantity beyond which it is left out: nobody looks at a thousand curves."""


@dataclass(frozen=True)
class Curve:
    """One number over time, or one number: of which run, under which name.

    ``run`` is a path of arm, side and seed, so that programs overlay theory and experiment;
    ``steps`` are whole numbers, the times themselves where those are whole, else their order.
    """

    run: str
    name: str
    steps: tuple[int, ...]
    values: Float[np.ndarray, " time"]


def curves_of(parts: Iterable[Part], left_out: list[str]) -> Iterator[Curve]:
    """Yield every quantity of numbers as curves; add to ``left_out`` what is too much or text."""
    for labels, dataset in parts:
        run = "/".join(labels.values())
        for name, array in dataset.data_vars.items():
            inner = [str(d) for d in array.dims if d != TIME and d not in MEMBERS]
            count = int(np.prod([dataset.sizes[d] for d in inner], dtype=np.int64))
            if array.dtype.kind not in "biuf" or count > MOST:
                left_out.append(f"{run}/{name}".lstrip("/"))
                continue
            outer = [str(d) for d in array.dims if d in MEMBERS]
            times = _steps(dataset[TIME].values) if TIME in array.dims else (0,)
            ordered = array.transpose(*outer, *inner, ...).values
            values = np.asarray(ordered, dtype=np.float64)
            for place in product(*(range(dataset.sizes[dim]) for dim in (*outer, *inner))):
                words = [
                    f"{dim} {_label(dataset[dim].values[i])}"
                    for dim, i in zip((*outer, *inner), place, strict=True)
                ]
                whole = "/".join(filter(None, [run, *words[: len(outer)]]))
                title = "/".join([str(name), *words[len(outer) :]])
                yield Curve(whole, title, times, np.atleast_1d(values[place]))


def _label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _steps(times: Any) -> tuple[int, ...]:
    values = np.asarray(times)
    if values.dtype.kind in "iuf" and bool(
        np.all(np.isfinite(values) & (values == np.rint(values)))
    ):
        return tuple(int(value) for value in values)
    return tuple(range(len(values)))
