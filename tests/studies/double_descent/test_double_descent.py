"""The four studies at reduced settings: tests within their tolerances, controls beyond."""

import pytest

from carnotlab.studies.double_descent.double_descent_in_samples import DoubleDescentInSamples
from carnotlab.studies.double_descent.double_descent_in_time import DoubleDescentInTime
from carnotlab.studies.double_descent.double_descent_in_width import DoubleDescentInWidth
from carnotlab.studies.double_descent.double_descent_removed import DoubleDescentRemoved
from carnotlab.studies.running import resolve, run_study
from carnotlab.studies.style import style


def checked(result, folder) -> None:
    for verdict in result.verdicts:
        assert verdict.as_expected, (verdict.arm, verdict.quantity, verdict.interval)
    with style("dark"):
        result.plot().savefig(folder / "figure.png")
    assert (folder / "figure.png").stat().st_size > 10_000
    assert all(table.row_count for table in result.study.tables(result))


@pytest.mark.slow
def test_samples(tmp_path) -> None:
    checked(run_study(DoubleDescentInSamples()), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("study", [DoubleDescentInWidth, DoubleDescentRemoved, DoubleDescentInTime])
def test_smoke(study, tmp_path) -> None:
    checked(run_study(study()), tmp_path)


def test_without_images_theory_is_judged_alone(tmp_path) -> None:
    result = run_study(DoubleDescentInWidth(), "smoke", {"images": []})
    assert {verdict.role for verdict in result.verdicts} == {"test", "control"}
    assert result.as_expected
    result.plot().savefig(tmp_path / "figure.png")


def test_images_that_are_not_there_are_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))
    changes = {"images": ["digits", "mnist_20k_5k"], "features": [300]}
    study = DoubleDescentInWidth()
    _, skipped = study.arms(resolve(study, "smoke", changes))
    assert "mnist_20k_5k" in " ".join(skipped)
