"""The engine against the general path and formulas by hand, and where rounding is worst."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.networks.activations import Abs, Erf, LeakyRelu, Linear, Relu, Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.description import Network
from carnotlab.networks.infinite import dense_engine as module
from carnotlab.networks.infinite.dense_engine import dense_kernels, supports
from carnotlab.networks.infinite.general import general_kernels
from carnotlab.networks.layers import (
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    LayerNorm,
    Product,
    Residual,
    Sum,
)
from carnotlab.networks.parameterization import NTK, MeanField, Standard

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 9))
Z = RNG.normal(size=(300, 9))

SKIP = Sum(((), (Relu(), Dense(8), Residual((LeakyRelu(-0.2), Dense(8, 0.7, 0.1)))), (Dense(8),)))
NETWORKS = {
    "rectifiers": mlp(9, (8, 8, 8), 1),
    "biases": mlp(9, (8, 8, 8), 1, bias_variance=0.3),
    "standard": mlp(9, (8, 16), 1, bias_variance=0.3, parameterization=Standard()),
    "mean field": mlp(9, (8, 16), 1, parameterization=MeanField(0.5)),
    "leaky": mlp(9, (8, 8), 1, activation=LeakyRelu(0.3), bias_variance=0.1),
    "absolute": mlp(9, (8, 8), 1, activation=Abs()),
    "error function": mlp(9, (8, 8, 8), 1, activation=Erf(1.3), bias_variance=0.1),
    "linear": mlp(9, (8, 8), 1, activation=Linear()),
    "frozen": Network(9, (Dense(8), Relu(), Dense(8), Relu(), Dense(1)), NTK(), frozen=2),
    "input activation": Network(9, (Relu(), Dense(8), Relu(), Dense(1)), NTK()),
    "branches": Network(
        9,
        (
            Dense(8),
            Residual((Relu(), Dense(8), LayerNorm(), Relu(), Dense(8))),
            SKIP,
            LayerNorm(),
            Relu(),
            Dropout(0.7),
            Dense(1, 0.9),
        ),
        NTK(),
    ),
    "product": Network(
        9, (Dense(8), Product(((Relu(), Dense(8)), (Dense(8), Erf(), Dense(8)))), Dense(2)), NTK()
    ),
}


def errors(found, expected):
    """Differences in units of the geometric mean of both samples' own kernels."""
    return [
        np.abs(one - other).max() / np.abs(other).max()
        for one, other in zip(found, expected, strict=True)
    ]


@pytest.mark.parametrize("second", [None, Z], ids=["same", "others"])
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_the_general_path(name, second):
    network = NETWORKS[name]
    assert supports(network)
    expected = general_kernels(network, X, second)
    double = dense_kernels(network, X, second, dtype="float64")
    assert max(errors(double, expected)) < 1e-13
    single = dense_kernels(network, X, second, dtype="float32")
    assert single.nngp.dtype == single.ntk.dtype == np.float32
    assert max(errors(single, expected)) < 1e-5
    if second is None:
        for kernel in (*double, *single):
            assert np.array_equal(kernel, kernel.T)
        np.testing.assert_allclose(np.diagonal(double.ntk), np.diagonal(expected.ntk), rtol=1e-14)


def test_two_hidden_layers_by_hand():
    def pair(a, b, c):
        scale = np.sqrt(np.outer(a, b))
        theta = np.arccos(c / scale)
        value = scale / (2 * np.pi) * (np.sin(theta) + (np.pi - theta) * c / scale)
        return value, (np.pi - theta) / (2 * np.pi)

    a, b, k = np.sum(X**2, 1) * 2 / 9, np.sum(Z**2, 1) * 2 / 9, 2 / 9 * X @ Z.T
    theta = k
    for variance in (2.0, 1.0):
        value, slope = pair(a, b, k)
        k, theta = variance * value, variance * value + variance * slope * theta
        a, b = variance * a / 2, variance * b / 2
    found = dense_kernels(mlp(9, (8, 8), 1), X, Z, dtype="float64")
    np.testing.assert_allclose(found, (k, theta), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neither_threads_nor_blocks_change_a_bit(dtype):
    x = RNG.normal(size=(600, 40))
    network = mlp(40, (8, 8), 1, bias_variance=0.1)
    for second in (None, x[:333] + 0.1):
        reference = dense_kernels(network, x, second, dtype=dtype, threads=1)
        for threads, block in ((2, None), (3, 7), (1, 1000)):
            found = dense_kernels(network, x, second, dtype=dtype, threads=threads, block=block)
            assert np.array_equal(found.nngp, reference.nngp)
            assert np.array_equal(found.ntk, reference.ntk)


def close_samples(kind, n, inputs):
    """Samples whose correlations are as close to ±1 as their kind says."""
    x = RNG.normal(size=(n, inputs))
    half = n // 2
    scales = RNG.uniform(0.1, 3, size=(half, 1))
    match kind:
        case "equal":
            x[half:] = x[:half]
        case "opposite":
            x[half:] = -scales * x[:half]
        case "constant":
            x[:] = 0.7
        case "images":
            x = RNG.uniform(size=(n, inputs))
            x[half:] = x[:half] + 0.01 * x[half:]
        case float():
            x[half:] = scales * x[:half] + kind * x[half:]
        case _:
            # Clusters, so that many pairs of a tile are close.
            x = np.repeat(x[: n // 10], 10, axis=0) + float(kind.split()[1]) * x
    return x


CLOSE = ["equal", "opposite", "constant", "images", 1e-7, 1e-4, 1e-2, 0.1]
CLUSTERS = ["clusters 1e-6", "clusters 1e-3", "clusters 0.03", "clusters 0.3"]


@pytest.mark.parametrize("kind", CLOSE + CLUSTERS)
@pytest.mark.parametrize("depth", [1, 3, 20])
def test_float32_is_good_close_to_correlations_of_one(kind, depth):
    x = close_samples(kind, 100, 784)
    for activation in (Relu(), LeakyRelu(0.3), Abs(), Erf()):
        for bias in (None, 0.2):
            variance = 2.0 if activation == Relu() else 1.0
            network = mlp(
                784, (8,) * depth, 1,
                activation=activation, weight_variance=variance, bias_variance=bias,
            )  # fmt: skip
            double, single = (dense_kernels(network, x, dtype=d) for d in ("float64", "float32"))
            for one, other in zip(single, double, strict=True):
                spread = np.sqrt(np.diagonal(other))
                assert (np.abs(one - other) <= 1e-5 * np.outer(spread, spread)).all()


def test_close_pairs_would_be_wrong_without_care(monkeypatch):
    """The tests above can fail: rounding of the products alone is enough."""
    monkeypatch.setattr(module, "NEAR_A_LAYER", 0.0)
    x = close_samples(1e-4, 100, 784)
    network = mlp(784, (8,) * 3, 1)
    double, single = (dense_kernels(network, x, dtype=dtype) for dtype in ("float64", "float32"))
    assert max(errors(single, double)) > 3e-5


def test_angle_of_nearly_equal_samples_is_that_of_geometry():
    # One hidden layer without bias: slope = (π - θ) / 2π, with θ = 2 asin(|u - v| / 2) of units.
    x = RNG.normal(size=(1, 50))
    for distance in (1e-1, 1e-3, 1e-5):
        z = x + distance * RNG.normal(size=(1, 50))
        u, v = x / np.linalg.norm(x), z / np.linalg.norm(z)
        theta = 2 * np.arcsin(np.linalg.norm(u - v) / 2)
        scale = np.linalg.norm(x) * np.linalg.norm(z) / 50
        cosine = np.cos(theta)
        value = scale * (np.sin(theta) + (np.pi - theta) * cosine) / np.pi
        expected = value + scale * cosine * (np.pi - theta) / np.pi
        found = dense_kernels(mlp(50, (8,), 1), x, z, dtype="float64").ntk.item()
        assert found == pytest.approx(expected, rel=4 * 2.0**-52 / theta + 1e-14)


@pytest.mark.parametrize("activation", [Relu(), LeakyRelu(0.2), LeakyRelu(-0.4), Abs(), Erf()])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_zero_samples_have_the_finite_network_s_slope(activation, dtype):
    x = X[:8].copy()
    x[[2, 5]] = 0
    network = mlp(9, (8, 8), 1, activation=activation)
    for second in (None, x.copy()):
        found = dense_kernels(network, x, second, dtype=dtype)
        expected = general_kernels(network, x, second)
        tolerance = 1e-13 if dtype == "float64" else 1e-6
        np.testing.assert_allclose(found.nngp, expected.nngp, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(found.ntk, expected.ntk, rtol=tolerance, atol=tolerance)
    # With biases behind the zero inputs nothing is zero; with one in front of a linear layer, all.
    behind = Network(9, (Dense(8), activation, Dense(8, 1.0, 0.5), activation, Dense(1)), NTK())
    found = dense_kernels(behind, x, dtype=dtype)
    np.testing.assert_allclose(found.ntk, general_kernels(behind, x).ntk, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_a_rectifier_s_kernels_scale_with_the_inputs(scale):
    network = mlp(9, (8, 8), 1)
    usual, scaled = (dense_kernels(network, x, dtype="float32") for x in (X, scale * X))
    for one, other in zip(usual, scaled, strict=True):
        np.testing.assert_allclose(other, scale**2 * one, rtol=1e-5)


def test_wide_erf_becomes_the_sign_function():
    angle = np.arccos(X @ Z.T / np.sqrt(np.outer(np.sum(X**2, 1), np.sum(Z**2, 1))))
    found = dense_kernels(mlp(9, (8,), 1, activation=Erf()), 1e6 * X, 1e6 * Z, dtype="float64")
    np.testing.assert_allclose(found.nngp, 1 - 2 * angle / np.pi, atol=1e-10)


def test_parts_of_a_matrix_are_those_of_the_whole():
    network = mlp(9, (8, 8), 1, bias_variance=0.2)
    whole = dense_kernels(network, Z, dtype="float64")
    part = dense_kernels(network, Z[:31], Z[200:], dtype="float64")
    np.testing.assert_allclose(part.ntk, whole.ntk[:31, 200:], rtol=1e-13)


def test_results_are_written_where_they_are_wanted(tmp_path):
    network = mlp(9, (8,), 1)
    out = tuple(
        np.memmap(tmp_path / name, dtype=np.float32, mode="w+", shape=(70, 300)) for name in "kt"
    )
    found = dense_kernels(network, X, Z, dtype="float32", out=out)
    assert np.array_equal(out[1], dense_kernels(network, X, Z, dtype="float32").ntk)
    assert np.shares_memory(found.nngp, out[0])
    with pytest.raises(InputError, match=r"two arrays of shape \(70, 300\) and type float32"):
        dense_kernels(network, X, Z, dtype="float32", out=(np.empty((70, 300)),) * 2)


def test_what_is_not_supported():
    images = Network((4, 4, 1), (Convolution(8), Relu(), Flatten(), Dense(1)), NTK())
    for network in (images, mlp(9, (8,), 1, activation=Tanh())):
        assert not supports(network)
    assert supports(Network((4, 4, 1), (Flatten(), Dense(8), Relu(), Dense(1)), NTK()))
    assert supports(Network((4, 4, 1), (GlobalAveragePool(), Dense(8), Relu(), Dense(1)), NTK()))
    assert not supports(mlp(9, (8,), 1, activation=LeakyRelu(-1.0)))
    with pytest.raises(OutOfReachError, match="use kernels"):
        dense_kernels(mlp(9, (8,), 1, activation=Tanh()), X)
    with pytest.raises(OutOfReachError, match="two activations in a row"):
        dense_kernels(Network(9, (Dense(8), Relu(), Relu(), Dense(1)), NTK()), X)
    with pytest.raises(InputError, match="'float32' or 'float64'"):
        dense_kernels(mlp(9, (8,), 1), X, dtype="float16")
    with pytest.raises(InputError, match="threads = 0"):
        dense_kernels(mlp(9, (8,), 1), X, threads=0)
    with pytest.raises(InputError, match="9 inputs"):
        dense_kernels(mlp(9, (8,), 1), X[:, :5])


def test_the_compiler_is_not_imported_before_it_is_needed(python):
    engine = "carnotlab.networks.infinite.dense_engine"
    code = f"import sys, carnotlab, {engine}; print('numba' in sys.modules)"
    assert python(code) == "False"


MEMORY = """
import numpy as np
from pathlib import Path
from carnotlab.networks.architectures import mlp
from carnotlab.networks.infinite.dense_engine import dense_kernels
network = mlp(784, (8, 8, 8), 1)
x = np.random.default_rng(0).normal(size=({n}, 784)).astype(np.float32)
dense_kernels(network, x[:100], dtype="float32")
def peak():  # getrusage's would be that of the process that started this one, if larger
    line = next(t for t in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in t)
    return int(line.split()[1])
before = peak()
found = dense_kernels(network, x, dtype="float32")
assert found.ntk.flags.c_contiguous and (np.diagonal(found.ntk) > 0).all()
print(peak() - before, before)
"""


@pytest.mark.slow
def test_memory_is_the_results_and_little_more(python):
    n = 8192
    extra, _ = (1024 * int(word) for word in python(MEMORY.format(n=n)).split())
    results, copies = 2 * 4 * n**2, (8 + 4 + 8) * n * 784
    assert results < extra < results + copies + 64 * 2**20
