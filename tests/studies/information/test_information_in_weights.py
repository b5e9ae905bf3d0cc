"""Information in weights at a few samples: tests within their tolerances, controls beyond."""

import numpy as np
import pytest

from carnotlab.runs.run import execute
from carnotlab.runs.store import Store
from carnotlab.studies.information.information_in_weights import InformationInWeights
from carnotlab.studies.information.information_run import (
    CODELENGTH,
    SHARE_OF_UNIFORM,
    GoldRun,
    InformationRun,
)
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style

QUICK = {"seeds": 2, "widths": "4,32", "samples": 256, "steps": 300, "draws": 200}


@pytest.fixture(scope="module")
def quick():
    return run_study(InformationInWeights(), "smoke", QUICK)


def test_tests_agree_and_controls_do_not(quick):
    for verdict in quick.verdicts:
        # Quotients of two seeds say little, and 256 samples are too few for bounds on true labels.
        if "distance" in verdict.arm or ("true" in verdict.arm and "bound" in verdict.arm):
            continue
        beyond = verdict.error > verdict.tolerance
        assert beyond == (verdict.role == "control"), (verdict.arm, verdict.error)


def test_the_figure_and_the_table_are_made(quick, tmp_path):
    with style("dark"):
        quick.plot().savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    (table,) = quick.study.tables(quick)
    assert table.row_count == len(quick.results) - 1 + 2


def test_blocks_add_up_to_the_whole_and_the_first_is_uniform(quick):
    for label, run in quick.results.items():
        if "Bayesian" in label:
            continue
        bits, ends = run.observation[CODELENGTH.name].values, run.observation["block"].values
        np.testing.assert_allclose(bits[:, 0], np.log2(10.0))
        whole = bits @ np.diff((0, *ends)) / (256 * np.log2(10.0))
        np.testing.assert_allclose(whole, run.observation[SHARE_OF_UNIFORM.name], rtol=1e-12)


def test_results_are_kept_and_keys_differ(tmp_path):
    store = Store(tmp_path / "arrays")
    store.prepare()
    gold = GoldRun(8, 2, members=3)
    execute(gold, store)
    assert execute(gold, store).cached
    runs = [InformationRun(8, r, d, 64, 10, 10, (0,)) for r in (False, True) for d in (0.0, 0.1)]
    assert len({gold.key, *(run.key for run in runs)}) == 5
