import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.studies.semantic.item_sets import (
    TREE,
    ItemSettings,
    item_experiment,
    item_sets,
    on_inputs,
    shuffled,
    table_task,
    tree_task,
)


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("name,wings,size,same\nrobin,1,20,1\nsalmon,0,40,1\nowl,1,,1\n")
    return file


def test_tables_that_are_not_there_are_skipped_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("CARNOT_DATA", str(tmp_path))
    sets, skipped = item_sets(ItemSettings())
    assert list(sets) == [TREE]
    assert len(skipped) == len(ItemSettings().tables)
    assert all("CARNOT_DATA" in word for word in skipped)


def test_a_users_table_takes_the_place_of_all_others(table):
    sets, skipped = item_sets(ItemSettings(data=str(table)))
    assert (list(sets), skipped) == (["mine"], ())
    y = sets["mine"].data().train.y
    # In units of the largest entry, gaps filled by the mean, what all share left out.
    np.testing.assert_allclose(y, [[0.025, 0.5], [0.0, 1.0], [0.025, 0.75]])


def test_a_table_of_ones_and_zeros_keeps_its_units(tmp_path):
    file = tmp_path / "binary.csv"
    file.write_text("name,a,b\none,1,0\nother,0,1\n")
    assert table_task(file).scale == 1.0
    file.write_text("name,a,b\none,0,0\nother,0,0\n")
    with pytest.raises(InputError, match="varies"):
        table_task(file)


def test_features_dealt_out_anew_keep_how_often_each_occurs_and_lose_kinship():
    tree = tree_task(ItemSettings(features=2000))
    dealt = shuffled(tree).data().train.y
    y = tree.data().train.y
    np.testing.assert_allclose(np.sort(dealt, axis=0), np.sort(y, axis=0))
    sisters = [np.mean(table[0::2] * table[1::2]) for table in (y, dealt)]
    # Sisters share (1 - 2 flip)^2 = 0.49; without kinship only what the frequencies leave.
    assert sisters[0] > 0.45
    assert sisters[1] < sisters[0] - 0.15


def test_inputs_of_ones_own_are_the_training_and_the_held_out_set():
    x, y = np.eye(3) + 0.1, np.arange(6.0).reshape(3, 2)
    data = on_inputs(x, y, "mine").data()
    np.testing.assert_array_equal(data.train.x, data.test.x)
    np.testing.assert_array_equal(data.train.x, x)
    np.testing.assert_array_equal(data.train.y, y)


def test_a_large_start_takes_smaller_steps():
    settings = ItemSettings(features=50)
    tree = tree_task(settings)
    small, large = (item_experiment(settings, tree, start=s).training for s in (1e-3, 4.0))
    assert large.rule.learning_rate < 0.1 * small.rule.learning_rate
    assert abs(large.flow_times[-1] / small.flow_times[-1] - 1) < 0.02
