"""Starts: exact end-to-end strengths, balance, singular values, and refusals."""

import itertools

import jax
import numpy as np
import pytest

from carnotlab.core.data import Modes
from carnotlab.core.descriptions import content_key
from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.core.precision import precision
from carnotlab.networks.architectures import deep_linear, mlp
from carnotlab.networks.description import Network
from carnotlab.networks.finite import Model
from carnotlab.networks.initialisation import (
    Aligned,
    Balanced,
    Gaussian,
    LambdaBalanced,
    Orthogonal,
    given,
    small,
)
from carnotlab.networks.layers import Dense, Residual
from carnotlab.networks.parameterization import NTK, MeanField

INPUTS, OUTPUTS = 6, 4


@pytest.fixture
def modes():
    random = np.random.default_rng(0)
    left, _ = np.linalg.qr(random.normal(size=(OUTPUTS, 3)))
    right, _ = np.linalg.qr(random.normal(size=(INPUTS, 3)))
    return Modes(left, np.array([3.0, 2.0, 1.0]), right)


def factors_of(initialisation, hidden=(7, 5), modes=None, seed=0, kind="float64", network=None):
    network = network or deep_linear(INPUTS, hidden, OUTPUTS, initialisation=initialisation)
    with precision(kind):
        model = Model(network)
        start = jax.jit(lambda: model.effective(model.start(seed, modes)))
        return [np.asarray(f) for f in start()]


def imbalance(factors):
    sizes = max(np.linalg.norm(f.T @ f) for f in factors)
    gaps = [np.linalg.norm(b.T @ b - a @ a.T) for a, b in itertools.pairwise(factors)]
    return max(gaps, default=0.0) / sizes


# Some ten roundings of the precision: QR, a root, and two products.
ROUNDING = {"float32": 1e-6, "float64": 1e-12}


@pytest.mark.parametrize(
    ("hidden", "kind"),
    [((), "float64"), ((3,), "float64"), ((5, 9, 4, 3), "float64"), ((7, 5), "float32")],
)
def test_aligned_end_to_end_strengths_are_exact(hidden, modes, kind):
    factors = factors_of(Aligned(0.01), hidden, modes, kind=kind)
    whole = np.linalg.multi_dot(factors[::-1]) if len(factors) > 1 else factors[0]
    expected = 0.01 * modes.left @ modes.right.T
    assert np.abs(whole - expected).max() < 0.01 * ROUNDING[kind]
    assert imbalance(factors) < ROUNDING[kind]
    for factor in factors:
        singular = np.linalg.svd(factor, compute_uv=False)[:3]
        np.testing.assert_allclose(singular, 0.01 ** (1 / len(factors)), rtol=ROUNDING[kind])


def test_aligned_hidden_bases_are_random(modes):
    one, two = (factors_of(Aligned(0.01), modes=modes, seed=seed) for seed in range(2))
    assert np.abs(one[0] - two[0]).max() > 0.01


@pytest.mark.parametrize(
    ("hidden", "kind"), [((4,), "float64"), ((9, 4, 8), "float64"), ((7, 5), "float32")]
)
def test_balanced_layers_are_balanced(hidden, kind):
    assert imbalance(factors_of(Balanced(0.1), hidden, kind=kind)) < ROUNDING[kind]


def test_the_measure_of_balance_sees_imbalance():
    assert imbalance(factors_of(Gaussian())) > 0.1


def test_balanced_end_to_end_map_is_gaussian():
    model = Model(deep_linear(INPUTS, (4,), OUTPUTS, initialisation=Balanced(0.1)))

    def whole(seed):
        first, second = model.effective(model.start(seed))
        return second @ first

    values = np.ravel(jax.jit(jax.vmap(whole))(np.arange(100)))
    # 2400 normals: variance within sqrt(2 / n), fourth moment 3 within sqrt(96 / n), four of each.
    n = values.size
    assert values.var() == pytest.approx(0.01, rel=4 * np.sqrt(2 / n))
    assert abs(values.mean()) < 4 * 0.1 / np.sqrt(n)
    assert np.mean(values**4) / values.var() ** 2 == pytest.approx(3.0, abs=4 * np.sqrt(96 / n))


@pytest.mark.parametrize(
    ("hidden", "balance", "kind"),
    [
        (4, 0.7, "float64"),
        (3, 2.0, "float64"),
        (6, -1.5, "float64"),
        (5, -1e-3, "float64"),
        (9, 0.0, "float64"),
        (2, 0.0, "float64"),
        (4, 0.7, "float32"),
    ],
)
def test_lambda_balanced_layers_differ_by_lambda_in_every_direction(hidden, balance, kind):
    first, second = factors_of(LambdaBalanced(balance, 0.3), (hidden,), kind=kind)
    gap = second.T @ second - first @ first.T - balance * np.eye(hidden)
    assert np.abs(gap).max() < ROUNDING[kind] * max(abs(balance), 1.0)
    # A map of its own, of the rank that the hidden layer leaves, beside another seed's.
    rank = min(hidden, OUTPUTS)
    singular = np.linalg.svd(second @ first, compute_uv=False)
    assert singular[rank - 1] > 1e-3
    assert (singular[rank:] < ROUNDING[kind]).all()
    other = factors_of(LambdaBalanced(balance, 0.3), (hidden,), kind=kind, seed=1)
    assert np.abs(other[0] - first).max() > 0.01


def test_lambda_balanced_maps_are_the_same_at_every_lambda():
    """Balance moves strength between the layers only: the same seed has the same map."""
    wholes = [
        np.linalg.multi_dot(factors_of(LambdaBalanced(balance, 0.1), (4,))[::-1])
        for balance in (-3.0, 0.0, 1e-6, 2.0)
    ]
    for whole in wholes[1:]:
        np.testing.assert_allclose(whole, wholes[0], atol=1e-13)
    assert np.std(wholes[0]) == pytest.approx(0.1, rel=4 * np.sqrt(0.5 / wholes[0].size))


def test_given_matrices_are_the_starts_of_the_members():
    rng = np.random.default_rng(0)
    layers = [rng.normal(size=(3, 7, INPUTS)), rng.normal(size=(3, OUTPUTS, 7))]
    start = given(layers)
    for member in range(3):
        for parameterization in (None, NTK()):
            network = mlp(
                INPUTS, (7,), OUTPUTS, parameterization=parameterization, initialisation=start
            )
            seen = factors_of(None, seed=member, network=network)
            for factor, layer in zip(seen, layers, strict=True):
                np.testing.assert_allclose(factor, layer[member], rtol=1e-15)
    assert start == given([layer.copy() for layer in layers])
    assert hash(start) == hash(given(layers))
    layers[0][0, 0, 0] += 1.0
    assert start != given(layers)
    assert content_key(start) != content_key(given(layers))
    with pytest.raises(ValueError, match="read-only"):
        start.matrices[0][0, 0, 0] = 1.0


@pytest.mark.parametrize("parameterization", [None, NTK(), MeanField(0.5)])
def test_orthogonal_singular_values(parameterization):
    network = mlp(
        INPUTS, (7, 5), OUTPUTS, parameterization=parameterization, initialisation=Orthogonal(1.5)
    )
    for factor in factors_of(None, network=network):
        np.testing.assert_allclose(np.linalg.svd(factor, compute_uv=False), 1.5, rtol=1e-12)


def test_orthogonal_matrices_have_no_preferred_sign():
    """Uniform over the orthogonal group, every entry is symmetric about zero."""
    model = Model(Network(3, (Dense(3),), initialisation=Orthogonal()))

    def corner(seed):
        return model.effective(model.start(seed))[0][0, 0]

    corners = np.asarray(jax.jit(jax.vmap(corner))(np.arange(200)))
    # Without the sign of R's diagonal, QR makes this corner negative in every draw.
    assert 0.5 - 4 * 0.5 / np.sqrt(200) < np.mean(corners > 0) < 0.5 + 4 * 0.5 / np.sqrt(200)
    # An entry of a uniform unit vector in three dimensions is uniform on [-1, 1].
    assert np.mean(corners**2) == pytest.approx(1 / 3, abs=4 * np.sqrt(4 / 45 / 200))


def test_refusals(modes):
    with pytest.raises(InputError, match=r"a hidden layer of 2 units for 3 modes.*at least 3"):
        factors_of(Aligned(), (5, 2), modes)
    with pytest.raises(InputError, match=r"a hidden layer of 3 units for 4 modes"):
        factors_of(Balanced(), (3,))
    with pytest.raises(InputError, match=r"an aligned start without the task's modes"):
        factors_of(Aligned())
    with pytest.raises(InputError, match=r"5 hidden units and 4 outputs at balance 1; .*narrow"):
        factors_of(LambdaBalanced(1.0), (5,))
    with pytest.raises(InputError, match=r"7 hidden units and 6 inputs at balance -1"):
        factors_of(LambdaBalanced(-1.0), (7,))
    with pytest.raises(OutOfReachError, match=r"start of 3 layers.*use Balanced"):
        factors_of(LambdaBalanced(0.0), (4, 4))
    with pytest.raises(InputError, match=r"shapes \[\(7, 6\), \(4, 7\)\] for layers of shapes"):
        factors_of(given([np.ones((7, 6)), np.ones((4, 7))]), (5,))
    for wrong in ([], [np.ones(3)], [np.full((2, 2), np.nan)], [np.ones((2, 3, 3)), np.eye(3)]):
        with pytest.raises(InputError):
            given(wrong)
    with pytest.raises(InputError, match=r"balance = inf"):
        LambdaBalanced(float("inf"))
    for start in (Aligned(), Balanced(), LambdaBalanced(0.0)):
        with pytest.raises(OutOfReachError, match=r"the activation Relu in the linear reading"):
            factors_of(None, modes=modes, network=mlp(6, (5,), 4, initialisation=start))
        block = Network(6, (Dense(6), Residual((Dense(6),)), Dense(4)), initialisation=start)
        with pytest.raises(OutOfReachError, match=r"a residual block in the linear reading"):
            factors_of(None, modes=modes, network=block)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Gaussian, "scale"),
        (Orthogonal, "gain"),
        (Aligned, "strength"),
        (Balanced, "scale"),
        (lambda scale: LambdaBalanced(1.0, scale), "scale"),
    ],
)
def test_sizes_of_starts_are_positive(make, name):
    with pytest.raises(InputError, match=rf"{name} = 0.0"):
        make(0.0)


def test_small_starts_are_small():
    assert small(0.1) == Gaussian(0.1)
    with pytest.raises(InputError, match=r"scale = 2.0.*below 1"):
        small(2.0)
