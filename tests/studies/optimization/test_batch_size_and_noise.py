"""Batches and noise at few draws: laws hold, and fail where they must."""

import numpy as np
import pytest

from carnotlab.studies.optimization.batch_size_and_noise import (
    GOAL,
    NETWORK,
    ORDERS,
    PLAIN,
    BatchSizeAndNoise,
)
from carnotlab.studies.optimization.linear_scaling_run import SCALES
from carnotlab.studies.optimization.noise_scale_run import NEEDED, NoiseScaleRun
from carnotlab.studies.optimization.stationary_run import DIFFUSION, VARIANCE, StationaryRun
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style


@pytest.fixture(scope="module")
def quick():
    changes = {
        "seeds": 4,
        "draws": 400,
        "paths": 150,
        "samples": 256,
        "batches": "1,8,64",
        "goal_batches": "16,32,64,128,256,512",
    }
    return run_study(BatchSizeAndNoise(), "smoke", changes)


def test_tests_are_near_and_controls_are_far(quick):
    for verdict in quick.verdicts:
        if verdict.role == "control":
            assert verdict.error > verdict.tolerance, (verdict.arm, verdict.error)
        elif not verdict.arm.startswith("network"):
            # Several times fewer draws scatter two or three times as much.
            assert verdict.error < 3.0 * verdict.tolerance, (verdict.arm, verdict.error)


def test_steps_fall_in_proportion_to_small_batches_and_no_longer_to_large_ones(quick):
    needed = quick.results[GOAL].observation[NEEDED.name].values[0]
    assert needed[0] / needed[1] == pytest.approx(2.0, rel=0.1)
    assert needed[-2] / needed[-1] < 1.6


def test_the_diffusion_is_wrong_on_both_sides(quick):
    plain, orders = (quick.results[arm].prediction for arm in (PLAIN, ORDERS))
    assert plain[VARIANCE.name].values[-1] > 3.0 * plain[DIFFUSION.name].values[-1]
    assert orders[VARIANCE.name].values[0] < 0.1 * orders[DIFFUSION.name].values[0]
    # The network's gradients grow noisier as it learns.
    scales = quick.results[NETWORK].observation[SCALES.name].values
    assert np.all(scales[:, 1] > scales[:, 0])


def test_the_figure_is_there(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_keys_change_with_seeds():
    runs = [NoiseScaleRun(3, 1.0, (1,), seeds, 5) for seeds in (2, 3)]
    assert runs[0].key != runs[1].key
    orders = [StationaryRun((0.1,), 0.0, "reshuffled", 4, seeds, 3) for seeds in (2, 3)]
    assert orders[0].key != orders[1].key
