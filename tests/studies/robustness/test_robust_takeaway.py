"""Claims over conditions as one study, at reduced settings, and the claim that must not carry."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from carnotlab.studies.robustness.replication import conditions_of
from carnotlab.studies.robustness.robust_takeaway import TUNED, RobustTakeaway
from carnotlab.studies.robustness.takeaway_run import BROKEN, TakeawayRun, table_files
from carnotlab.studies.robustness.tuned_ridge import (
    BY_STRENGTH,
    STRENGTHS,
    RidgeByStrength,
)
from carnotlab.studies.running import run_study
from carnotlab.studies.style import style
from carnotlab.tasks.bundled_tables import bundled_table
from carnotlab.tasks.drawing import generator

SMALL = {"noise": (0.25, 1.0), "label_noise": (0.1, 0.4), "samples": (150, 300, 950)}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return run_study(RobustTakeaway(), changes=SMALL, out=tmp_path_factory.mktemp("takeaway"))


@pytest.mark.slow
def test_claims_carry_and_the_tuned_one_does_not(result):
    assert [verdict.arm for verdict in result.verdicts if not verdict.as_expected] == []
    assert len(result.verdicts) == 4
    tuned = result.results[TUNED].observation
    home = tuned["condition"].values == "table=digits"
    np.testing.assert_array_equal(tuned[BROKEN.name].values[home], [0.0])
    assert tuned[BROKEN.name].values.sum() == 5
    (table,) = result.study.tables(result)
    assert table.row_count == 4
    with style("light"):
        assert "1 of 6" in [text.get_text()[:6] for text in result.plot().axes[0].texts]


def test_ridge_by_strength_is_ridge_regression():
    """Against scikit-learn's own solver on the same half."""
    errors = RidgeByStrength("wine", 1).compute().observation[BY_STRENGTH.name].values[0]
    x, y = bundled_table("wine")
    order = generator(0, "halves").permutation(len(x))
    train, test = order[: len(x) // 2], order[len(x) // 2 :]
    for index in (4, 12, 20):
        fit = Ridge(alpha=STRENGTHS[index]).fit(x[train], y[train])
        wrong = np.sum((fit.predict(x[test]) - y[test]) ** 2, axis=1).mean()
        luck = np.sum((y[test] - y[train].mean(axis=0)) ** 2, axis=1).mean()
        assert errors[index] == pytest.approx(wrong / luck, rel=1e-8)


def test_the_key_knows_the_content_of_files_and_not_their_place(tmp_path):
    from carnotlab.studies.semantic.category_coherence import CategoryCoherence

    table = table_files()[2]
    copies = [tmp_path / name for name in ("wine.csv", "other.csv")]
    copies[0].write_bytes(table.read_bytes())
    copies[1].write_text("item,a,b\n" + "".join(f"i{k},{k % 2},{k % 3}\n" for k in range(9)))
    study = CategoryCoherence()
    keys = [
        TakeawayRun(study, "smoke", conditions_of(study, data=[path])).key
        for path in (table, *copies)
    ]
    assert keys[0] == keys[1] != keys[2]
