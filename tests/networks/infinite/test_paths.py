"""Every path to a kernel gives the same one: general, compiled, displaced; either precision."""

import numpy as np
import pytest

from carnotlab.core.errors import InputError, OutOfReachError
from carnotlab.networks.activations import Tanh
from carnotlab.networks.architectures import mlp
from carnotlab.networks.convolutional_architectures import convolutional, lenet, myrtle, resnet, vgg
from carnotlab.networks.infinite import kernels as module
from carnotlab.networks.infinite.kernels import kernels

READY = {
    "mlp": mlp(12, (64, 64), 2, bias_variance=0.1),
    "lenet": lenet((12, 12, 1)),
    "vgg": vgg((32, 32, 1), width=4),
    "resnet": resnet((8, 8, 1), blocks=(1, 1), width=4),
    "myrtle": myrtle((8, 8, 1)),
    "flatten": convolutional((8, 8, 1), (4, 4), 2, pooling=False),
}


def _samples(network, n=3):
    return np.random.default_rng(0).normal(size=(n, *network.shape))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n == "vgg" else ()) for n in READY]
)
def test_compiled_kernels_of_ready_made_networks_are_the_general_ones(name):
    network = READY[name]
    x = _samples(network)
    general = kernels(network, x, method="general")
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-5)):
        compiled = kernels(network, x, method="compiled", dtype=dtype)
        for one, other in zip(compiled, general, strict=True):
            assert one.dtype == dtype
            np.testing.assert_array_equal(one, one.T)
            np.testing.assert_allclose(one, other, rtol=tolerance)
        across = kernels(network, x[:1], x[1:], method="compiled", dtype=dtype)
        for one, other in zip(across, general, strict=True):
            np.testing.assert_allclose(one, other[:1, 1:], rtol=tolerance)


def test_auto_takes_the_compiled_path_where_it_pays(monkeypatch):
    network = READY["mlp"]
    taken = []
    original = module.dense_engine.dense_kernels
    monkeypatch.setattr(
        module.dense_engine, "dense_kernels", lambda *a, **k: taken.append(1) or original(*a, **k)
    )
    kernels(network, _samples(network))
    assert not taken
    monkeypatch.setattr(module, "SMALL", 4)
    kernels(network, _samples(network))
    assert taken


@pytest.mark.parametrize("method", ["general", "compiled"])
def test_progress_rises_to_one(method):
    network, seen = READY["flatten"], []
    kernels(network, _samples(network, 5), method=method, block=2, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda n, x: kernels(n, x, dtype="float16"), InputError, r"dtype = 'float16'"),
        (lambda n, x: kernels(n, x, method="fast"), InputError, r"method = 'fast'"),
        (
            lambda _, x: kernels(mlp(12, (3,), 1, activation=Tanh()), x, method="compiled"),
            OutOfReachError,
            r"a layer that the compiled path lacks.*method='general'",
        ),
        (
            lambda _, x: kernels(READY["resnet"], np.ones((2, 1, 8, 8))),
            InputError,
            r"samples of shape \(1, 8, 8\).*\(8, 8, 1\), channels last.*move the axes",
        ),
        (
            lambda _, x: kernels(READY["resnet"], np.ones((2, 8, 8, 3))),
            InputError,
            r"192 features a sample.*use inputs=\(8, 8, 3\)",
        ),
        (
            lambda n, x: kernels(n, np.where(x > 1, np.nan, x)),
            InputError,
            r"entries that are not finite",
        ),
        (lambda n, x: kernels(n, 1e200 * x), InputError, r"overflows.*scale the inputs"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, error, message):
    network = READY["mlp"]
    with pytest.raises(error, match=message) as caught:
        call(network, _samples(network))
    assert "\n" not in str(caught.value)
