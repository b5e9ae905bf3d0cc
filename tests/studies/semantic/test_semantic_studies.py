"""Every study of knowledge at a reduced setting: tests agree, controls do not, figures draw."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from carnotlab.studies.running import run_study
from carnotlab.studies.semantic.category_coherence import CategoryCoherence
from carnotlab.studies.semantic.illusory_correlations import IllusoryCorrelationsStudy
from carnotlab.studies.semantic.inductive_projection import InductiveProjectionStudy
from carnotlab.studies.semantic.progressive_differentiation import ProgressiveDifferentiation
from carnotlab.studies.semantic.same_content_in_every_layer import SameContentInEveryLayer

REDUCED = {
    ProgressiveDifferentiation: {"features": 300, "records": 30},
    IllusoryCorrelationsStudy: {"features": 100, "records": 30},
    InductiveProjectionStudy: {"features": 200, "records": 16, "seeds": 2},
    SameContentInEveryLayer: {
        "features": 100, "depths": "2", "scales": "0.03,1", "wide": 512,
    },
    CategoryCoherence: {"coherences": "0.4,3", "trained": "6", "trained_items": 60},
}  # fmt: skip


@pytest.mark.parametrize("kind", REDUCED, ids=lambda kind: kind.name)
def test_tests_agree_and_controls_do_not_on_the_model_alone(kind, monkeypatch, tmp_path):
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))  # no tables: the model is enough
    result = run_study(kind(), "smoke", REDUCED[kind])
    assert result.skipped
    # The argument about the levels of the tree is one about features of the usual number.
    judged = [v for v in result.verdicts if (v.quantity, v.role) != ("level_times", "test")]
    wrong = [v for v in judged if not v.as_expected]
    assert not wrong, [(v.arm, v.quantity, v.error, v.interval) for v in wrong]
    assert {v.role for v in result.verdicts} == {"test", "control"}
    assert isinstance(result.plot(), Figure)


@pytest.mark.parametrize("kind", REDUCED, ids=lambda kind: kind.name)
def test_a_users_table_makes_arms_and_judgements_of_its_own(kind, tmp_path):
    table = np.random.default_rng(0).random((7, 9)) < 0.5
    rows = ["name," + ",".join("abcdefghi")]
    rows += [f"item{i}," + ",".join(str(int(v)) for v in row) for i, row in enumerate(table)]
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    study = kind()
    settings = study.defaults("smoke")
    settings = type(settings)(
        **{name: getattr(settings, name) for name in settings.__struct_fields__ if name != "data"},
        data=str(tmp_path / "mine.csv"),
    )
    arms, skipped = study.arms(settings)
    labels = tuple(arm.label for arm in arms)
    assert skipped == ()
    assert all("mine" in label for label in labels)
    found = study.judgements(settings, labels)
    assert {name for one in found for name in one.arms} <= set(labels)
    assert {one.role for one in found} >= {"test"}
    assert len({arm.run.key for arm in arms}) == len(arms)
