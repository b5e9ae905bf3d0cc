import msgspec
import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.core.references import reference
from carnotlab.studies.catalogue import STUDIES, find_study
from carnotlab.studies.running import resolve

ALL = pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)


@ALL
def test_study_says_what_it_asks_what_it_shows_and_where_it_comes_from(study):
    assert study.question.endswith("?")
    assert study.message.endswith(".")
    assert study.name == study.name.lower().replace(" ", "-")
    for key in study.source:
        assert reference(key).year


@ALL
@pytest.mark.parametrize("size", ["smoke", "full"])
def test_judgements_are_about_arms_that_run_and_each_quantity_has_a_control(study, size):
    settings = study.defaults(size)
    arms, _ = study.arms(settings)
    labels = tuple(arm.label for arm in arms)
    assert len(set(labels)) == len(labels)
    judgements = study.judgements(settings, labels)
    for judgement in judgements:
        assert set(judgement.arms) <= set(labels)
        assert len(judgement.tolerance.why) > 40, "a tolerance needs an argument"
    roles = {judgement.role for judgement in judgements}
    assert {"test", "control"} <= roles
    assert len({(item.label, item.tolerance.quantity.name) for item in judgements}) == len(
        judgements
    )


@ALL
def test_the_full_size_has_at_least_as_many_seeds(study):
    assert study.defaults("full").seeds >= study.defaults("smoke").seeds


@ALL
def test_keys_of_arms_differ_and_follow_the_settings(study):
    settings = study.defaults("smoke")
    keys = [arm.run.key for arm in study.arms(settings)[0]]
    assert len(set(keys)) == len(keys)
    assert keys == [arm.run.key for arm in study.arms(settings)[0]]
    other = msgspec.structs.replace(settings, seeds=settings.seeds + 1)
    assert not set(keys) & {arm.run.key for arm in study.arms(other)[0]}


def test_an_unknown_study_is_met_with_the_nearest():
    with pytest.raises(InputError, match="did you mean width-to-kernel"):
        find_study("width-to-kernels")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"wdith": 3}, "one of"),
        ({"width": "many"}, "width"),
        ({"seeds": "1.5"}, "seeds"),
        ({"data": "file.csv"}, "a study that takes data"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_one_line(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        resolve(find_study("deep-linear-stages"), "smoke", changes)
    assert "\n" not in str(caught.value)


def test_settings_given_as_text_become_numbers_and_lists():
    settings = resolve(find_study("width-to-kernel"), "smoke", {"widths": "8, 16", "step": "0.25"})
    assert settings.widths == (8, 16)
    assert settings.step == 0.25


def test_tables_that_are_not_there_are_skipped_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))
    study = find_study("learning-in-a-hierarchy")
    arms, skipped = study.arms(study.defaults("smoke"))
    assert all("tree model" in arm.label for arm in arms)
    assert len(skipped) == 2
    assert all("CARNOT_DATA" in words for words in skipped)


def test_a_users_table_takes_the_place_of_the_others(tmp_path):
    table = tmp_path / "pets.csv"
    rng = np.random.default_rng(0)
    rows = [f"pet{i}," + ",".join(map(str, rng.integers(0, 2, 9))) for i in range(6)]
    table.write_text("pet," + ",".join(f"f{j}" for j in range(9)) + "\n" + "\n".join(rows) + "\n")
    study = find_study("learning-in-a-hierarchy")
    settings = resolve(study, "smoke", {"data": str(table)})
    assert [arm.label for arm in study.arms(settings)[0]] == ["pets, deep", "pets, shallow"]


def test_widths_are_fitted_inside_the_assumptions_and_never_fewer_than_two():
    from carnotlab.studies.infinite_width.width_to_kernel import WidthSettings, fitted_widths

    settings = WidthSettings(widths=(32, 64, 512, 1024))
    assert fitted_widths(settings, "kernel") == (64, 512, 1024)
    assert fitted_widths(settings, "NTK") == (512, 1024)
    assert fitted_widths(WidthSettings(widths=(8, 16, 32)), "NTK") == (16, 32)


def test_statistics_and_scikit_learn_are_loaded_by_what_uses_them(python):
    heavy = {"sklearn", "scipy.stats"}
    code = f"import carnotlab.studies.catalogue, sys; print({heavy} & set(sys.modules))"
    assert python(code) == "set()"
