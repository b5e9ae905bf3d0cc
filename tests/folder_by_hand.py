"""An output folder with two studies, made by hand: no training, no JAX."""

import json

import numpy as np
import xarray as xr

from carnotlab.core.provenance import code_digest
from carnotlab.runs.store import Store

KEYS = {name: f"{index:x}{'0' * 30}" for index, name in enumerate("abcd", start=0xA0)}


def result(value):
    u = xr.Dataset(
        {"u": ("time", np.arange(3.0) * value, {"units": "loss", "long_name": "what u is"})},
        {"time": [0, 10, 20]},
    )
    checks = xr.Dataset({"value": ("check", [0.5])}, {"check": ["small steps"]})
    return xr.DataTree.from_dict({"prediction": u, "observation": u + 0.25, "checks": checks})


def write_study(out, name, key, arms, code, finished=True, **settings):
    folder = out / f"{name}-{key}"
    (folder / "figures").mkdir(parents=True)
    record = {
        "study": name,
        "size": "smoke",
        "settings": {"seeds": 3, **settings},
        "arms": [{"arm": label, "key": KEYS[one]} for label, one in arms.items()],
        "skipped": ["real data: no file was given"],
    }
    (folder / "settings.json").write_text(json.dumps(record))
    if finished:
        (folder / "provenance.json").write_text(json.dumps({"code": code, "version": "0.1.0"}))
        (folder / "verdicts.json").write_text("[]")
        (folder / "figures" / f"{name}.svg").write_text("<svg/>")
        (folder / "report.html").write_text("<html>")
    return folder


def write_folder(tmp_path):
    """Write two runs of one study that share an arm, and an entry that neither needs."""
    store = Store(tmp_path / "arrays")
    for index, key in enumerate(KEYS.values()):
        store.save(key, result(index + 1.0))
    write_study(tmp_path, "waves", "0" * 12, {"one": "a", "two": "b"}, code_digest(), width=8)
    write_study(tmp_path, "waves", "1" * 12, {"one": "a", "two": "c"}, code_digest(), width=16)
    (tmp_path / "report.html").write_text("<html>")
    return tmp_path
