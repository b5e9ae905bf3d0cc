"""Properties of tasks over many descriptions."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from carnotlab.core.data import Batch
from carnotlab.core.descriptions import content_key
from carnotlab.tasks.arrays import from_arrays
from carnotlab.tasks.feature_hierarchy import FeatureHierarchy
from carnotlab.tasks.linear_map import LinearMap
from carnotlab.tasks.spectra import Geometric, eigenvalues
from carnotlab.tasks.splitting import partition
from carnotlab.tasks.standardising import standardised
from carnotlab.tasks.statistics import (
    input_covariance,
    input_output_modes,
    mode_alignment,
    target_alignment,
    target_power,
    whiteness,
)
from carnotlab.tasks.user_file import from_file

FEW = settings(max_examples=50, deadline=None)
numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


@FEW
@given(st.data(), st.integers(2, 60), st.integers(0, 2**32))
def test_a_split_is_a_partition_that_keeps_every_class(data, n, seed) -> None:
    classes = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    present = len(np.unique(classes))
    if present == n:
        return
    second = data.draw(st.integers(1, n - present))
    first, rest = partition(n, second, seed=seed, classes=classes)
    assert sorted([*first.tolist(), *rest.tolist()]) == list(range(n))
    assert len(rest) == second
    assert set(classes[first]) == set(classes)
    exact = np.bincount(classes) * second / n
    taken = np.bincount(classes[rest], minlength=len(exact))
    # Largest remainder is within one of the proportion, but for classes capped to keep a sample.
    capped = taken == np.bincount(classes) - 1
    assert capped.any() or np.all(np.abs(taken - exact) < 1)


@FEW
@given(
    st.integers(1, 8), st.integers(1, 8), st.integers(0, 10), st.floats(1.0, 1e4),
    st.sampled_from(["random", "aligned"]), st.integers(0, 99), st.data(),
)  # fmt: skip
def test_linear_maps_have_their_covariance_and_strengths(
    inputs, outputs, extra, condition, basis, seed, data
) -> None:
    count = data.draw(st.integers(1, min(inputs, outputs)))
    strengths = data.draw(st.tuples(*[st.floats(0.1, 10.0)] * count))
    spectrum = Geometric(condition)
    task = LinearMap(
        inputs, outputs, strengths, inputs + extra, 0.0, spectrum, basis, held_out=2, seed=seed
    )
    covariance = input_covariance(task)
    expected = np.sort(eigenvalues(spectrum, inputs))
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance), expected, atol=1e-11)
    values = np.linalg.svd(task.matrix, compute_uv=False)[:count]
    np.testing.assert_allclose(values, sorted(strengths, reverse=True), rtol=1e-10)
    assert content_key(task) == content_key(LinearMap(**task.__dict__))


@FEW
@given(st.lists(st.integers(2, 4), min_size=1, max_size=3), st.floats(0.01, 0.49))
def test_hierarchies_share_their_variance_among_levels(branching, flip) -> None:
    tree = FeatureHierarchy(tuple(branching), flip, 1)
    assert sum(tree.multiplicities) == tree.items
    # The trace of the covariance of P signs is P.
    np.testing.assert_allclose(np.dot(tree.multiplicities, tree.eigenvalues), tree.items)
    assert np.all(np.diff(tree.eigenvalues) < 0)
    np.testing.assert_allclose(np.diag(tree.covariance), 1.0)


@FEW
@given(arrays(np.float64, (12, 3), elements=numbers), st.integers(0, 99))
def test_a_table_written_and_read_is_the_same_task(x, seed) -> None:
    y = np.arange(12.0) + 0.5
    lines = [
        "a,b,c,target",
        *(",".join(map(repr, [*r, t])) for r, t in zip(x.tolist(), y.tolist(), strict=True)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        read = from_file(path, target="target", standardise="none", seed=seed).data()
    made = from_arrays(x, y, seed=seed).data()
    for one, other in zip(read, made, strict=True):
        np.testing.assert_array_equal(one.x, other.x)
        np.testing.assert_array_equal(one.y, other.y)


@FEW
@given(
    arrays(np.float64, (7, 4), elements=numbers),
    st.sampled_from(["none", "unit range", "zero mean, unit norm rows", "per feature"]),
)
def test_standardised_inputs_are_finite_and_a_sample_is_treated_alike_in_both_sets(x, how) -> None:
    train, test = standardised(x, x, how)
    np.testing.assert_array_equal(train, test)
    assert np.all(np.isfinite(train))


@FEW
@given(
    arrays(np.float64, (6, 4), elements=st.floats(-5, 5).map(lambda v: round(v, 3))),
    arrays(np.float64, (6, 2), elements=st.floats(-5, 5).map(lambda v: round(v, 3))),
    st.floats(0.1, 10.0),
)
def test_statistics_scale_as_their_formulas_say(x, y, factor) -> None:
    batch, scaled = Batch(x, y), Batch(factor * x, y)
    modes, larger = input_output_modes(batch), input_output_modes(scaled)
    kept = min(len(modes.strengths), len(larger.strengths))  # the weakest may be rounding errors
    expected = factor * np.asarray(modes.strengths)
    np.testing.assert_allclose(larger.strengths[:kept], expected[:kept], atol=1e-9)
    assert np.all(expected[kept:] < 1e-9)
    for share in (whiteness(batch), mode_alignment(batch), target_alignment(batch)):
        assert np.isnan(share) or -1e-12 <= share <= 1 + 1e-12
    np.testing.assert_allclose(whiteness(scaled), whiteness(batch), atol=1e-9)
    power = target_power(batch)
    assert np.all(np.isnan(power)) or power.sum() <= 1 + 1e-12
