from itertools import combinations

import numpy as np
import pytest
from sklearn.svm import SVC

from carnotlab.core.errors import InputError
from carnotlab.estimators import small_data_protocol as module
from carnotlab.estimators.small_data_protocol import (
    COSTS,
    DEPTHS,
    FAMILIES,
    gaussian_kernels,
    linear_kernel,
    protocol,
    relu_network,
    tangent_kernel,
    tangent_kernels,
)
from carnotlab.tasks.small_data_sets import SmallDataSet, Split, with_splits


def kernels_of_the_paper(x):
    """The recursion of arora2020, as its authors' program has it: K[depth, frozen]."""
    found = {}
    for frozen in range(5):
        s = x @ x.T
        h = np.zeros_like(s)
        for depth in range(5):
            if frozen <= depth:
                h = h + s
            found[depth, frozen] = h
            norms = np.diag(s)
            p = np.clip(np.sqrt(np.outer(norms, norms)), 1e-9, None)
            cosine = np.clip(s / p, -1.0, 1.0)
            angle = np.pi - np.arccos(cosine)
            s = (cosine * angle + np.sqrt(1.0 - cosine**2)) * p / 2.0 / np.pi
            h = h * angle / 2.0 / np.pi
    return found


def blobs(n=60, features=4, classes=3, apart=1.0):
    rng = np.random.default_rng(0)
    y = np.arange(n) % classes
    centres = apart * rng.standard_normal((classes, features))
    return with_splits("blobs", centres[y] + rng.standard_normal((n, features)), y)


def test_kernels_are_those_of_the_papers_recursion():
    x = np.random.default_rng(0).standard_normal((30, 5))
    x[4] = 2.0 * x[5]  # parallel rows, where the arc cosine is steepest
    expected = kernels_of_the_paper(x)
    seen = {tuple(named.values()): compute() for named, compute in tangent_kernels(x)}
    assert list(seen) == [(depth, frozen) for depth in DEPTHS for frozen in range(depth + 1)]
    for key, matrix in seen.items():
        # The recursion's own arc cosine loses half the digits next to 1: sqrt(2^-52) = 1.5e-8.
        np.testing.assert_allclose(matrix, expected[key], rtol=0, atol=1e-7 * expected[key].max())
        np.testing.assert_array_equal(matrix, matrix.T)


def test_tiles_do_not_change_the_kernel():
    x = np.random.default_rng(0).standard_normal((150, 3))
    whole = tangent_kernel(x, 2, 1)
    tiles = [np.arange(start, min(start + 64, 150)) for start in range(0, 150, 64)]
    for one, other in combinations(tiles, 2):
        rows = np.concatenate([one, other])
        expected = whole[np.ix_(rows, rows)]
        np.testing.assert_allclose(tangent_kernel(x[rows], 2, 1), expected, rtol=1e-12, atol=1e-12)


def test_kernels_do_not_follow_the_scale_of_inputs_but_its_square():
    x = np.random.default_rng(0).standard_normal((6, 3))
    np.testing.assert_allclose(tangent_kernel(3.0 * x, 2, 0), 9.0 * tangent_kernel(x, 2, 0))


def test_depth_nought_is_the_linear_machine():
    x = np.random.default_rng(0).standard_normal((6, 3))
    (_, linear), *_ = linear_kernel(x)
    np.testing.assert_allclose(tangent_kernel(x, 0, 0), linear(), atol=1e-12)


def test_gaussian_kernels_are_scikit_learns():
    given = blobs()
    for named, compute in gaussian_kernels(given.x):
        gamma = named["scale"] / given.x.shape[1]
        ours = SVC(kernel="precomputed").fit(compute(), given.y).predict(compute())
        theirs = SVC(kernel="rbf", gamma=gamma).fit(given.x, given.y).predict(given.x)
        np.testing.assert_array_equal(ours, theirs)


def test_frozen_layers_must_leave_one_to_train():
    with pytest.raises(InputError, match="train the last one"):
        relu_network(3, 1, 2)


@pytest.mark.parametrize("family", ["linear", "Gaussian kernel"])
def test_choice_and_report_are_the_protocols(family):
    """Against loops over scikit-learn's own kernels, which compute no matrix of ours."""
    given = blobs(90)
    choices = [{"kernel": "linear"}]
    if family == "Gaussian kernel":
        choices = [{"kernel": "rbf", "gamma": 2.0**k / given.x.shape[1]} for k in range(-7, 8)]

    def accuracy(split, **options):
        machine = SVC(**options).fit(given.x[split.train], given.y[split.train])
        return machine.score(given.x[split.test], given.y[split.test])

    best = (-1.0, {}, 0.0)
    for options in choices:
        for cost in COSTS:
            reached = accuracy(given.choosing, **options, C=cost)
            if reached > best[0]:
                best = (reached, options, cost)
    found = protocol(given, FAMILIES[family])
    assert found.cost == best[2]
    assert found.chosen_by == pytest.approx(best[0], abs=1e-12)
    expected = [accuracy(split, **best[1], C=best[2]) for split in given.reporting]
    np.testing.assert_allclose(found.accuracies, expected, atol=1e-12)


def test_ties_go_to_the_first():
    x = np.array([[-3.0], [-2.0], [2.0], [3.0]] * 4)
    half = Split(np.arange(8), np.arange(8, 16))
    apart = SmallDataSet("apart", x, (x[:, 0] > 0).astype(int), half, (half,) * 4)
    found = protocol(apart, tangent_kernels)
    assert found.chosen_by == 1.0
    assert (dict(found.parameters), found.cost) == ({"depth": 0, "frozen": 0}, COSTS[0])


def test_shuffled_labels_leave_chance():
    """Balanced classes without a link: right as often as a coin, to five standard errors."""
    given = blobs(240, classes=2, apart=3.0)
    found = protocol(given, linear_kernel)
    assert found.accuracies.mean() > 0.8
    assert abs(found.shuffled.mean() - 0.5) < 5 * np.sqrt(0.25 / 60)


def test_machines_that_do_not_converge_are_counted(monkeypatch):
    whole = protocol(blobs(), linear_kernel)
    monkeypatch.setattr(module, "ITERATIONS", 40)
    some = protocol(blobs(), linear_kernel)
    assert some.unconverged > whole.unconverged
    assert some.cost < max(COSTS)
    monkeypatch.setattr(module, "ITERATIONS", 1)
    with pytest.raises(InputError, match="no machine converges"):
        protocol(blobs(), linear_kernel)


def test_progress_is_told_once_a_kernel():
    told = []
    protocol(blobs(), linear_kernel, progress=lambda: told.append(1))
    assert len(told) == 1
