"""Provenance: which program, on what, from what."""

import json
import platform
import subprocess

import jax
import pytest

from carnotlab.core import provenance as module
from carnotlab.core.provenance import (
    Provenance,
    code_digest,
    commit,
    folder_of,
    package_version,
    provenance,
)


@pytest.fixture
def _fresh():
    code_digest.cache_clear()
    commit.cache_clear()
    yield
    code_digest.cache_clear()
    commit.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch, _fresh):
    """A package of one computing file and one that draws pictures."""
    root = tmp_path / "src" / "carnotlab"
    for layer in ("core", "reports"):
        (root / layer).mkdir(parents=True)
        (root / layer / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(module, "PACKAGE", root)
    return root


def test_the_record_is_complete_and_plain():
    record = provenance(seeds=(3, 5), precision="float32", settings={"size": "smoke"}).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["seeds"] == [3, 5]
    assert record["settings"] == {"size": "smoke"}
    assert record["jax"] == jax.__version__
    assert record["python"] == platform.python_version()
    assert record["version"] == package_version()
    assert len(record["code"]) == 64
    assert all(record[name] for name in ("numpy", "device", "platform", "precision"))


def test_the_code_digest_follows_what_computes_and_nothing_else(package):
    def digest():
        code_digest.cache_clear()
        return code_digest()

    before = digest()
    (package / "reports" / "a.py").write_text("x = 2\n")
    assert digest() == before
    (package / "core" / "a.py").write_text("x = 2\n")
    edited = digest()
    assert edited != before
    (package / "core" / "a.py").rename(package / "core" / "b.py")
    assert digest() not in (before, edited)


def test_computing_layers_exist():
    for layer in module.COMPUTING_LAYERS:
        assert (module.PACKAGE / layer / "__init__.py").exists(), layer


def test_the_commit_of_a_checkout_and_its_changes(package):
    assert commit() is None
    top = package.parents[1]

    def git(*words):
        subprocess.run(
            ["git", "-C", str(top), "-c", "user.name=a", "-c", "user.email=a@b.c", *words],
            check=True,
            capture_output=True,
        )

    git("init")
    commit.cache_clear()
    assert commit() is None
    git("add", ".")
    git("commit", "-m", "first")
    commit.cache_clear()
    clean = commit()
    assert clean is not None
    assert len(clean) == 40
    (package / "core" / "a.py").write_text("x = 3\n")
    commit.cache_clear()
    assert commit() == f"{clean}+changes"


def test_classes_beside_the_computing_layers_name_their_folder():
    from carnotlab.runs.trained_curves import TrainedCurve
    from carnotlab.studies.noise.balance_run import BalanceRun

    assert folder_of(BalanceRun) == "studies/noise"
    assert folder_of(TrainedCurve) == "runs"
    assert folder_of(Provenance) is None
    assert folder_of(dict) is None
