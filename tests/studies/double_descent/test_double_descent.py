"""The four studies at reduced settings: tests within their tolerances, controls beyond."""

import numpy as np
import pytest

from carnotlab.experiment.losses import SquaredError
from carnotlab.studies.double_descent.curves import curves
from carnotlab.studies.double_descent.double_descent_in_samples import DoubleDescentInSamples
from carnotlab.studies.double_descent.double_descent_in_time import DoubleDescentInTime
from carnotlab.studies.double_descent.double_descent_in_width import DoubleDescentInWidth
from carnotlab.studies.double_descent.double_descent_removed import DoubleDescentRemoved
from carnotlab.studies.double_descent.image_data import image_tasks
from carnotlab.studies.double_descent.judging import (
    CLEAN,
    NETWORKS,
    PAIR,
    Thresholds,
    judgements_of,
)
from carnotlab.studies.double_descent.network_curve import NetworkCurve
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


def test_two_classes_are_asked_for_a_peak_in_samples_and_ten_for_no_gain() -> None:
    thresholds = Thresholds(60, 120, 300)
    labels = [NETWORKS.format(name) for name in ("some", PAIR.format("some"))]
    ten, two = (judgements_of(each, thresholds, rising=True, fall=True) for each in labels)
    names = [[each.tolerance.quantity.name for each in found] for found in (ten, two)]
    assert names[0] == ["gain_of_samples", "end_over_peak", "gain_of_samples"]
    assert names[1] == ["trough_over_peak", "end_over_peak", "trough_over_peak"]
    clean = CLEAN.format(PAIR.format("some"))
    (control,) = judgements_of(clean, thresholds, rising=True, fall=True)
    assert control.role == two[2].role == "control"
    assert control.tolerance == two[0].tolerance
    assert control.arms == (clean, labels[1])


@pytest.mark.slow
def test_two_classes_have_a_peak_in_samples_with_wrong_labels_alone() -> None:
    tasks, skipped = image_tasks(("mnist_20k_5k",), 640, 800, classes=(0, 1))
    if skipped:
        pytest.skip(skipped[0])
    noisy, clean = (
        NetworkCurve(
            tasks["mnist_20k_5k"], "samples", (20, 40, 80, 640), 48, share, steps=3000,
            loss=SquaredError(),
        )
        for share in (0.1, 0.0)
    )  # fmt: skip
    error, right = (curves(each.compute()).mean(axis=0) for each in (noisy, clean))
    assert min(error[:2]) < 0.95 * error[2]
    assert error[3] < 0.6 * error[2]
    assert (np.diff(right) < 0.0).all()
