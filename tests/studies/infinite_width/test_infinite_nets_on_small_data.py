import numpy as np
import pytest
from matplotlib import pyplot as plt
from rich.console import Console

from carnotlab.core.errors import InputError
from carnotlab.runs.run import RunResult
from carnotlab.studies.infinite_width.infinite_nets_on_small_data import (
    InfiniteNetsOnSmallData,
    SmallDataSettings,
)
from carnotlab.studies.infinite_width.small_data_panels import accuracy_table
from carnotlab.studies.infinite_width.small_data_run import SmallDataRun
from carnotlab.studies.running import verdicts_of
from carnotlab.tasks.small_data_sets import with_splits

STUDY = InfiniteNetsOnSmallData()
FULL = SmallDataSettings(judged=("Gaussian kernel", "linear"))


def ring(name, n, seed):
    """A disc within a ring: no line divides them."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    angle, radius = rng.uniform(0, 2 * np.pi, n), 1.0 + 1.5 * y + 0.3 * rng.standard_normal(n)
    return with_splits(name, np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), y)


SETS = tuple(ring(f"ring {seed}", 240, seed) for seed in range(4))


@pytest.fixture(scope="module")
def results():
    return {
        family: SmallDataRun(SETS, family, 4).compute()
        for family in ("NTK", "Gaussian kernel", "linear")
    }


def test_verdicts_are_as_expected_where_no_line_divides_the_classes(results):
    verdicts = verdicts_of(STUDY, FULL, results)
    assert all(verdict.as_expected for verdict in verdicts), [v.reading for v in verdicts]
    assert all(verdict.in_regime for verdict in verdicts)


def test_errors_are_ratios_of_mean_errors_over_sets(results):
    errors = {arm: 1.0 - run.observation["accuracy"].values.mean() for arm, run in results.items()}
    found = {(v.arm, v.quantity): v.error for v in verdicts_of(STUDY, FULL, results)}
    middle = (errors["Gaussian kernel"] + errors["linear"]) / 2
    assert found["NTK", "errors_over_linear"] == pytest.approx(errors["NTK"] / errors["linear"])
    assert found["NTK", "errors_over_midpoint"] == pytest.approx(errors["NTK"] / middle)
    assert found["control: linear", "errors_over_midpoint"] == pytest.approx(
        errors["linear"] / middle
    )


def test_only_the_rivals_asked_for_are_judged(results):
    quantities = {v.quantity for v in verdicts_of(STUDY, STUDY.defaults("smoke"), results)}
    assert "errors_over_midpoint" not in quantities
    with pytest.raises(InputError, match="judged = cubic"):
        STUDY.judgements(SmallDataSettings(judged=("cubic",)), ())


def test_a_result_survives_its_tree(results):
    again = RunResult.from_xarray(results["NTK"].to_xarray())
    assert again.observation.identical(results["NTK"].observation)
    assert verdicts_of(STUDY, FULL, {**results, "NTK": again})[0].error == pytest.approx(
        verdicts_of(STUDY, FULL, results)[0].error
    )


def test_keys_follow_family_splits_and_content():
    keys = {SmallDataRun(SETS, "NTK", 4).key, SmallDataRun(SETS, "linear", 4).key}
    keys |= {SmallDataRun(SETS, "NTK", 5).key, SmallDataRun(SETS[:2], "NTK", 4).key}
    assert len(keys) == 4
    again = tuple(ring(f"ring {seed}", 240, seed) for seed in range(4))
    assert SmallDataRun(again, "NTK", 4).key in keys


def test_more_splits_can_be_asked_for():
    found = SmallDataRun(SETS[:1], "linear", 6).compute().observation
    assert dict(found["accuracy"].sizes) == {"seed": 1, "split": 6}


def test_sets_that_are_not_standardised_are_outside_the_assumptions():
    given = SETS[0]
    stretched = type(given)("far", 5.0 * given.x, given.y, given.choosing, given.reporting)
    checks = SmallDataRun((stretched,), "linear", 4).compute().checks
    assert {check.name: check.holds for check in checks} == {
        "standardised features": False,
        "classes trained on": True,
    }


def test_progress_ends_at_one():
    told = []
    SmallDataRun(SETS[:2], "Gaussian kernel", 2).compute(progress=told.append)
    assert len(told) == 30
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_table_holds_every_set_and_the_published_average(results):
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(accuracy_table(results))
    text = console.export_text()
    mean = 100 * results["NTK"].observation["accuracy"].values.mean()
    for words in ("ring 0", "ring 3", "average of 4", f"{mean:.2f} ±", "81.95 ± 14.10", "90 sets"):
        assert words in text


def test_a_folder_of_sets_is_read_and_large_ones_are_left_out_in_words(tmp_path):
    for given in SETS[:2]:
        save(tmp_path, given)
    save(tmp_path, ring("large", 400, 9))
    settings = SmallDataSettings(data=str(tmp_path), largest=350)
    arms, skipped = STUDY.arms(settings)
    assert [arm.label for arm in arms] == ["NTK", "Gaussian kernel", "linear"]
    assert [each.name for each in arms[0].run.sets] == ["ring 0", "ring 1"]
    assert len(skipped) == 1
    assert "large has 400 rows" in skipped[0]
    assert STUDY.arms(SmallDataSettings(data=str(tmp_path), largest=10))[0] == ()


def test_without_the_sets_scikit_learns_take_their_place(monkeypatch, tmp_path):
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))
    arms, skipped = STUDY.arms(SmallDataSettings())
    assert arms[0].run.sets[0].name == "digits"
    assert "CARNOT_DATA" in skipped[0]
    (tmp_path / "uci").mkdir()
    save(tmp_path / "uci", ring("seeds", 60, 0))
    arms, skipped = STUDY.arms(SmallDataSettings())
    assert [each.name for each in arms[0].run.sets] == ["seeds"]
    assert skipped == ()


def test_drawing_shows_every_set(results):
    class Shown:
        settings = FULL

    shown = Shown()
    shown.results = results
    figure = STUDY.figure(shown)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert sorted(labels) == [f"ring {i}" for i in range(4)]
    plt.close("all")


def save(folder, given):
    arrays = {"x": given.x, "y": given.y}
    arrays["train_idx"], arrays["val_idx"] = given.choosing
    for k, split in enumerate(given.reporting):
        arrays[f"fold{k}_train"], arrays[f"fold{k}_test"] = split
    np.savez(folder / f"{given.name}.npz", **arrays)
