import os
from pathlib import Path

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.tasks.uci_files import ARRAYS, read_set, read_sets, set_names

UCI = next(
    (
        place / "uci"
        for place in (
            Path(os.environ.get("CARNOT_DATA", "")),
            *(parent / "shared" / "data" for parent in Path(__file__).resolve().parents[:4]),
        )
        if (place / "uci").is_dir()
    ),
    None,
)


def arrays(n=40):
    rng = np.random.default_rng(0)
    made = {"x": rng.standard_normal((n, 3)), "y": np.arange(n) % 3}
    for first, second in zip(ARRAYS[2::2], ARRAYS[3::2], strict=True):
        rows = rng.permutation(n)
        made[first], made[second] = rows[: n // 2], rows[n // 2 :]
    return made


def save(folder, **changes):
    np.savez(folder / "toy.npz", **{**arrays(), **changes})


def write_text(folder, name="toy", made=None):
    made = arrays() if made is None else made
    place = folder / name
    place.mkdir()
    rows = [
        "\t".join([str(i + 1), *map(repr, map(float, x)), str(y)])
        for i, (x, y) in enumerate(zip(made["x"], made["y"], strict=True))
    ]
    (place / f"{name}_R.dat").write_text("\tf1\tf2\tf3\tclase\n" + "\n".join(rows) + "\n")
    lines = [" ".join(map(str, made[key])) for key in ARRAYS[2:]]
    (place / "conxuntos.dat").write_text("\n".join(lines[:2]) + "\n")
    (place / "conxuntos_kfold.dat").write_text("\n".join(lines[2:]) + "\n")
    return place


def assert_equal(one, other):
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.y, other.y)
    for first, second in zip(
        (one.choosing, *one.reporting), (other.choosing, *other.reporting), strict=True
    ):
        np.testing.assert_array_equal(first.train, second.train)
        np.testing.assert_array_equal(first.test, second.test)


def test_archive_and_text_of_one_set_are_read_alike(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    save(tmp_path / "a")
    write_text(tmp_path / "b")
    one, other = read_set(tmp_path / "a", "toy"), read_set(tmp_path / "b", "toy")
    assert_equal(one, other)
    assert one.__describe__() == other.__describe__()
    np.testing.assert_array_equal(one.x, arrays()["x"])
    np.testing.assert_array_equal(one.reporting[3].test, arrays()["fold3_test"])


def test_names_are_sorted_and_other_files_left_alone(tmp_path):
    save(tmp_path)
    write_text(tmp_path, "amber")
    (tmp_path / "README.md").write_text("words")
    (tmp_path / "notes").mkdir()
    assert set_names(tmp_path) == ("amber", "toy")
    assert [each.name for each in read_sets(tmp_path)] == ["amber", "toy"]


@pytest.mark.skipif(UCI is None, reason="the UCI sets are not on this machine")
@pytest.mark.parametrize("name", ["seeds", "ecoli"])
def test_both_forms_of_published_sets_hold_the_same(tmp_path, name):
    (tmp_path / name).symlink_to(UCI / name)
    assert_equal(read_set(UCI, name), read_set(tmp_path, name))


@pytest.mark.skipif(UCI is None, reason="the UCI sets are not on this machine")
def test_published_choosing_splits_divide_all_rows():
    for each in read_sets(UCI):
        both = np.concatenate(each.choosing)
        np.testing.assert_array_equal(np.sort(both), np.arange(len(each.y)))
        assert len(each.reporting) == 4


def with_value(key, place, value):
    changed = np.asarray(arrays()[key], dtype=float).copy()
    changed[place] = value
    return {key: changed}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (with_value("x", (2, 1), np.nan), r"1 features that are not finite.*row 2, feature 1"),
        (with_value("y", 3, 0.5), "labels of toy.npz with 0.5; required: whole numbers"),
        (with_value("train_idx", 0, 40), r"train_idx of toy .* with row 40.*from 0 to 39"),
        (with_value("fold2_test", 0, -1), r"fold2_test of toy .* with row -1"),
        (with_value("val_idx", 0, 1.5), "val_idx of toy .* with 1.5"),
        ({"fold1_test": arrays()["fold1_train"]}, "20 rows in common"),
        ({"y": np.zeros(40)}, "one class in toy.npz"),
        ({"y": np.zeros(39)}, "one label a row"),
        ({"y": np.array(["a", "b"] * 20)}, "of dtype <U1"),
        ({"y": np.array([None, 1] * 20)}, "toy.npz.*without Python objects"),
        ({"train_idx": np.zeros(0, int)}, "no train_idx"),
        ({"train_idx": np.arange(0, 39, 3)}, "train_idx .*one class only"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(tmp_path, changes, message):
    if "train_idx" in changes and len(changes["train_idx"]) == 13:
        changes = {**changes, "val_idx": np.arange(1, 39, 3)}
    save(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as caught:
        read_set(tmp_path, "toy")
    assert "\n" not in str(caught.value)


def test_files_that_are_missing_or_damaged_are_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        set_names(tmp_path / "nowhere")
    with pytest.raises(InputError, match="without a set"):
        set_names(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="name the folder it lies in"):
        set_names(tmp_path / "file")
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(InputError, match=r"torn.npz, which cannot be read"):
        read_set(tmp_path, "torn")
    np.savez(tmp_path / "part.npz", x=np.ones((3, 2)), y=np.arange(3))
    with pytest.raises(InputError, match=r"part.npz without the arrays train_idx"):
        read_set(tmp_path, "part")
    with pytest.raises(InputError, match="no set 'other'"):
        read_set(tmp_path, "other")


def test_text_files_that_do_not_fit_are_named(tmp_path):
    place = write_text(tmp_path)
    table = (place / "toy_R.dat").read_text()
    (place / "toy_R.dat").write_text(table.replace("clase\n1\t", "clase\n1\tone\t", 1))
    with pytest.raises(InputError, match=r"toy/toy_R.dat with rows of"):
        read_set(tmp_path, "toy")
    lines = table.splitlines()
    lines[1] = "\t".join(["1", "one", *lines[1].split("\t")[2:]])
    (place / "toy_R.dat").write_text("\n".join(lines))
    with pytest.raises(InputError, match="a cell that is no number"):
        read_set(tmp_path, "toy")
    (place / "toy_R.dat").write_text(table)
    folds = place / "conxuntos_kfold.dat"
    folds.write_text("\n".join(folds.read_text().splitlines()[:7]))
    with pytest.raises(InputError, match=r"conxuntos_kfold.dat of 7 lines; required: 8 lines"):
        read_set(tmp_path, "toy")
    (place / "conxuntos.dat").unlink()
    with pytest.raises(InputError, match=r"without conxuntos.dat"):
        read_set(tmp_path, "toy")
    (place / "toy_R.dat").unlink()
    with pytest.raises(InputError, match=r"toy without toy_R.dat"):
        set_names(tmp_path)
