import os
import pickle

import numpy as np
import pandas as pd
import pytest

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError
from carnotlab.tasks.arrays import from_arrays
from carnotlab.tasks.user_file import from_file

GOOD = "a,b,kind\n" + "".join(f"{i},{i * i / 7},{i % 2}\n" for i in range(10))
SHORT = "a,b,kind\n" + "1,2,0\n" * 10  # smaller on disk than as float64


@pytest.fixture
def write(tmp_path):
    def make(content: str | bytes, name: str = "data.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def archive(path, **arrays):
    np.savez(path, **arrays)
    return path


# ---------------------------------------------------------------------- what loads
def test_a_table_is_the_task_of_its_columns(write) -> None:
    task = from_file(write(GOOD), target="kind", standardise="none", test_fraction=0.3)
    x = np.array([[i, i * i / 7] for i in range(10)])
    twin = from_arrays(x, np.arange(10) % 2, test_fraction=0.3)
    for ours, theirs in zip(task.data(), twin.data(), strict=True):
        np.testing.assert_array_equal(ours.x, theirs.x)
        np.testing.assert_array_equal(ours.y, theirs.y)
    assert (task.feature_names, task.classes) == (("a", "b"), ("0", "1"))
    assert (task.input_shape, task.output_size, task.is_classification) == ((2,), 2, True)


def test_parquet_and_csv_give_the_same_task(tmp_path, write) -> None:
    pd.read_csv(write(GOOD)).to_parquet(tmp_path / "data.parquet")
    one = from_file(tmp_path / "data.csv", target="b").data()
    two = from_file(tmp_path / "data.parquet", target="b").data()
    np.testing.assert_array_equal(one.train.x, two.train.x)
    np.testing.assert_array_equal(one.test.y, two.test.y)


def test_quotes_blank_lines_spaces_and_a_byte_order_mark_are_understood(write) -> None:
    text = (
        '\ufeff"length, cm", kind \n\n1.0, "red, round"\n2.0,plain \n\n1.5, "red, round"\n3,plain\n'
    )
    task = from_file(write(text), target="kind")
    assert task.feature_names == ("length, cm",)
    assert task.classes == ("plain", "red, round")


def test_archives_keep_their_split_and_their_names(tmp_path) -> None:
    x, y = np.arange(24, dtype=np.uint8).reshape(6, 2, 2), np.array([0, 1, 0, 1, 1, 0])
    path = archive(
        tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:2], y_test=y[:2],
        class_names=np.array(["no", "yes"]),
    )  # fmt: skip
    task = from_file(path, standardise="none", image_shape=(2, 2, 1))
    assert task.classes == ("no", "yes")
    np.testing.assert_array_equal(task.data().train.x[..., 0], x)
    np.testing.assert_array_equal(task.data().test.x[..., 0], x[:2])


def test_categories_nullable_numbers_and_bytes_are_labels(tmp_path) -> None:
    frame = pd.DataFrame({"a": np.arange(8.0)})
    for values, classes in (
        (pd.Categorical(list("xy") * 4), ("x", "y")),
        (pd.array([3, 5] * 4, dtype="Int64"), ("3", "5")),
        ([True, False] * 4, ("False", "True")),
    ):
        frame.assign(t=values).to_parquet(tmp_path / "t.parquet")
        assert from_file(tmp_path / "t.parquet", target="t").classes == classes
    path = archive(tmp_path / "b.npz", x=np.eye(4), y=np.array([b"no", b"yes"] * 2))
    assert from_file(path).classes == ("no", "yes")


def test_rows_with_gaps_can_be_dropped_and_lines_stay_true(write) -> None:
    text = GOOD + ",1,1\n" + "3,,0\n"
    task = from_file(write(text), target="kind", missing="drop rows")
    assert sum(batch.size for batch in task.data()) == 10
    assert sum(b.size for b in from_file(write(text), target="kind", features=["a"],
                                         missing="drop rows").data()) == 11  # fmt: skip
    with pytest.raises(InputError, match="the text 'cat' in column 'b', line 14"):
        from_file(write(text + "1,cat,1\n"), target="kind", missing="drop rows")


def test_real_files_load(shared_data) -> None:
    measured = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    penguins = from_file(
        shared_data("tabular/penguins.csv"),
        target="species",
        features=measured,
        missing="drop rows",
    )
    assert penguins.classes == ("Adelie", "Chinstrap", "Gentoo")
    assert sum(batch.size for batch in penguins.data()) == 342
    concrete = from_file(shared_data("tabular/concrete.npz"), standardise_targets=True)
    assert not concrete.is_classification
    assert concrete.feature_names is not None
    assert concrete.feature_names[0] == "cement"
    glass = from_file(shared_data("uci/glass.npz"))
    assert glass.output_size == 6
    mnist = from_file(shared_data("mnist_20k_5k.npz"), rows=300, image_shape=(28, 28, 1))
    assert mnist.data().train.x.shape == (300, 28, 28, 1)
    assert mnist.data().test.size == 5000


# ---------------------------------------------------------------------- identity
def test_the_key_follows_the_content_and_a_changed_file_is_refused(write, tmp_path) -> None:
    task = from_file(write(GOOD), target="kind")
    assert task == from_file(str(tmp_path / "data.csv"), target="kind")
    (tmp_path / "elsewhere").mkdir()
    copy = from_file(write(GOOD, "elsewhere/data.csv"), target="kind")
    assert content_key(copy) == content_key(task)
    copied = pickle.loads(pickle.dumps(task))
    assert copied == task
    write(GOOD.replace("kind", "sort"))
    from carnotlab.tasks import user_file

    user_file._load.cache_clear()
    with pytest.raises(InputError, match="which has changed since it was described"):
        copied.data()
    assert content_key(from_file(write(GOOD + "1,2,1\n"), target="kind")) != content_key(task)


def test_relative_paths_mean_the_same_from_any_folder(write, monkeypatch) -> None:
    path = write(GOOD)
    monkeypatch.chdir(path.parent)
    assert from_file("data.csv", target="kind").path == str(path.resolve())


# ---------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, "data.csv, which is empty"),
        ("\n\n", {}, "data.csv, which is empty"),
        ("a,b,kind\n", {}, "0 samples in data.csv; required: at least 2 samples"),
        ("a,b,kind\n1,2,3\n", {}, "1 sample in data.csv"),
        (GOOD + "1,2\n", {}, "2 cells in line 12 of data.csv; required: 3"),
        (GOOD + "1,2,3,4\n", {}, "4 cells in line 12 of data.csv; required: 3"),
        (GOOD + '1,"2,1\n', {}, "line 12 of data.csv that cannot be read as CSV"),
        (GOOD + "1,cat,1\n", {}, "the text 'cat' in column 'b', line 12 of data.csv"),
        (GOOD + "1,inf,1\n", {}, "inf in column 'b', line 12 of data.csv"),
        (GOOD + "1,1e999,1\n", {}, "in column 'b', line 12 of data.csv"),
        (GOOD + "1,,1\n", {}, "a missing value in column 'b', line 12 of data.csv"),
        (GOOD + "1,NaN,1\n", {}, "a missing value in column 'b', line 12"),
        (GOOD + "1,2,\n", {}, "a missing value in column 'kind', line 12"),
        (GOOD + "1,2,cat\n", {}, "the text 'cat' in column 'kind', line 12"),
        (GOOD.replace("a,b", "a,a"), {}, "two columns called 'a' in data.csv"),
        (GOOD.replace("a,b", ",b"), {}, "column 1 of data.csv without a name"),
        (GOOD.replace(",", ";"), {}, "data.csv with cells separated by semicolons"),
        (GOOD.replace(",", "\t"), {}, "data.csv with cells separated by tabs"),
        (GOOD.split("\n", 1)[1], {}, "a first line of numbers in data.csv"),
        (GOOD.replace("a,", "é,", 1).encode("latin-1"), {}, "not UTF-8 in line 1 of data.csv"),
        (GOOD.encode() + b"1,\xff,1\n", {}, "not UTF-8 in line 12 of data.csv"),
        (GOOD.encode("utf-16"), {}, "data.csv, whose content looks like a binary file"),
        ("a,kind\n1,x\n2,x\n", {}, r"one class only in column 'kind' of data.csv \(x\)"),
        ("a,kind\n1,x\n2,y\n3,z\n", {}, "3 classes among 3 samples.*identifier"),
        ("kind\n1\n2\n", {}, "no input columns of data.csv"),
        (GOOD, {"target": None}, "no target for data.csv; required: .*'a', 'b', 'kind'"),
        (GOOD, {"target": "kin"}, "column 'kin', which data.csv does not.*did you mean 'kind'"),
        (GOOD, {"features": ["A2"]}, "column 'A2', which data.csv does not have"),
        (GOOD, {"features": ["kind"]}, "the target among the input columns"),
        (GOOD, {"features": []}, "no input columns"),
        (GOOD, {"missing": "guess"}, "missing = 'guess'"),
        (GOOD, {"max_bytes": 10}, "data.csv of .* bytes; required: at most 10 bytes"),
        (SHORT, {"max_bytes": 200}, "10 rows × 3 columns in data.csv; required: at most 200"),
        (GOOD, {"image_shape": (2, 2, 1)}, "for inputs of 2 numbers"),
    ],
)  # fmt: skip
def test_bad_tables_are_refused_with_place_and_mend(write, content, options, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        from_file(write(content), **({"target": "kind"} | options))
    assert "\n" not in str(caught.value)


def test_dates_and_nested_cells_of_parquet_are_refused(tmp_path) -> None:
    path = tmp_path / "data.parquet"
    frame = pd.DataFrame({"a": np.arange(4.0), "t": [0, 1, 0, 1]})
    frame.assign(when=pd.date_range("2020", periods=4)).to_parquet(path)
    with pytest.raises(InputError, match=r"datetime64.* in column 'when' of data.parquet"):
        from_file(path, target="t")
    frame.assign(when=[[1, 2]] * 4).to_parquet(path)
    with pytest.raises(InputError, match=r"in column 'when', row 1 of data.parquet"):
        from_file(path, target="t")


def test_parquet_is_measured_by_its_size_in_memory(tmp_path) -> None:
    path = tmp_path / "data.parquet"
    pd.DataFrame({"a": np.zeros(20_000), "t": np.zeros(20_000)}).to_parquet(path)
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"20000 rows × 2 columns in data.parquet"):
        from_file(path, target="t", max_bytes=100_000)


@pytest.mark.parametrize("content", [GOOD.encode(), b"PAR1", b"PK\x03\x04"])
@pytest.mark.parametrize("name", ["d.csv", "d.parquet", "d.npz"])
def test_mistaken_extensions_and_damaged_files_are_refused(write, content, name) -> None:
    if (content, name) == (GOOD.encode(), "d.csv"):
        return
    target = None if name == "d.npz" else "kind"
    with pytest.raises(InputError, match=f"{name}, (whose content looks like|which cannot be)"):
        from_file(write(content, name), target=target)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ({"x": np.eye(4)}, {}, r"a.npz without the array 'y' \(it has 'x'\)"),
        ({"x_train": np.eye(4), "y_train": np.ones(4)}, {}, "without the array 'x_test'"),
        ({"x": np.eye(4), "y": np.array([1, None] * 2)}, {}, "Python objects in the array 'y'"),
        ({"x": np.eye(4), "y": np.ones(3)}, {}, r"x of shape \(4, 4\) and y of shape \(3,\)"),
        ({"x": np.diag([1, np.nan]), "y": [0, 1]}, {}, r"nan in x of a.npz at index \(1, 1\)"),
        ({"x": np.float64(3.0), "y": np.ones(3)}, {}, "the single number x in a.npz"),
        ({"x": np.eye(4).astype("U3"), "y": np.ones(4)}, {}, "x of a.npz with dtype <U3"),
        ({"x": np.eye(4), "y": [0, 0, 0, 0]}, {}, r"one class only in y of a.npz \(0\)"),
        ({"x": np.eye(4), "y": [0, 1, 0, 1]}, {"target": "y"}, "column names for a.npz"),
        ({"x": np.zeros((99, 99), np.uint8), "y": np.arange(99)}, {"max_bytes": 40_000},
         "the array 'x' of a.npz, 78408 bytes as float64"),
    ],
)  # fmt: skip
def test_bad_archives_are_refused(tmp_path, arrays, options, message) -> None:
    with pytest.raises(InputError, match=message):
        from_file(archive(tmp_path / "a.npz", **arrays), **options)


def test_truncated_and_corrupt_archives_are_refused(tmp_path) -> None:
    path = archive(tmp_path / "a.npz", x=np.eye(8), y=np.arange(8))
    content = bytearray(path.read_bytes())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be read as a NumPy archive"):
        from_file(path)
    content[200] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a NumPy archive"):
        from_file(path)


def test_paths_that_are_no_files_are_refused(tmp_path, write, monkeypatch) -> None:
    with pytest.raises(InputError, match="which does not exist"):
        from_file(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"the folder '.*'; required: a file"):
        from_file(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="no regular file"):
        from_file(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match=r"'data.txt', whose extension is none that can be read"):
        from_file(write(GOOD, "data.txt"), target="kind")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(InputError, match=r"which cannot be opened \(Permission denied\)"):
        from_file(tmp_path / "data.txt")
