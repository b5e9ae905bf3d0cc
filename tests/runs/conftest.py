"""A run that takes a moment, and a folder on a very small disk."""

import os
import subprocess

import numpy as np
import pytest
import xarray as xr

from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.times import Evenly
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import deep_linear
from carnotlab.networks.initialisation import Aligned
from carnotlab.runs.run import Run
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.theories.deep_linear.modes import DeepLinearModes


@pytest.fixture(scope="session")
def run():
    training = Training(GradientDescent(0.02), 30, record=Evenly(4))
    network = deep_linear(3, (4,), 2, initialisation=Aligned(0.1))
    experiment = Experiment(LinearMap(3, 2, (2.0, 1.0), held_out=4), network, training)
    return Run(experiment, DeepLinearModes(), (0, 1))


@pytest.fixture(scope="session")
def tree():
    return xr.DataTree.from_dict(
        {
            "prediction": xr.Dataset({"u": ("time", np.arange(5.0))}, attrs={"a": 1}),
            "checks": xr.Dataset({"statement": ("check", np.array(["one", "another"]))}),
        }
    )


@pytest.fixture
def small_disk(tmp_path):
    """Return a folder with room for 64 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
