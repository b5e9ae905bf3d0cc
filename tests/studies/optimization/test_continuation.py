"""Continuation at few starts: ends as predicted, controls that are lost."""

import numpy as np
import pytest

from carnotlab.studies.optimization.continuation import Continuation
from carnotlab.studies.optimization.frequency_run import FREQUENCY, FrequencyRun
from carnotlab.studies.optimization.parity_run import WRONG, ParityRun
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style


@pytest.fixture(scope="module")
def quick():
    changes = {
        "seeds": 3,
        "starts": 4,
        "phases": 12,
        "steps": 300,
        "bits": 20,
        "members": 3,
        "width": 64,
        "parity_steps": 60,
        "samples": 500,
    }
    return run_study(Continuation(), "smoke", changes)


def test_frequencies_end_where_predicted_and_only_widening_finds_them(quick):
    for verdict in quick.verdicts:
        if "frequency" in verdict.arm:
            beyond = verdict.error > verdict.tolerance
            assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


def test_fading_bias_is_ahead_of_fair_bits(quick):
    ends = {
        label: run.observation[WRONG.name].values[:, -1].mean()
        for label, run in quick.results.items()
        if "bits" in label or "bias" in label
    }
    assert ends["parity, fading bias"] < ends["parity, fair bits"] - 0.1
    assert ends["one bit, fair bits"] < 0.05


def test_the_figure_is_there(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_a_start_in_the_valley_needs_no_detour():
    run = FrequencyRun("direct", 10.0, (8.0, 12.0), 4, 200)
    ends = run.compute().observation[FREQUENCY.name].values[:, -1]
    np.testing.assert_allclose(ends, 10.0, rtol=1e-3)
    assert np.all(run.reaches == 1.0)
    widening = FrequencyRun("widening inputs", 30.0, (2.0,), 5, 10).reaches
    assert widening[0] < 0.2
    assert widening[-1] == 1.0


def test_keys_change_with_seeds():
    keys = {ParityRun(5, 2, (0.0,), 3, 40, 2, seeds).key for seeds in ((0,), (0, 1))}
    assert len(keys) == 2
