"""The public names: complete, documented, and out of the way until they are used."""

import inspect

import pytest

import carnotlab
from carnotlab import api


def test_every_public_name_is_there_and_documented():
    assert len(set(api.__all__)) == len(api.__all__)
    for name in api.__all__:
        thing = getattr(carnotlab, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert (thing.__doc__ or "").strip(), f"{name} has no docstring"


def test_what_is_imported_for_the_public_is_listed():
    imported = {
        name
        for name, thing in vars(api).items()
        if not name.startswith("_") and not inspect.ismodule(thing)
    }
    assert imported | {"activations", "layers"} == set(api.__all__)
    assert set(dir(carnotlab)) == set(api.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no public name 'Experimnt'"):
        _ = carnotlab.Experimnt


def test_importing_the_package_imports_no_heavy_library(python):
    found = python(
        "import sys, carnotlab; "
        "print(sorted({'jax', 'matplotlib', 'numba', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    assert found == "[]"
    found = python(
        "import sys, carnotlab.api; print(sorted({'numba', 'torch'} & set(sys.modules)))"
    )
    assert found == "[]"
