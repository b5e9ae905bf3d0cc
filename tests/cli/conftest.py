import contextlib
import io
import json
import os
import shutil
from typing import NamedTuple

import pytest
from toy_study import ContraryStudy, ToyStudy

from carnotlab.cli.entry import invoke
from carnotlab.studies import catalogue


class Outcome(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def _invoke(*words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = invoke([str(word) for word in words])
    return Outcome(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _toys():
    """The toy studies in place of the real ones, and this process's devices as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "STUDIES", (ToyStudy(), ContraryStudy()))
        patch.setattr(catalogue, "TOUR", (ToyStudy(),))
        patch.setenv("JAX_NUM_CPU_DEVICES", "1")
        # Programs compiled for tests are not for the user's cache.
        patch.setenv("JAX_COMPILATION_CACHE_DIR", "")
        # The command would settle these for its process, which is that of all tests here.
        patch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", ""))
        yield


@pytest.fixture(autouse=True)
def _toy_studies():
    with _toys():
        yield


@pytest.fixture(scope="session")
def carnot():
    """Run one command line in this process."""
    return _invoke


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """One run of both studies from nothing, and the folder it wrote."""
    out = tmp_path_factory.mktemp("first")
    with _toys():
        return _invoke("run", "toy-modes", "toy-contrary", "--out", out, "--json"), out


@pytest.fixture
def kept(first, tmp_path):
    """A copy of that folder, so that nothing has to be trained again."""
    shutil.copytree(first[1], tmp_path, dirs_exist_ok=True)
    return tmp_path
