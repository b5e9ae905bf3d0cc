from carnotlab.studies.data_folder import VARIABLE, find_data


def test_the_named_folder_comes_first_and_is_the_only_one(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "table.csv").write_text("a,b\n")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "one"))
    assert find_data("table.csv") == tmp_path / "one" / "table.csv"
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert find_data("table.csv") is None


def test_a_shared_folder_beside_the_working_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "shared" / "data").mkdir(parents=True)
    (tmp_path / "shared" / "data" / "odd name.csv").write_text("a,b\n")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert find_data("odd name.csv") == tmp_path / "shared" / "data" / "odd name.csv"
