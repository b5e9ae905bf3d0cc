"""Deep linear networks on noisy tasks, few and small: controls fail, and nets learn the map."""

from itertools import pairwise

import numpy as np
import pytest

from carnotlab.studies.errors import observed, predicted
from carnotlab.studies.interpolation.deep_linear_generalization import DeepLinearGeneralization
from carnotlab.studies.interpolation.noisy_task_panels import modes_at_the_end
from carnotlab.studies.interpolation.noisy_task_run import (
    MAP_ERROR,
    OBSERVED,
    NoisyTaskRun,
)
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style


@pytest.fixture(scope="module")
def quick():
    return run_study(DeepLinearGeneralization(), "smoke", {"seeds": 2, "size": 30, "depths": "2"})


def test_controls_fail_and_tests_come_near(quick):
    # At half the size and half the networks errors are some three times the study's.
    for verdict in quick.verdicts:
        if verdict.role == "control":
            assert verdict.agreement == "disagrees", (verdict.arm, verdict.error)
        elif verdict.quantity == "least_error_ratio":
            assert verdict.error < verdict.tolerance
        else:
            assert verdict.error < 3.0 * verdict.tolerance, (verdict.arm, verdict.error)


def test_the_figure_and_the_table_are_drawn(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    (table,) = quick.study.tables(quick)
    assert table.row_count == 6


def test_trained_to_the_end_networks_are_the_noisy_map():
    """The end is the regression itself: no theory of noise or of courses needed."""
    run = NoisyTaskRun(8, (3.0,), 2, networks=2, duration=200.0, step=0.05)
    _, x, y = run._tasks()
    seen, clock = run._trained(x, y)
    assert clock[0] == 0.0
    correlation = np.einsum("sno,sni->soi", y, x) / 8
    np.testing.assert_allclose(seen[:, -1], correlation, atol=2e-2)
    np.testing.assert_allclose(np.einsum("sni,snj->sij", x, x) / 8, [np.eye(8)] * 2, atol=1e-9)
    strengths, _ = modes_at_the_end(run.compute(), OBSERVED)
    top = [np.linalg.norm(each, 2) for each in correlation]
    np.testing.assert_allclose(strengths[:, 0], top, rtol=1e-2)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("random", [False, True])
def test_the_start_has_the_declared_size_and_balanced_layers(random, depth):
    run = NoisyTaskRun(12, (3.0,), depth, random=random, networks=3)
    _, x, y = run._tasks()
    layers = run._start(x, y).matrices
    assert len(layers) == depth
    whole = layers[0]
    for below, above in pairwise(layers):
        balance = above.transpose(0, 2, 1) @ above - below @ below.transpose(0, 2, 1)
        np.testing.assert_allclose(balance, 0.0, atol=1e-12)
        whole = above @ whole
    values = np.linalg.svd(whole, compute_uv=False)
    assert np.sqrt(np.mean(values**2)) == pytest.approx(0.01, rel=0.15 if random else 1e-9)


def test_without_noise_to_speak_of_the_task_is_learned():
    """Strengths far above the noise: little is inflated, and the error ends near its part."""
    run = NoisyTaskRun(16, (40.0,), 1, networks=2, step=0.05)
    result = run.compute()
    last = observed(result, MAP_ERROR)[:, -1].mean()
    assert last == pytest.approx(16 / 1600, rel=0.15)
    assert predicted(result, MAP_ERROR)[0, -1] == pytest.approx(last, rel=0.15)


def test_every_setting_has_a_key_of_its_own():
    runs = [
        NoisyTaskRun(8, (3.0,)),
        NoisyTaskRun(8, (3.0,), 3),
        NoisyTaskRun(8, (3.0,), partner=2.0),
        NoisyTaskRun(8, (3.0,), partner=2.0, similarity=0.5),
        NoisyTaskRun(8, (3.0,), noiseless=True),
    ]
    assert len({run.key for run in runs}) == len(runs)
