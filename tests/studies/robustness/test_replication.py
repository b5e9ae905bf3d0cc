"""Claims counted over conditions, against counts by hand."""

from dataclasses import dataclass

import pytest
from scipy.optimize import brentq
from toy_study import ContraryStudy, ToyStudy

from carnotlab.core.errors import InputError
from carnotlab.studies.robustness.replication import (
    Condition,
    Replication,
    conditions_of,
    replicate,
    wilson,
)


@dataclass(frozen=True)
class Said:
    role: str
    quantity: str
    agreement: str

    @property
    def as_expected(self):
        return self.agreement == ("disagrees" if self.role == "control" else "agrees")


@dataclass(frozen=True)
class Found:
    study: ToyStudy
    verdicts: tuple

    @property
    def as_expected(self):
        return all(verdict.as_expected for verdict in self.verdicts)


def replication(*lists, data=()):
    names = data or [f"steps={index}" for index in range(len(lists))]
    conditions = tuple(Condition(name, {}, name if data else "") for name in names)
    found = tuple(Found(ToyStudy(), tuple(Said(*each) for each in every)) for every in lists)
    return Replication(conditions, found)


def test_a_claim_holds_where_all_its_verdicts_do():
    found = replication(
        [("test", "loss", "agrees"), ("test", "loss", "agrees"), ("control", "loss", "disagrees")],
        [("test", "loss", "agrees"), ("test", "loss", "disagrees")],
        [("test", "loss", "underpowered"), ("control", "loss", "agrees")],
        [("test", "speed", "agrees")],
    )
    loss, control, speed = found.claims
    assert (loss.conditions, loss.as_expected) == (3, 1)
    assert (loss.breaks, loss.undecided) == (("steps=1",), ("steps=2",))
    assert (control.conditions, control.as_expected, control.breaks) == (2, 1, ("steps=2",))
    assert (speed.conditions, speed.share) == (1, 1.0)
    assert found.summary == ("toy-modes carries over 2 of 4 conditions; breaks on steps=1; steps=2")
    assert not found.as_expected


def test_data_sets_are_named():
    agreed = [("test", "loss", "agrees")]
    found = replication(agreed, agreed, data=("iris.csv", "wine.csv"))
    assert found.summary == "toy-modes carries over 2 of 2 data sets"
    assert found.as_expected


@pytest.mark.parametrize(("successes", "trials"), [(0, 4), (3, 7), (5, 5), (40, 50)])
def test_wilsons_interval_is_where_the_score_test_turns(successes, trials):
    """Its ends are the shares p with |s/n - p| = 1.96 sqrt(p(1-p)/n), found by bisection."""
    share = successes / trials

    def score(p):
        return (share - p) ** 2 - 1.96**2 * p * (1 - p) / trials

    low, high = wilson(successes, trials)
    assert low == pytest.approx(brentq(score, 1e-12, share - 1e-12) if share else 0.0, abs=1e-9)
    assert high == pytest.approx(
        brentq(score, share + 1e-12, 1 - 1e-12) if share < 1 else 1.0, abs=1e-9
    )


def test_every_combination_once():
    found = conditions_of(ToyStudy(), seeds=(2, 3), settings={"steps": (5, 6, 5)})
    assert [condition.name for condition in found] == [
        "seeds=2, steps=5", "seeds=2, steps=6", "seeds=3, steps=5", "seeds=3, steps=6",
    ]  # fmt: skip
    (only,) = conditions_of(ToyStudy())
    assert (only.name, only.changes) == ("as it is", {})


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="at least one"):
        conditions_of(ToyStudy(), settings={"steps": ()})
    with pytest.raises(InputError, match="strengths, steps"):
        conditions_of(ToyStudy(), settings={"stairs": (1,)})
    with pytest.raises(InputError, match="twice"):
        conditions_of(ToyStudy(), seeds=(2,), settings={"seeds": (3,)})
    with pytest.raises(InputError, match="no conditions"):
        replicate(ToyStudy())


def test_a_study_is_run_under_each_and_read_the_second_time(tmp_path, monkeypatch):
    conditions = conditions_of(ContraryStudy(), settings={"error": (1e-12, 0.05)})
    told = []
    first = replicate(
        ContraryStudy(), "smoke", conditions, out=tmp_path, progress=lambda *each: told.append(each)
    )
    assert first.summary == "toy-contrary carries over 1 of 2 conditions; breaks on error=1e-12"
    assert told[0][0] == "error=1e-12"
    assert told[-1][0] == "error=0.05"
    assert 0.5 <= told[-1][1] <= 1.0
    monkeypatch.setattr("carnotlab.runs.run.train", None)
    again = replicate(ContraryStudy(), "smoke", conditions, out=tmp_path)
    assert again.claims == first.claims
    frame = again.to_dataframe()
    assert frame["condition"].tolist() == ["error=1e-12"] * 2 + ["error=0.05"] * 2
    assert set(again.to_dict()) == {"study", "summary", "claims", "conditions"}
