"""Kernels against whole covariance matrices, the general recursion, and themselves."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.networks.activations import Abs, LeakyRelu, Linear, Relu, Tanh
from carnotlab.networks.description import Network
from carnotlab.networks.infinite.engine import convolutional_kernels, operations, supports
from carnotlab.networks.infinite.gains import gains
from carnotlab.networks.infinite.general import general_kernels
from carnotlab.networks.layers import (
    AveragePool,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GlobalSumPool,
    LayerNorm,
    MaxPool,
    Residual,
    Sum,
    SumPool,
)
from carnotlab.networks.parameterization import NTK, MeanField, Standard

RNG = np.random.default_rng(0)
END = Dense(1, 1.5, 0.2)
MEAN = GlobalAveragePool()


def conv(size=3, stride=1, padding="same", bias=0.1):
    return Convolution(8, size, stride, padding, 1.8, bias)


def kernels(network, x1, x2=None, dtype="float64", **rest):
    return convolutional_kernels(network, gains(network), x1, x2, dtype, **rest)


def images(network, n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *network.shape))


BLOCK = Residual((Relu(), conv(), Relu(), conv()))
DOWN = Sum(((Relu(), conv(stride=2), Relu(), conv()), (conv(1, 2),)))
CASES = {
    "flatten": ((5, 4, 3), (conv(), Relu(), conv(), LeakyRelu(0.2), Flatten(), END)),
    "global mean": ((5, 4, 3), (conv(), Relu(), conv(), Abs(), MEAN, END)),
    "global sum": ((4, 5, 1), (conv(), Relu(), GlobalSumPool(), END)),
    "activations behind the pool": ((3, 4, 2), (conv(), Relu(), MEAN, END, Relu(), END)),
    "no activation": ((4, 4, 2), (conv(), Linear(), conv(), MEAN, END)),
    "even filter": ((5, 4, 2), (conv(2), Relu(), conv((4, 1)), Relu(), MEAN, END)),
    "large filter": ((4, 3, 2), (conv(5), Relu(), conv((1, 4)), Relu(), MEAN, END)),
    "valid": ((6, 5, 2), (conv(padding="valid"), Relu(), conv((2, 3), padding="valid"), MEAN, END)),
    "valid then same": ((6, 5, 2), (conv(padding="valid"), Relu(), conv(), Relu(), MEAN, END)),
    "circular": (
        (4, 5, 2),
        (conv(padding="circular"), Relu(), conv((2, 4), padding="circular"), Relu(), MEAN, END),
    ),
    "circular and same": ((4, 4, 2), (conv(padding="circular"), Relu(), conv(), Relu(), MEAN, END)),
    "circular, strided": (
        (4, 6, 2),
        (conv(3, 2, "circular"), Relu(), conv(2, padding="circular"), Relu(), MEAN, END),
    ),
    "stride": ((7, 5, 2), (conv(3, 2), Relu(), conv(), Relu(), MEAN, END)),
    "strides beyond the filter": (
        (7, 6, 2),
        (conv(2, (3, 1)), Relu(), conv(1, 2, "valid"), Relu(), MEAN, END),
    ),
    "stride, flatten": ((6, 6, 2), (conv(), Relu(), conv(2, 2), Relu(), Flatten(), END)),
    "pool": ((6, 4, 2), (conv(), Relu(), AveragePool(), conv(), Relu(), MEAN, END)),
    "pool, flatten": ((6, 4, 2), (conv(), Relu(), AveragePool(), conv(), Relu(), Flatten(), END)),
    "two pools": (
        (8, 5, 1),
        (conv(), Relu(), SumPool((2, 1)), conv(), Relu(), AveragePool(2), conv(), Relu(),
         Flatten(), END),
    ),
    "overlapping padded pool": (
        (5, 5, 2),
        (conv(), Relu(), AveragePool(3, 2, "same"), conv(), Relu(), MEAN, END),
    ),
    "overlapping pool, flatten": (
        (5, 6, 2),
        (conv(), Relu(), AveragePool(3, 1), conv(), Relu(), Flatten(), END),
    ),
    "circular pool": (
        (4, 5, 2),
        (conv(), Relu(), SumPool(3, 2, "circular"), conv(), Relu(), MEAN, END),
    ),
    "stride then pool": (
        (8, 7, 1),
        (conv(3, 2), Relu(), AveragePool(2), conv(2), Relu(), MEAN, END),
    ),
    "residual": ((4, 5, 2), (conv(), BLOCK, BLOCK, Relu(), MEAN, END)),
    "projection": ((6, 5, 2), (conv(), BLOCK, DOWN, BLOCK, Relu(), MEAN, END)),
    "nested": (
        (4, 3, 2),
        (conv(), Residual((Relu(), Residual((conv(), Relu(), conv())), Relu(), conv())),
         Relu(), MEAN, END),
    ),
    "identities": ((4, 3, 2), (conv(), Sum(((), (), (conv(),))), Sum(((), ())), Relu(), MEAN, END)),
    "dense per position": (
        (4, 3, 2),
        (conv(), Relu(), END, Relu(), conv(), Relu(), Flatten(), END),
    ),
    "norm": ((4, 3, 2), (conv(), LayerNorm(), Relu(), conv(), LayerNorm("all"), Abs(), MEAN, END)),
    "norm in a branch": (
        (4, 3, 2),
        (conv(), Residual((LayerNorm(), Relu(), conv())), Relu(), MEAN, END),
    ),
    "dropout": (
        (4, 3, 2),
        (conv(), Relu(), Dropout(0.5), conv(), Residual((Dropout(0.8), conv())), Relu(), MEAN, END),
    ),
    "one axis": ((9, 2), (conv(), Relu(), AveragePool(3, 2), conv(2), Relu(), MEAN, END)),
    "one axis, circular": (
        (8, 2),
        (conv(4, 2, "circular"), Relu(), conv(3, padding="circular"), Relu(), Flatten(), END),
    ),
    "one position": ((1, 1, 3), (conv(), Relu(), MEAN, END)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_kernels_are_those_of_whole_covariance_matrices(name, all_by_hand):
    network = Network(*CASES[name], NTK())
    assert supports(network)
    x, y = images(network, 3), images(network, 2, seed=1)
    for second in (None, y):
        expected = all_by_hand(network, x, second)
        # By arccos, angles of positions with themselves (correlations of 1) are good to 1e-8.
        error = 1e-7 if second is None else 1e-12
        np.testing.assert_allclose(kernels(network, x, second), expected, rtol=error)
        single = kernels(network, x, second, "float32")
        np.testing.assert_allclose(single, kernels(network, x, second), rtol=1e-6)


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("two pools", "projection", "norm")]


@pytest.mark.parametrize("name", ["one axis", *SLOW])
def test_kernels_are_those_of_the_general_recursion(name):
    network = Network(*CASES[name], NTK())
    x, y = images(network, 3), images(network, 2, seed=1)
    for second in (None, y):
        expected = general_kernels(network, x, second)
        np.testing.assert_allclose(kernels(network, x, second), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [Standard(), NTK(), MeanField(0.5)])
def test_gains_of_every_parameterization(kind, all_by_hand):
    network = Network((3, 4, 2), (conv(), Relu(), conv(bias=None), Relu(), Flatten(), END), kind)
    x = images(network, 2)
    np.testing.assert_allclose(kernels(network, x), all_by_hand(network, x), rtol=1e-7)


def deep(depth, ending=MEAN, bias=None, size=5):
    layers = (Convolution(8, weight_variance=2.0, bias_variance=bias), Relu())
    return Network((size, size, 3), (*(layers * depth), ending, Dense(1)), NTK())


@pytest.mark.parametrize("depth", [2, 14])
@pytest.mark.parametrize("ending", [MEAN, Flatten()])
def test_single_precision_next_to_correlations_of_one(depth, ending):
    network = deep(depth, ending)
    x = images(network, 3)
    near = [x + scale * images(network, 3, 1) for scale in (1e-2, 1e-4, 1e-6)]
    constant = np.ones((3, 1, 1, 1)) * np.array([1.0, 3.0, -2.0])[:, None, None, None]
    y = np.concatenate([x, *near, -x, 3 * x, np.zeros_like(x) + constant])
    single, double = kernels(network, y, y, "float32"), kernels(network, y, y)
    np.testing.assert_allclose(single, double, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_duplicated_images_have_the_kernels_of_the_image_itself(dtype):
    network = deep(6)
    x = images(network, 3)
    error = 1e-12 if dtype == "float64" else 1e-6
    for own, pairs in zip(
        kernels(network, x, None, dtype), kernels(network, x, x, dtype), strict=True
    ):
        np.testing.assert_allclose(pairs, own, rtol=error)


def test_scaled_images_scale_kernels_where_there_are_no_biases():
    network = deep(3)
    x, y = images(network, 2), images(network, 3, 1)
    for one, other in zip(kernels(network, 3 * x, -2 * y), kernels(network, x, -y), strict=True):
        np.testing.assert_allclose(one, 6 * other, rtol=1e-12)


@pytest.mark.parametrize("activation", [Relu(), LeakyRelu(0.3), Abs()])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_black_pixels_have_the_slope_at_zero(activation, dtype, all_by_hand):
    for inside in ((conv(bias=None), activation), (conv(1, bias=None), Sum(((), ())), activation)):
        layers = (*inside, conv(), activation, MEAN, END)
        network = Network((5, 5, 2), layers, NTK())
        x = images(network, 3)
        x[0, :3], x[1, 2:] = 0.0, 0.0
        x[2] = 0.0
        found = kernels(network, x, None, dtype)
        np.testing.assert_allclose(found, all_by_hand(network, x), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_are_symmetric_and_positive(dtype):
    network = deep(3)
    for matrix in kernels(network, images(network, 20), None, dtype):
        assert matrix.dtype == dtype
        np.testing.assert_array_equal(matrix, matrix.T)
        values = np.linalg.eigvalsh(matrix.astype(np.float64))
        assert values[0] > -20 * np.finfo(dtype).eps * values[-1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_results_do_not_depend_on_order_threads_tiles_or_lanes(dtype, monkeypatch):
    from carnotlab.networks.infinite.engine import matrix

    network = Network(*CASES["two pools"], NTK())
    x, y = images(network, 21), images(network, 19, 1)
    both, own = (
        kernels(network, x, y, dtype, threads=1),
        kernels(network, x, None, dtype, threads=1),
    )
    order = RNG.permutation(21)
    for part, mixed in zip(both, kernels(network, x[order], y, dtype, threads=3), strict=True):
        np.testing.assert_array_equal(mixed, part[order])
    monkeypatch.setattr(matrix, "TILE_BYTES", 1)
    monkeypatch.setattr(matrix, "LANES", (8, 8, 8))
    monkeypatch.setattr(matrix, "JOB_OPERATIONS", 1)
    for second, whole in ((y, both), (None, own)):
        for part, tiled in zip(whole, kernels(network, x, second, dtype, threads=2), strict=True):
            np.testing.assert_array_equal(tiled, part)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_black_pixels_change_no_other_kernel(dtype):
    layers = (conv(bias=None), Relu(), conv(bias=None), Relu(), Flatten(), Dense(1))
    network = Network((5, 4, 3), layers, NTK())
    x = images(network, 12)
    with_zeros = x.copy()
    with_zeros[5, :3] = 0
    others = np.delete(np.arange(12), 5)
    for part, mixed in zip(
        kernels(network, x, None, dtype), kernels(network, with_zeros, None, dtype), strict=True
    ):
        assert (part[5] != mixed[5]).any()
        np.testing.assert_array_equal(part[np.ix_(others, others)], mixed[np.ix_(others, others)])


def test_progress_counts_every_pair_once():
    network = deep(1)
    heard = []
    kernels(network, images(network, 5), progress=lambda *pairs: heard.append(pairs))
    kernels(network, images(network, 5), images(network, 4), progress=lambda *p: heard.append(p))
    for pairs in (15, 20):
        done = [now for now, total in heard if total == pairs]
        assert done[-1] == pairs
        assert done == sorted(set(done))


@pytest.mark.parametrize(
    "layers",
    [
        (conv(), Tanh(), MEAN, END),
        (conv(), Relu(), MaxPool(), MEAN, END),
        (conv(), Residual((AveragePool(3, 1, "same"), conv())), MEAN, END),
        (conv(padding="valid"), Relu(), conv(padding="circular"), Relu(), MEAN, END),
    ],
)
def test_what_is_not_covered_is_refused(layers):
    network = Network((6, 6, 2), layers)
    assert not supports(network)
    with pytest.raises(OutOfReachError, match="general recursion"):
        kernels(network, images(network, 2))
    assert not supports(Network(3, (Dense(4), Relu(), Dense(1))))


def test_mistakes_are_refused():
    network = deep(1)
    x = images(network, 2)
    for wrong in (x[..., :1], x[:0], x[:, :3]):
        with pytest.raises(InputError, match=r"x2 of shape .* \(5, 5, 3\)"):
            kernels(network, x, wrong)
    with pytest.raises(InputError, match="dtype = 'float16'"):
        kernels(network, x, dtype="float16")
    with pytest.raises(InputError, match="threads = 0"):
        kernels(network, x, threads=0)


def test_operations_are_linear_in_layers_and_quadratic_in_positions_behind_a_pool():
    flat = [operations(deep(depth, Flatten())) for depth in (1, 2, 3)]
    whole = [operations(deep(depth)) for depth in (1, 2, 3)]
    assert flat[2] - flat[1] == flat[1] - flat[0]
    assert whole[2] - whole[1] == whole[1] - whole[0] == 25 * (flat[1] - flat[0])


def test_the_compiler_is_not_loaded_before_it_is_needed(python):
    code = (
        "import sys, carnotlab, carnotlab.networks.infinite.engine; print('numba' in sys.modules)"
    )
    assert python(code) == "False"
