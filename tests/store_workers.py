"""What the processes do that share a store in tests; they import it by this name."""

import contextlib
import os
import resource
import signal
from pathlib import Path

import numpy as np
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.runs.store import Store


def numbered(number, size=20_000):
    """A tree whose arrays are all made of one number, so that a mixture of two would show."""
    values = np.full(size, float(number)) * np.arange(1, size + 1)
    return xr.DataTree.from_dict({f"group {k}": xr.Dataset({"u": ("n", values)}) for k in range(4)})


def number_in(tree):
    """Return the one number that a whole tree was made of."""
    found = {
        float(value)
        for node in tree.children.values()
        for value in np.unique(np.round(node["u"].values / np.arange(1, node["u"].size + 1), 6))
    }
    assert len(found) == 1, found
    assert sorted(tree.children) == [f"group {k}" for k in range(4)]
    return found.pop()


def save_each(folder, begin, number, count):
    begin.wait()
    for key in range(count):
        Store(folder).save(f"k{key}", numbered(number))


def damage_and_save(folder, begin, turns):
    begin.wait()
    for _ in range(turns):
        with contextlib.suppress(FileNotFoundError):
            (folder / "k.zarr" / "group 3" / "u" / "c" / "0").write_bytes(b"damaged")
        Store(folder).save("k", numbered(1))


def exchange(folder, begin, turns):
    """Put other entries in the place of one, as no writer of Carnot does to a sound one."""
    begin.wait()
    store = Store(folder)
    for turn in range(turns):
        store.save("next", numbered(turn % 2 + 1))
        if store.path("k").exists():
            store.path("k").rename(folder / f".old.zarr.{os.getpid()}-{turn}.part")
        store.path("next").rename(store.path("k"))


def save_on_and_on(folder, begin):
    begin.wait()
    for turn in range(100_000):
        Store(folder).save(f"k{turn}", numbered(turn, 200_000))


def save_with_little_room(folder, begin, says):
    begin.wait()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    noise = np.random.default_rng(0).normal(size=10_000)
    store = Store(Path(folder))
    try:
        store.save("large", xr.DataTree.from_dict({"a": xr.Dataset({"u": ("n", noise)})}))
    except InputError as error:
        says.send(str(error))
    store.save("small", xr.DataTree.from_dict({"a": xr.Dataset({"u": ("n", [2.0])})}))
    says.send("done")
