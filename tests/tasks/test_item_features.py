import numpy as np
import pytest

from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError
from carnotlab.tasks.item_features import ItemFeatures
from carnotlab.tasks.statistics import input_covariance

SMALL = ",wings,fins,alive\nrobin,1,0,1\nsalmon,0,1,1\nowl,3,0,1\n"


@pytest.fixture
def write(tmp_path):
    def make(text: str, name: str = "items.csv") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return make


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("rogers_mcclelland_8.csv", (8, 36), {}),
        ("rogers_mcclelland_21.csv", (21, 53), {}),
        ("kemp_tenenbaum_animals_33x102.csv", (33, 102), {}),
        ("awa_mammals_50x85_binary.csv", (50, 85), {}),
        ("osherson_mammals_50x85_ratings.csv", (50, 85), {"missing": "mean", "scale": 0.01}),
        ("leuven_animals_129x225_category_features.csv", (129, 225), {"scale": 0.25}),
        ("leuven_animals_129x764_exemplar_features.csv", (129, 764), {}),
    ],
)
def test_real_tables_load(shared_data, name, shape, options) -> None:
    task = ItemFeatures(str(shared_data(f"semantic/{name}")), whiten=True, **options)
    y = task.data().train.y
    assert y.shape == shape
    assert (len(task.items), len(task.features)) == shape
    np.testing.assert_allclose(input_covariance(task), np.eye(shape[0]), atol=1e-12)
    assert np.all(np.isfinite(y))
    if options.get("scale"):
        assert 0.0 <= y.min() < y.max() <= 1.0


def test_the_missing_ratings_are_named_or_filled_with_the_mean(shared_data) -> None:
    path = str(shared_data("semantic/osherson_mammals_50x85_ratings.csv"))
    with pytest.raises(InputError, match="a missing value in column 'black', line 2 of osherson"):
        ItemFeatures(path)
    y = ItemFeatures(path, missing="mean").data().train.y
    # The mean over the other 49 items, hence also over all 50 once it is filled in.
    np.testing.assert_allclose(y[0, :4], y[1:, :4].mean(axis=0))


def test_options_apply_in_the_documented_order(write) -> None:
    task = ItemFeatures(write(SMALL), drop_constant=True, scale=0.5, centre=True)
    assert task.items == ("robin", "salmon", "owl")
    assert task.features == ("wings", "fins")
    expected = 0.5 * (np.array([[1, 0], [0, 1], [3, 0]]) - np.array([4 / 3, 1 / 3]))
    np.testing.assert_allclose(task.data().train.y, expected)
    np.testing.assert_array_equal(task.data().train.x, np.eye(3))
    assert task.data().test is task.data().train


def test_the_key_follows_the_content_not_the_place(write) -> None:
    first, second = write(SMALL), write(SMALL, "items2.csv")
    one = ItemFeatures(first)
    assert content_key(one) == content_key(ItemFeatures(first))
    assert one.sha256 == ItemFeatures(second).sha256
    write(SMALL.replace("3", "2"))
    changed = ItemFeatures(first)
    assert changed != one
    assert content_key(changed) != content_key(one)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("name,a\nx,1\nx,2\n", {}, "a second item 'x' in line 3 of items.csv"),
        ("name,a\nx,1\n,2\n", {}, "an item without a name in line 3"),
        ("name,a\nx,1\ny,cat\n", {}, "the text 'cat' in column 'a', line 3"),
        ("name,a\nx,1\ny,\n", {}, "a missing value in column 'a', line 3"),
        ("name,a\nx,\ny,\n", {"missing": "mean"}, "no value at all in column 'a'"),
        ("name,a\nx,1\ny,1\n", {"drop_constant": True}, "constant features only"),
        ("name,a\nx,1\n", {}, "1 items in items.csv"),
        ("name\nx\ny\n", {}, "items.csv without features"),
        (SMALL, {"scale": 0.0}, "scale = 0.0"),
        (SMALL, {"missing": "zero"}, "missing = 'zero'"),
    ],
)
def test_bad_tables_are_refused(write, text, options, message) -> None:
    with pytest.raises(InputError, match=message):
        ItemFeatures(write(text), **options)
