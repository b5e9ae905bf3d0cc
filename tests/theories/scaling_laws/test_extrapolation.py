"""How far a fit carries: coverage on laws that hold, refusal or failure on what is none."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError
from carnotlab.theories.scaling_laws.extrapolation import extrapolate, information_criteria
from carnotlab.theories.scaling_laws.laws import Law

N = np.geomspace(1e3, 1.6e4, 5)
BEYOND = 6.4e4
LAW = Law("power", 1.5, 30.0, 0.4)


def seen(law, n, random, seeds=3, scatter=0.01):
    return law(n) * np.exp(scatter * random.normal(size=(seeds, len(n))))


def coverage(law, runs, level):
    """Return shares of runs: those whose interval holds the next mean, and those refused."""
    random = np.random.default_rng(0)
    inside, refused = [], []
    for run in range(runs):
        found = extrapolate(N, seen(law, N, random), BEYOND, level=level, seed=run)
        next_one = np.exp(np.log(seen(law, np.array([BEYOND]), random)).mean())
        inside.append(found.low <= next_one <= found.high)
        refused.append(found.refused)
    return np.mean(inside), np.mean(refused)


def test_intervals_cover_at_about_their_level():
    inside, refused = coverage(LAW, 100, 0.8)
    assert abs(inside - 0.8) < 3.0 * np.sqrt(0.8 * 0.2 / 100)
    assert refused <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("law", [LAW, Law("power", 0.0, 8.0, 0.2), Law("power", 2.0, 3e3, 1.0)])
def test_intervals_cover_at_their_level(level, law):
    inside, refused = coverage(law, 200, level)
    # A law on its bound (no floor) is fitted with a floor that can only be too high.
    slack = 0.03 if law.floor else 0.06
    assert abs(inside - level) < 3.0 * np.sqrt(level * (1 - level) / 200) + slack
    assert refused < 0.01 + 3.0 * np.sqrt(0.01 / 200)


def test_intervals_narrow_with_scatter_and_widen_with_distance():
    random = np.random.default_rng(3)
    unit = random.normal(size=(4, 5))

    def width(scatter, beyond):
        found = extrapolate(N, LAW(N) * np.exp(scatter * unit), beyond)
        return found.high - found.low

    assert width(0.001, 1e5) < 0.3 * width(0.01, 1e5)
    assert width(0.005, 2e4) < 0.5 * width(0.005, 2e5)


def broken(n):
    """Fall as a power up to a size, then not at all, and rise again a little."""
    return 1.5 + 30.0 * np.minimum(n, 8e3) ** -0.4 + 0.05 * np.log(np.maximum(n / 8e3, 1.0))


def test_what_bends_where_it_was_measured_is_refused():
    random = np.random.default_rng(4)
    found = extrapolate(N, seen(broken, N, random, scatter=0.003), BEYOND)
    assert found.refused
    assert not found.covers(found.value)


def test_what_bends_beyond_is_not_covered():
    """Nothing measured says so: the law is not refused, and its interval is wrong."""
    random = np.random.default_rng(5)
    small = N[N <= 8e3]
    sizes = np.geomspace(small[0], 8e3, 5)
    found = extrapolate(sizes, seen(broken, sizes, random, scatter=0.003), 1e6)
    assert not found.refused
    assert not found.covers(float(broken(np.array([1e6]))[0]))


@pytest.mark.parametrize(
    "law",
    [
        LAW,
        Law("exponential", 1.5, 2.0, 0.8, 4e3),
        Law("logarithmic", 6.0, 0.3, 0.0),
    ],
)
def test_the_criterion_finds_the_form(law):
    n = np.geomspace(1e3, 1e6, 8) if law.form != "exponential" else np.geomspace(1e3, 1.6e4, 8)
    losses = seen(law, n, np.random.default_rng(6), scatter=0.002)
    found = information_criteria(n, losses)
    assert min(found, key=found.__getitem__) == law.form
    others = [value for form, value in found.items() if form != law.form]
    # A power with a small exponent is nearly a logarithm, and has one more parameter.
    least = 1.0 if law.form == "logarithmic" else 10.0
    assert min(others) - found[law.form] > least


@pytest.mark.parametrize(
    ("seeds", "sizes", "level", "message"),
    [
        (1, 5, 0.95, "at least two seeds"),
        (3, 3, 0.95, "3 sizes for a power law of 3 parameters"),
        (3, 5, 1.0, "level = 1.0"),
    ],
)
def test_refusals(seeds, sizes, level, message):
    n = N[:sizes]
    with pytest.raises(InputError, match=message):
        extrapolate(n, np.tile(LAW(n), (seeds, 1)), BEYOND, level=level)
