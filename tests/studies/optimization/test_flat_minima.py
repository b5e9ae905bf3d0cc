"""One function at any sharpness, at one seed and few images."""

import numpy as np
import pytest

from carnotlab.studies.optimization.flat_minima import SMALL, TANH, FlatMinima
from carnotlab.studies.optimization.flatness_run import (
    CHANGE,
    FLATNESS,
    PREDICTED,
    TRACES,
    FlatnessRun,
)
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style


@pytest.fixture(scope="module")
def quick():
    changes = {"seeds": 1, "images": 60, "hidden": 6, "steps": 400, "scales": "0.3,1,30"}
    return run_study(FlatMinima(), "smoke", changes)


def test_what_belongs_to_the_function_stays_and_the_rest_does_not(quick):
    for verdict in quick.verdicts:
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


def test_sharpness_covers_orders_of_magnitude_at_one_function(quick):
    run = quick.results[SMALL]
    sharpness = run.observation[FLATNESS.name].values[0, :, 0]
    assert sharpness.max() > 10.0 * sharpness.min()
    assert run.observation[CHANGE.name].values.max() < 1e-10
    np.testing.assert_allclose(run.prediction[PREDICTED.name].values[0], sharpness, rtol=1e-6)
    trace, least = run.observation[TRACES.name].values[0]
    assert least <= trace


def test_regimes_are_told_apart_and_the_figure_is_there(quick, tmp_path):
    assert quick.results[SMALL].checks[0].holds
    assert not quick.results[TANH].checks[0].holds
    assert quick.study.tables(quick)[0].row_count == 3
    with style("light"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_keys_change_with_seeds():
    keys = {FlatnessRun((1.0,), False, None, 30, 3, 2, 0.1, s).key for s in ((0,), (1,))}
    assert len(keys) == 2
