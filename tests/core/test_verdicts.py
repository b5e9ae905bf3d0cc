"""Verdicts: intervals over seeds, checked by simulation and on the edges."""

import json
import math

import numpy as np
import pytest

from carnotlab.core.assumptions import Check
from carnotlab.core.quantities import Quantity
from carnotlab.core.verdicts import RESAMPLES, Interval, Tolerance, agreement, bootstrap, judge

LOSS = Quantity("loss", (), "loss", "a loss")
INSIDE = Check("whitened", "inputs are white", 0.0, 0.1)
OUTSIDE = Check("small steps", "steps are small", 0.5, 0.1)


def judged(values, *, tolerance=0.5, role="test", checks=(INSIDE,)):
    values = np.asarray(values, dtype=float)
    return judge(
        study="a-study",
        arm="an arm",
        role=role,
        tolerance=Tolerance(LOSS, tolerance, "an argument"),
        statistic=lambda rows: float(values[rows].mean()),
        seeds=len(values),
        checks=checks,
        seconds=1.5,
    )


def test_bootstrap_of_a_mean_is_the_percentile_interval():
    """An independent bootstrap of its own draws gives the same ends to Monte-Carlo error.

    A mean is not biased by resampling, so that nothing is taken off its interval.
    """
    values = np.random.default_rng(5).normal(size=12)
    found = bootstrap(lambda rows: float(values[rows].mean()), 12)
    random = np.random.default_rng(77)
    means = values[random.integers(0, 12, size=(200_000, 12))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    # The 2.5 % quantile of 2000 draws has standard error sqrt(p q / n) / density, with the density
    # of a normal at that quantile 0.058 / sd: 0.06 sd. Three of them are allowed.
    tolerance = 3 * 0.06 * means.std()
    assert found.low == pytest.approx(low, abs=tolerance)
    assert found.high == pytest.approx(high, abs=tolerance)
    assert found.value == pytest.approx(values.mean(), rel=1e-14)


def test_what_resampling_adds_is_taken_off_again():
    """The distance of a mean from zero grows by the scatter that repeated seeds bring."""
    values = np.random.default_rng(3).normal(size=(8, 3))

    def distance(rows):
        return float(np.linalg.norm(values[rows].mean(axis=0)))

    found = bootstrap(distance, 8)
    draws = []
    bootstrap(lambda rows: draws.append(distance(rows)) or draws[-1], 8)
    value, resampled = draws[0], np.array(draws[1:])
    added = resampled.mean() - value
    assert added > 0.02
    # The ends are draws: 2.5 % of 2000, the 50th from below and from above.
    ordered = np.sort(resampled) - added
    assert found.low == pytest.approx(ordered[49], abs=1e-12)
    assert found.high == pytest.approx(ordered[-50], abs=1e-12)
    assert found.value == value


def test_intervals_of_errors_end_at_zero():
    values = np.array([1.0, -1.0, 1.0, -1.0])
    verdict = judge(
        study="a",
        arm="b",
        role="test",
        tolerance=Tolerance(LOSS, 0.5, "an argument"),
        statistic=lambda rows: abs(float(values[rows].mean())),
        seeds=4,
        checks=(),
        seconds=0.0,
    )
    assert verdict.interval[0] == 0.0
    assert verdict.in_regime


def test_coverage_by_simulation():
    """The interval of a mean of 16 normal seeds covers the truth about as often as it should."""
    random = np.random.default_rng(0)
    trials, seeds = 600, 16
    covered = 0
    for _ in range(trials):
        values = random.normal(size=seeds)
        found = bootstrap(lambda rows, v=values: float(v[rows].mean()), seeds, resamples=400)
        covered += found.low <= 0.0 <= found.high
    # Percentile intervals are a little short: the bootstrap's spread is sqrt(15/16) of the sample's
    # and it uses the normal's 1.96 where Student's t with 15 degrees of freedom asks for 2.13, so
    # the expected coverage is P(|t| < 1.96 * 0.968) = 92.3 %. Three standard errors of 600 trials
    # are 3.3 %.
    assert abs(covered / trials - 0.923) < 0.033


def test_the_same_ensemble_always_gives_the_same_interval():
    values = np.random.default_rng(1).normal(size=9)
    first = bootstrap(lambda rows: float(values[rows].mean()), 9)
    np.random.seed(4)
    assert bootstrap(lambda rows: float(values[rows].mean()), 9) == first


def test_resampling_draws_all_seeds_with_replacement():
    rows = []
    bootstrap(lambda chosen: rows.append(chosen) or 0.0, 5)
    drawn = np.stack(rows[1:])
    assert rows[0].tolist() == [0, 1, 2, 3, 4]
    assert drawn.shape == (RESAMPLES, 5)
    assert set(drawn.ravel().tolist()) == {0, 1, 2, 3, 4}
    # Five draws of five are all different with probability 5!/5^5 = 3.8 %, if with replacement.
    distinct = np.mean([len(set(row)) == 5 for row in drawn.tolist()])
    assert 0.02 < distinct < 0.06


def test_one_seed_says_nothing_about_the_next():
    found = bootstrap(lambda rows: 0.25, 1)
    assert found == Interval(0.25, -math.inf, math.inf)
    assert judged([0.0]).agreement == "underpowered"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_disagrees(bad):
    found = bootstrap(lambda rows: bad, 4)
    assert found == Interval(math.inf, math.inf, math.inf)
    assert agreement(found, 1e300) == "disagrees"


def test_one_diverged_seed_can_only_worsen_a_verdict():
    good = np.full(8, 0.1)
    spoiled = good.copy()
    spoiled[3] = np.nan
    assert judged(good).agreement == "agrees"
    verdict = judged(spoiled)
    # A resample of 8 misses one given seed with probability (7/8)^8 = 34 %.
    assert verdict.agreement == "underpowered"
    assert verdict.interval == (pytest.approx(0.1), math.inf)
    assert verdict.error == math.inf


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.1, 0.4), "agrees"),
        ((0.1, 0.5), "agrees"),
        ((0.1, 0.6), "underpowered"),
        ((0.5, 0.6), "underpowered"),
        ((0.51, 0.6), "disagrees"),
        ((-math.inf, math.inf), "underpowered"),
    ],
)
def test_agreement_is_about_the_whole_interval(interval, expected):
    assert agreement(Interval(0.3, *interval), 0.5) == expected


def test_agreement_and_regime_are_separate_axes():
    readings = {
        judged(values, checks=checks).reading
        for values in ([0.1, 0.2], [0.8, 0.9])
        for checks in ((INSIDE,), (INSIDE, OUTSIDE))
    }
    assert readings == {
        f"{word} {place} the theory's assumptions"
        for word in ("agrees", "disagrees")
        for place in ("inside", "outside")
    }


def test_controls_are_expected_to_disagree():
    test, control = judged([0.1, 0.2]), judged([0.1, 0.2], role="control")
    assert test.expected == "agrees"
    assert test.as_expected
    assert control.expected == "disagrees"
    assert not control.as_expected
    assert judged([0.8, 0.9], role="control").as_expected


def test_a_verdict_is_plain_json_with_infinities_as_null():
    record = judged([0.1, math.nan], checks=(INSIDE, OUTSIDE)).to_dict()
    again = json.loads(json.dumps(record, allow_nan=False))
    assert again == record
    assert record["error"] is None
    assert record["interval"] == [pytest.approx(0.1), None]
    assert [check["holds"] for check in record["checks"]] == [True, False]
    assert record["quantity"] == "loss"
    assert record["why"] == "an argument"
    assert record["in_regime"] is False
