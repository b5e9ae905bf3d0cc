"""Descriptions and their keys: what changes them, what does not, and across processes."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from carnotlab.core.descriptions import array_digest, content_key, describe
from carnotlab.core.errors import InputError
from carnotlab.experiment.experiment import Experiment
from carnotlab.experiment.rules import GradientDescent
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
from carnotlab.tasks.linear_map import LinearMap

# Frozen: it changes when any default or field name of these descriptions does, which orphans every
# stored result. Such a change may be right, but should be seen.
FROZEN = """
from carnotlab.core.descriptions import content_key
from carnotlab.experiment.training import Training
from carnotlab.networks.architectures import mlp
print(content_key(mlp(3, (8, 8), 2), Training(duration=10)))
"""
FROZEN_KEY = "38a0538431d05695e1cdbfc5c9dc90852278a92beeb1b99201281fecc4878b27"


@dataclass(frozen=True)
class Point:
    x: float
    y: float = 2.0


@dataclass(frozen=True)
class Other:
    x: float
    y: float = 2.0


class Named:
    def __describe__(self):
        return {"kind": "Named", "digest": "abc"}


def test_descriptions_are_plain_json():
    thing = {
        "point": Point(1.5),
        "tuple": (1, None, True, "a"),
        "array": np.arange(3),
        "path": Path("a/b"),
        "function": content_key,
        "named": Named(),
    }
    plain = describe(thing)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["point"] == {"kind": "Point", "x": 1.5, "y": 2}
    assert plain["tuple"] == [1, None, True, "a"]
    assert plain["function"] == "carnotlab.core.descriptions.content_key"
    assert plain["path"] == "a/b"
    assert plain["named"] == {"kind": "Named", "digest": "abc"}


def test_keys_tell_classes_fields_and_order_apart():
    things = [Point(1.0), Point(1.5), Point(1.0, 3.0), Other(1.0), (1, 2), (2, 1), "1", 1, True]
    assert len({content_key(thing) for thing in things}) == len(things)
    assert content_key(Point(1.0), 2) != content_key((Point(1.0), 2))


def test_equal_descriptions_have_equal_keys():
    assert Training(duration=10) == Training(duration=10.0)
    assert content_key(Training(duration=10)) == content_key(Training(duration=10.0))
    assert content_key(-0.0) == content_key(0)
    assert content_key([1, 2]) == content_key((1, 2))
    assert content_key(1e300) != content_key(1.0)
    assert content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})


def test_arrays_are_described_by_content():
    one = np.arange(6.0).reshape(2, 3)
    assert array_digest(one) == array_digest(np.asfortranarray(one))
    others = [one.T, one.astype(np.float32), one + 1e-15 * (one == 1), one.ravel()]
    assert len({array_digest(a) for a in (one, *others)}) == 5
    assert describe(one)["shape"] == [2, 3]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(bad):
    with pytest.raises(InputError, match=r"the number (nan|inf).*finite numbers"):
        describe(Point(bad))


def test_objects_without_a_description_are_refused():
    with pytest.raises(InputError, match=r"a object inside a description"):
        describe((1, object()))
    with pytest.raises(InputError, match=r"a set inside a description"):
        describe({1, 2})


def test_a_class_is_not_taken_for_its_instances():
    # Classes are callables here, named like functions.
    assert describe(Point).endswith("Point")
    assert describe(Point) != describe(Point(1.0))


def test_every_field_of_an_experiment_changes_its_key():
    experiment = Experiment(
        LinearMap(3, 2, (1.0,), held_out=2), mlp(3, (4,), 2), Training(GradientDescent(0.1), 10)
    )
    changed = [
        dataclasses.replace(experiment, task=LinearMap(3, 2, (1.0,), held_out=2, seed=1)),
        dataclasses.replace(experiment, network=mlp(3, (5,), 2)),
        dataclasses.replace(experiment, network=mlp(3, (4,), 2, weight_variance=1.9)),
        dataclasses.replace(experiment, training=Training(GradientDescent(0.2), 10)),
        dataclasses.replace(experiment, training=Training(GradientDescent(0.1), 11)),
        dataclasses.replace(experiment, training=Training(GradientDescent(0.1, 0.5), 10)),
        dataclasses.replace(
            experiment, training=Training(GradientDescent(0.1), 10, precision="float64")
        ),
    ]
    keys = {experiment.key, *(other.key for other in changed)}
    assert len(keys) == 1 + len(changed)
    assert dataclasses.replace(experiment).key == experiment.key


def test_keys_are_the_same_in_every_process(python):
    assert content_key(mlp(3, (8, 8), 2), Training(duration=10)) == FROZEN_KEY
    assert python(FROZEN, PYTHONHASHSEED="123") == FROZEN_KEY
