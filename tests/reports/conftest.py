import pytest
from toy_study import ContraryStudy, ToyStudy

from carnotlab.reports.figures import exhibit
from carnotlab.studies.running import run_study


@pytest.fixture(scope="session")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="session")
def result(out):
    return run_study(ToyStudy(), out=out)


@pytest.fixture(scope="session")
def contrary(out):
    return run_study(ContraryStudy(), changes={"seeds": 3}, out=out)


@pytest.fixture(scope="session")
def shown(result):
    return exhibit(result)
