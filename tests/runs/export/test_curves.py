"""Curves for programs that show them, and those programs where they are installed."""

import numpy as np
import pytest
import xarray as xr

from carnotlab.core.errors import InputError
from carnotlab.runs.export.series import MOST, curves_of


@pytest.fixture
def parts():
    values = np.arange(12.0).reshape(2, 3, 2)
    observation = xr.Dataset(
        {
            "strength": (("seed", "time", "mode"), values),
            "diverged_at": ("seed", [-1, 20]),
            "kernel": (("row", "column"), np.zeros((MOST, 2))),
            "name": ("mode", ["a", "b"]),
        },
        {"seed": [3, 4], "time": [0, 10, 20], "mode": [0, 1]},
    )
    return [
        ({"arm": "one", "side": "observation"}, observation),
        ({"arm": "one", "side": "prediction"}, observation[["strength"]].mean("seed") + np.nan),
    ]


def test_every_seed_is_a_run_and_every_entry_a_curve(parts):
    left_out = []
    found = {(curve.run, curve.name): curve for curve in curves_of(parts, left_out)}
    assert left_out == ["one/observation/kernel", "one/observation/name"]
    assert len(found) == 2 * (2 + 1) + 2
    curve = found["one/observation/seed 4", "strength/mode 1"]
    assert curve.values.tolist() == [7.0, 9.0, 11.0]
    assert curve.steps == (0, 10, 20)
    assert found["one/observation/seed 3", "diverged_at"].values.tolist() == [-1.0]
    assert ("one/prediction", "strength/mode 0") in found


def test_times_that_are_not_whole_are_counted():
    data = xr.Dataset({"u": ("time", [1.0, 2.0])}, {"time": [0.0, 0.5]})
    (curve,) = curves_of([({}, data)], [])
    assert curve.steps == (0, 1)


def test_tensorboard_reads_what_was_written(parts, tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import directory_check  # noqa: F401

    from carnotlab.runs.export.tensorboard_events import log_to_tensorboard

    left = log_to_tensorboard(parts, tmp_path, "waves", {"width": 8})
    assert left == ("one/observation/kernel", "one/observation/name")
    runs = sorted({p.parent.relative_to(tmp_path / "waves").as_posix()
                   for p in tmp_path.rglob("events*")})  # fmt: skip
    assert runs == ["one/observation/seed 3", "one/observation/seed 4", "one/prediction"]
    (file,) = (tmp_path / "waves" / "one" / "observation" / "seed 4").glob("events*")
    seen = []
    content = file.read_bytes()
    while content:
        length = int.from_bytes(content[:8], "little")
        event = Event.FromString(content[12 : 12 + length])
        seen += [(v.tag, event.step, v.simple_value) for v in event.summary.value
                 if v.HasField("simple_value")]  # fmt: skip
        content = content[12 + length + 4 :]
    assert ("strength/mode_1", 20, 11.0) in seen or ("strength/mode 1", 20, 11.0) in seen
    with pytest.raises(InputError, match="there already"):
        log_to_tensorboard(parts, tmp_path, "waves", {})


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_what_was_logged(parts, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    from carnotlab.runs.export.mlflow_runs import log_to_mlflow

    # What the light package can keep without a server; newer ones ask to be told.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "mlruns").as_uri()
    log_to_mlflow(parts, uri, "waves", {"width": 8})
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("waves")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert sorted(runs) == ["one/observation/seed 3", "one/observation/seed 4", "one/prediction"]
    run = runs["one/observation/seed 4"]
    assert run.data.params == {"width": "8"}
    history = client.get_metric_history(run.info.run_id, "strength/mode 1")
    assert [(each.step, each.value) for each in history] == [(0, 7.0), (10, 9.0), (20, 11.0)]
    with pytest.raises(InputError, match="MLflow at"):
        log_to_mlflow(parts, "http://127.0.0.1:9", "waves", {})
