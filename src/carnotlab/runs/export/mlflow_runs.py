"""Results as runs of MLflow, which is installed by those who use it."""

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import groupby
from typing import Any

import numpy as np

from carnotlab.core.errors import InputError
from carnotlab.runs.export.series import curves_of
from carnotlab.runs.export.tidy import Part

LARGEST_BATCH = 1000
"""Metrics that MLflow takes in one request."""

LONGEST_PARAMETER = 500


def log_to_mlflow(
    parts: Sequence[Part], uri: str, title: str, settings: Mapping[str, Any]
) -> tuple[str, ...]:
    """Log a run for each arm, side and seed to the experiment ``title``; return what is left out.

    Settings are parameters, curves are metrics. A program that shows metrics over steps then shows
    theory and experiment of a seed side by side.

    Raises:
        InputError: if MLflow is not installed or does not answer.
    """
    client, kinds = _client(uri)
    left_out: list[str] = []
    try:
        found = client.get_experiment_by_name(title)
        experiment = found.experiment_id if found else client.create_experiment(title)
        ordered = sorted(curves_of(parts, left_out), key=lambda curve: curve.run)
        for name, curves in groupby(ordered, key=lambda curve: curve.run):
            run = client.create_run(experiment, run_name=name or title)
            parameters = [
                kinds.Param(key, str(value)[:LONGEST_PARAMETER]) for key, value in settings.items()
            ]
            client.log_batch(run.info.run_id, params=parameters)
            metrics = [
                kinds.Metric(_metric(curve.name), float(value), 0, step)
                for curve in curves
                for step, value in zip(curve.steps, curve.values, strict=True)
                if np.isfinite(value)
            ]
            for begin in range(0, len(metrics), LARGEST_BATCH):
                client.log_batch(run.info.run_id, metrics=metrics[begin : begin + LARGEST_BATCH])
            client.set_terminated(run.info.run_id)
    except kinds.MlflowException as error:
        raise InputError(
            f"MLflow at {uri} ({str(error).splitlines()[0][:200]})",
            "a server or folder that takes runs",
            "start it, or give another with --mlflow",
        ) from error
    return tuple(left_out)


def _metric(name: str) -> str:
    """Return a name with nothing that MLflow refuses."""
    return "".join(c if c.isalnum() or c in "_-./ " else "_" for c in name)


def _client(uri: str) -> tuple[Any, Any]:
    # MLflow asks an address where nobody answers for minutes, unless the user settled it.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    try:
        entities, exceptions, tracking = (
            import_module(f"mlflow.{name}") for name in ("entities", "exceptions", "tracking")
        )
    except ImportError as error:
        raise InputError(
            f"--mlflow {uri} without MLflow", "the package mlflow", "pip install mlflow-skinny"
        ) from error

    class Kinds:
        Param, Metric = entities.Param, entities.Metric
        MlflowException = exceptions.MlflowException

    return tracking.MlflowClient(tracking_uri=uri), Kinds
